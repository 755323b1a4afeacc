package routing

import (
	"cmp"
	"math/bits"
	"net/netip"
	"slices"
	"sync/atomic"
	"unsafe"
)

// rib4 is what the writer of a Live table knows: the IPv4 routes, by the /16 they lie in, and where there is room in the current root.
// Only the holder of the table's lock touches it.
type rib4 struct {
	routes [1 << 16][]route4 // /16 and longer, in order
	wide   []route4          // shorter ones, the widest first
	around [1 << 16]uint32   // what the wide ones say about each /16
	dirty  []uint32          // numbers of the /19s to make anew

	leaves, nodes int            // how many are in use, up to where
	plain         map[uint32]int // where a leaf is that nodes of a single answer share
}

// route4 is a route; 0 leads nowhere.
type route4 struct {
	first uint32
	bits  uint8
	leads uint32
}

func route4Of(p netip.Prefix, x Answer) route4 {
	return route4{uint32(first4(p)), uint8(p.Bits()), uint32(x)}
}

func (r route4) last() uint32 { return r.first | uint32(uint64(1)<<(32-r.bits)-1) }

// key is in the order of routes: by address, then the containing prefix first.
func (r route4) key() uint64 { return uint64(r.first)<<8 | uint64(r.bits) }

// find returns where in the order a route to r's prefix is or belongs, and whether it is there.
func find(routes []route4, r route4) (at int, there bool) {
	for n := len(routes); n > 0; {
		half := n / 2
		if routes[at+half].key() < r.key() {
			at += half + 1
			n -= half + 1
		} else {
			n = half
		}
	}
	return at, at < len(routes) && routes[at].key() == r.key()
}

// compareWide puts the widest first.
func (r route4) compareWide(o route4) int {
	return cmp.Or(int(r.bits)-int(o.bits), cmp.Compare(r.first, o.first))
}

// put adds a route in place of the one to its prefix.
func (t *rib4) put(r route4) {
	list, i, there := t.seek(r)
	if there {
		if (*list)[i].leads == r.leads {
			return
		}
		(*list)[i] = r
	} else {
		*list = slices.Insert(*list, i, r)
	}
	t.touch(r)
}

// drop removes the route to r's prefix.
func (t *rib4) drop(r route4) {
	if list, i, there := t.seek(r); there {
		*list = slices.Delete(*list, i, i+1)
		t.touch(r)
	}
}

// seek returns the list that a route belongs in, where, and whether one to its prefix is there.
func (t *rib4) seek(r route4) (list *[]route4, at int, there bool) {
	if r.bits < 16 {
		at, there = slices.BinarySearchFunc(t.wide, r, route4.compareWide)
		return &t.wide, at, there
	}
	list = &t.routes[r.first>>16]
	at, there = find(*list, r)
	return list, at, there
}

// touch notes which nodes a change to r's prefix may change.
func (t *rib4) touch(r route4) {
	if r.bits < 16 {
		t.survey(r.first>>16, r.last()>>16)
	}
	for n := r.first >> 13; n <= r.last()>>13; n++ {
		t.dirty = append(t.dirty, n)
	}
}

// survey finds out what the wide routes say about these /16s.
func (t *rib4) survey(from, to uint32) {
	clear(t.around[from : to+1])
	for _, w := range t.wide {
		for b := max(from, w.first>>16); b <= min(to, w.last()>>16); b++ {
			t.around[b] = w.leads
		}
	}
}

// rootNodes is the number of /19s. A block's leaf is blockFlag and the number of its nodes by eight, those of the root counted, too.
const rootNodes = 1 << 19

// plant takes routes, which are in order, and makes a root of them.
func (t *rib4) plant(routes []route4) *liveRoot {
	for _, r := range routes {
		if r.bits < 16 {
			t.wide = append(t.wide, r)
		} else {
			t.routes[r.first>>16] = append(t.routes[r.first>>16], r)
		}
	}
	slices.SortFunc(t.wide, route4.compareWide)
	t.survey(0, 1<<16-1)
	for n := range uint32(rootNodes) {
		t.dirty = append(t.dirty, n)
	}
	t.leaves, t.nodes, t.plain = 1, rootNodes, map[uint32]int{}
	r := t.room(2*len(routes)+spareLeaves, spareNodes)
	if moved := t.publish(r); moved != nil {
		return moved
	}
	return r
}

// Room for what is made anew, so that copying everything is rare.
const (
	spareLeaves = 1 << 21
	spareNodes  = 1 << 16
)

// room makes a root with room for so many leaves and nodes of blocks.
func (t *rib4) room(leaves, nodes int) *liveRoot {
	return &liveRoot{nodes: hugeSlice[uint64](rootNodes + nodes), leaves: hugeSlice[uint32](leaves)}
}

// publish makes the dirty nodes anew. If it runs out of room it goes on in a new root, which it returns.
func (t *rib4) publish(r *liveRoot) (moved *liveRoot) {
	slices.Sort(t.dirty)
	for _, n := range slices.Compact(t.dirty) {
		// A node takes at most 32 leaves, and as many blocks, whose nodes take as many.
		if t.leaves+32*(1+32*blockNodes) > len(r.leaves) || t.nodes+32*blockNodes > len(r.nodes) {
			r = t.move(r)
			moved = r
		}
		steps := t.steps(r, n)
		t.node(r, &r.nodes[n], &steps)
	}
	t.dirty = t.dirty[:0]
	return moved
}

// steps computes what the /24s of a /19 lead to, and makes the blocks of those with longer prefixes.
func (t *rib4) steps(r *liveRoot, n uint32) (steps [32]uint32) {
	first, routes := n<<13, t.routes[n>>3]
	fill(&steps, route4{first: first, bits: 19, leads: t.around[n>>3]}, first, 8)
	if len(routes) == 0 {
		return steps
	}
	for width := uint8(16); width < 19; width++ { // those around it, the widest first
		around := route4{first: first &^ (1<<(32-width) - 1), bits: width}
		if i, there := find(routes, around); there {
			fill(&steps, routes[i], first, 8)
		}
	}
	from, _ := find(routes, route4{first: first, bits: 19})
	to := from
	long := false
	for ; to < len(routes) && routes[to].first <= first|(1<<13-1); to++ {
		if routes[to].bits <= 24 {
			fill(&steps, routes[to], first, 8)
		} else {
			long = true
		}
	}
	if !long {
		return steps
	}
	for i := from; i < to; {
		begin, step := i, routes[i].first>>8
		for i++; i < to && routes[i].first>>8 == step; i++ {
		}
		if routes[i-1].bits > 24 {
			steps[step&31] = t.block(r, routes[begin:i], steps[step&31])
		}
	}
	return steps
}

// fill writes where a route leads into the steps of 1<<shift addresses from first on that it covers.
func fill(steps *[32]uint32, r route4, first uint32, shift int) {
	from, to := max(r.first, first), min(r.last(), first+32<<shift-1)
	for k := (from - first) >> shift; k <= (to-first)>>shift; k++ {
		steps[k] = r.leads
	}
}

// block makes the block of a /24 with these routes inside an answer, and returns its leaf.
func (t *rib4) block(r *liveRoot, routes []route4, around uint32) uint32 {
	at := t.nodes
	t.nodes += blockNodes
	for i := range blockNodes {
		first := routes[0].first&^255 + uint32(i)<<5
		var steps [32]uint32
		fill(&steps, route4{first: first, bits: 27, leads: around}, first, 0)
		for _, x := range routes {
			if x.bits > 24 && x.first <= first+31 && x.last() >= first {
				fill(&steps, x, first, 0)
			}
		}
		t.node(r, &r.nodes[at+i], &steps)
	}
	return blockFlag | uint32(at/blockNodes)
}

// node publishes a node with these steps.
func (t *rib4) node(r *liveRoot, at *uint64, steps *[32]uint32) {
	run := r.leaves[t.leaves : t.leaves : t.leaves+32]
	var runs uint32
	for k, x := range steps {
		if k == 0 || x != steps[k-1] {
			runs |= 1 << k
			run = append(run, x)
		}
	}
	if len(run) == 1 {
		atomic.StoreUint64(at, uint64(t.single(r, run[0]))<<32)
		return
	}
	if was := *at; was>>32 != 0 && uint32(was) == runs>>1 && adjust(r.run(was), run) {
		return
	}
	node := uint64(t.leaves+len(run)-1)<<32 | uint64(runs>>1)
	t.leaves += len(run)
	atomic.StoreUint64(at, node)
}

// single returns the place of a leaf for nodes of a single answer. Such a leaf is shared, and never changes.
func (t *rib4) single(r *liveRoot, x uint32) int {
	at, there := t.plain[x]
	if !there {
		at = t.place(r, x)
		t.plain[x] = at
	}
	return at
}

func (t *rib4) place(r *liveRoot, x uint32) int {
	r.leaves[t.leaves] = x
	t.leaves++
	return t.leaves - 1
}

// adjust makes old leaves the new ones if one store is enough for that, or none.
func adjust(old, run []uint32) bool {
	changed := -1
	for i := range run {
		if run[i] == old[i] {
			continue
		}
		if changed >= 0 {
			return false
		}
		changed = i
	}
	if changed >= 0 {
		atomic.StoreUint32(&old[changed], run[changed])
	}
	return true
}

// run returns the leaves of a node.
func (r *liveRoot) run(node uint64) []uint32 {
	last := int(node >> 32)
	return r.leaves[last-bits.OnesCount32(uint32(node)) : last+1]
}

// move copies what is in use into a root with room for more.
func (t *rib4) move(r *liveRoot) *liveRoot {
	leaves, nodes := 1, 0
	for n := range rootNodes {
		if r.nodes[n] == 0 {
			continue
		}
		for _, x := range r.run(r.nodes[n]) {
			leaves++
			if x >= blockFlag {
				nodes += blockNodes
				for _, b := range r.block(x) {
					leaves += len(r.run(b))
				}
			}
		}
	}
	to := t.room(leaves+spareLeaves, 2*nodes+spareNodes)
	t.leaves, t.nodes, t.plain = 1, rootNodes, map[uint32]int{}
	for n := range rootNodes {
		if r.nodes[n] != 0 {
			to.nodes[n] = t.copyNode(to, r, r.nodes[n])
		}
	}
	return to
}

// block returns the nodes of a block.
func (r *liveRoot) block(leaf uint32) []uint64 { return r.nodes[leaf<<3:][:blockNodes] }

// copyNode copies a node's leaves and blocks.
func (t *rib4) copyNode(to, from *liveRoot, node uint64) uint64 {
	run := from.run(node)
	if len(run) == 1 && run[0] < blockFlag {
		return uint64(t.single(to, run[0])) << 32
	}
	at := t.leaves
	t.leaves += len(run)
	for i, x := range run {
		if x >= blockFlag {
			block := t.nodes
			t.nodes += blockNodes
			for k, b := range from.block(x) {
				to.nodes[block+k] = t.copyNode(to, from, b)
			}
			x = blockFlag | uint32(block/blockNodes)
		}
		to.leaves[at+i] = x
	}
	return uint64(at+len(run)-1)<<32 | node&(1<<32-1)
}

// leavesOf is how the assembly takes leaves, whatever their size.
func leavesOf(leaves []uint32) *uint16 { return (*uint16)(unsafe.Pointer(&leaves[0])) }
