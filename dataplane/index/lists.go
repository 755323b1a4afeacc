package index

// Lists holds slots in a fixed number of queues, each slot in at most one, and takes any of them out in constant time. Make one
// with [NewLists].
//
// They are rings in one slice: first the heads of the lists, then one node for each slot. Who is in no list is a ring of one.
type Lists struct {
	nodes []node
	heads int32
}

type node struct{ next, prev int32 }

// NewLists returns n empty lists, numbered from 0.
func NewLists(n int) Lists {
	l := Lists{heads: int32(n)}
	l.extend(n)
	return l
}

func (l *Lists) extend(n int) {
	for i := len(l.nodes); i < n; i++ {
		l.nodes = append(l.nodes, node{int32(i), int32(i)})
	}
}

// Push puts slot at the end of list, and takes it out of the one that it was in.
func (l *Lists) Push(list int, slot int32) {
	l.Remove(slot)
	l.extend(int(l.heads + slot + 1))
	i, head := l.heads+slot, int32(list)
	last := l.nodes[head].prev
	l.nodes[i] = node{next: head, prev: last}
	l.nodes[last].next, l.nodes[head].prev = i, i
}

// First returns the slot that has been in list for the longest time.
func (l *Lists) First(list int) (slot int32, ok bool) {
	i := l.nodes[list].next
	return i - l.heads, i >= l.heads
}

// Remove takes slot out of the list it is in, if any.
func (l *Lists) Remove(slot int32) {
	i := l.heads + slot
	if int(i) >= len(l.nodes) {
		return
	}
	n := l.nodes[i]
	l.nodes[n.prev].next, l.nodes[n.next].prev = n.next, n.prev
	l.nodes[i] = node{i, i}
}
