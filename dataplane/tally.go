package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/filter"
	"vpcsim/dataplane/packet"
)

// What packets meet on their way is counted: routes, the gateways they lead to, rules, entries, and where packets arrive.
//
// # State
//
// Everything countable has a number, small and the same in all snapshots that have it, which a commit writes next to it into the
// snapshot: a packet that follows a route finds the number in the route. Each worker counts in an array of its own, by
// number; it alone writes there, under the lock that it holds during a batch anyway, so that counting is an addition to memory that
// no other processor touches. Who reads takes the locks one after the other, and adds up.
//
// The arrays are in pages. A worker meets few of all things there are, and makes a page when it first counts on it; from then on
// nothing is allocated. A thing that a commit does not have any more loses its number, and its count with it, once no worker
// can still be using it.

// CountedKind is a kind of things whose packets are counted.
type CountedKind uint8

// The kinds.
const (
	CountedDelivery CountedKind = iota // to an interface
	CountedRoute                       // of a route table: the packets whose best route it was, be it a blackhole
	CountedGateway                     // a target: with Egress what routes led to it, else what came in by it
	CountedRefusal                     // by a target, of what routes led to it, or of what came in by it
	CountedRule                        // of a security group: the packets that it let pass
	CountedEntry                       // of a network ACL: the packets that it decided about
	CountedMismatch                    // at an interface: the packets that no rule of its groups let pass
)

// Counted names a thing that is counted.
type Counted struct {
	Kind       CountedKind
	Egress     bool         // of rules, entries, mismatches and gateways
	ID         string       // AWS's: of the interface, route table, target, rule or entry
	Prefix     netip.Prefix // of a route; the zero Prefix where PrefixList is set
	PrefixList string       // of a route: the prefix list that its destination is, whose entries count together
}

// Count is packets, and their bytes together.
type Count struct{ Packets, Bytes uint64 }

// maxCounted bounds how many things have a number. Those beyond are not counted, and Usage says how many they are.
const maxCounted = 1 << 17

const (
	pageBits = 5
	pageSize = 1 << pageBits
)

// tallies are the counts of one worker, by number.
type tallies []*[pageSize]Count

// fit makes room for all numbers below n.
func (t *tallies) fit(n int) {
	if pages := (n + pageSize - 1) >> pageBits; pages > len(*t) {
		*t = append(make(tallies, 0, pages), *t...)[:pages]
	}
}

// open makes the page of a number.
func (t tallies) open(n uint32) *[pageSize]Count {
	page := new([pageSize]Count)
	t[n>>pageBits] = page
	return page
}

// addTo adds the counts to sums.
func (t tallies) addTo(sums []Count) {
	for n, page := range t {
		if page == nil {
			continue
		}
		for i := range page {
			if at := n<<pageBits + i; at < len(sums) {
				sums[at].Packets += page[i].Packets
				sums[at].Bytes += page[i].Bytes
			}
		}
	}
}

// clear forgets the count of a number.
func (t tallies) clear(n uint32) {
	if page := int(n >> pageBits); page < len(t) && t[page] != nil {
		t[page][n&(pageSize-1)] = Count{}
	}
}

// count counts p at the thing with the given number; what has none has 0. A worker that only traces has no counts.
func (w *Worker) count(n uint32, p *packet.Packet) {
	if n != 0 {
		w.tallies.add(n, p.Segments(), p.WireBytes())
	}
}

// add adds packets to the count of a number.
func (t tallies) add(n uint32, packets, bytes int) {
	if int(n>>pageBits) < len(t) {
		page := t[n>>pageBits]
		if page == nil {
			page = t.open(n)
		}
		c := &page[n&(pageSize-1)]
		c.Packets += uint64(packets)
		c.Bytes += uint64(bytes)
	}
}

// countRule counts p at the rule with number n of a list.
func (w *Worker) countRule(numbers []uint32, n int, p *packet.Packet) {
	if uint(n) < uint(len(numbers)) {
		w.count(numbers[n], p)
	}
}

// ruleNumbers are the numbers of the rules of a filter. Those of a network ACL have the final deny in front.
type ruleNumbers struct{ ingress, egress []uint32 }

// of returns those of one direction.
func (r *ruleNumbers) of(d direction) []uint32 {
	switch {
	case r == nil:
		return nil
	case d == outbound:
		return r.egress
	}
	return r.ingress
}

// register knows the numbers of things.
type register struct {
	numbers   map[Counted]*place
	free      []uint32
	retired   []Count // by number: of workers that have ended. Its length is the first number never given
	uncounted int
}

// place is where a thing is counted, and the last snapshot that had it.
type place struct {
	number     uint32
	generation uint64
}

func newRegister() register {
	return register{numbers: map[Counted]*place{}, retired: make([]Count, 1)} // number 0 is what is not counted
}

// number returns the number of a thing in a snapshot.
func (r *register) number(s *Snapshot, thing Counted) uint32 {
	at := r.numbers[thing]
	if at == nil {
		if at = r.place(); at == nil {
			r.uncounted++
			return 0
		}
		r.numbers[thing] = at
	}
	at.generation = s.Generation
	return at.number
}

// place makes a place with a number that nothing has; nil if there is none.
func (r *register) place() *place {
	if last := len(r.free) - 1; last >= 0 {
		n := r.free[last]
		r.free = r.free[:last]
		return &place{number: n}
	}
	if len(r.retired) == maxCounted {
		return nil
	}
	r.retired = append(r.retired, Count{})
	return &place{number: uint32(len(r.retired) - 1)}
}

// enroll writes the numbers into a snapshot. Where packets arrive comes first, so that the interfaces that a worker sends to are
// together on few pages.
func (r *register) enroll(s *Snapshot) {
	r.uncounted = 0
	for _, i := range s.Interfaces {
		i.delivered = r.number(s, Counted{Kind: CountedDelivery, ID: i.ID})
	}
	for _, n := range s.nodes {
		r.routes(s, n)
	}
	groups, acls := map[*filter.SecurityGroups]*ruleNumbers{}, map[*filter.NetworkACL]*ruleNumbers{}
	for _, i := range s.Interfaces {
		if i.Subnet != nil && i.Subnet.ACL != nil {
			i.Subnet.entries = acls[i.Subnet.ACL]
			if i.Subnet.entries == nil {
				i.Subnet.entries = r.entries(s, i.Subnet.ACL)
				acls[i.Subnet.ACL] = i.Subnet.entries
			}
		}
		if i.Groups == nil {
			continue
		}
		i.mismatched.ingress = r.number(s, Counted{Kind: CountedMismatch, ID: i.ID})
		i.mismatched.egress = r.number(s, Counted{Kind: CountedMismatch, ID: i.ID, Egress: true})
		if i.rules = groups[i.Groups]; i.rules == nil {
			in, out := i.Groups.IDs()
			i.rules = &ruleNumbers{r.rules(s, CountedRule, false, in), r.rules(s, CountedRule, true, out)}
			groups[i.Groups] = i.rules
		}
	}
	s.numbered = len(r.retired)
}

// routes numbers the routes of a route table, and in whatever kind of node, the gateways that they lead through.
func (r *register) routes(s *Snapshot, n *Node) {
	type gateway struct{ passed, refused uint32 }
	gateways := map[string]gateway{} // the same for many routes
	for _, e := range n.Routes.Entries() {
		route := e.Value
		if n.Table {
			thing := Counted{Kind: CountedRoute, ID: n.ID, PrefixList: route.PrefixList}
			if route.PrefixList == "" {
				thing.Prefix = route.Prefix
			}
			route.number = r.number(s, thing)
		}
		if !route.leadsOut(n) {
			continue
		}
		g, known := gateways[route.Target]
		if !known {
			g.passed = r.number(s, Counted{Kind: CountedGateway, Egress: n.Table, ID: route.Target})
			g.refused = r.number(s, Counted{Kind: CountedRefusal, Egress: n.Table, ID: route.Target})
			gateways[route.Target] = g
		}
		route.passed, route.refused = g.passed, g.refused
	}
}

// entries numbers the entries of a network ACL.
func (r *register) entries(s *Snapshot, a *filter.NetworkACL) *ruleNumbers {
	in, out := a.IDs()
	last, _ := a.IngressEntry(-1)
	final := []string{last}
	return &ruleNumbers{r.rules(s, CountedEntry, false, append(final, in...)), r.rules(s, CountedEntry, true, append(final, out...))}
}

func (r *register) rules(s *Snapshot, kind CountedKind, egress bool, ids []string) []uint32 {
	numbers := make([]uint32, len(ids))
	for n, id := range ids {
		numbers[n] = r.number(s, Counted{Kind: kind, Egress: egress, ID: id})
	}
	return numbers
}

// forget frees the numbers of what the current snapshot does not have. No worker uses an older one.
func (r *Router) forget(s *Snapshot) {
	var gone []uint32
	for thing, at := range r.register.numbers {
		if at.generation != s.Generation {
			delete(r.register.numbers, thing)
			r.register.retired[at.number] = Count{}
			gone = append(gone, at.number)
		}
	}
	if len(gone) == 0 {
		return
	}
	for w := range r.workers {
		w.mu.Lock()
		for _, n := range gone {
			w.tallies.clear(n)
		}
		w.mu.Unlock()
	}
	r.register.free = append(r.register.free, gone...)
}
