package whatif

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
)

// The interface of a gateway has records, too, of the connections of the instances behind it (aws-semantics 9.1): at a NAT gateway's
// an inner half between the instance and the gateway, which pkt-srcaddr and pkt-dstaddr show to be one with the far end, and an
// outer half between the gateway and the far end, by a port that only the gateway knows. They are no connections of their own.
// A half is accounted for if there is a connection of an instance that it can be a half of; each of those has one outer half.
//
// Where the instance's own interface is not logged, an inner half that shows the far end is as good as its record.

// inner names the inner half of a connection through a NAT gateway, where the far end's address is not shown.
type inner struct {
	client   netip.AddrPort
	farPort  uint16
	protocol uint8
}

// outer names the outer halves at one NAT gateway to one far end.
type outer struct {
	nat      *dataplane.Interface
	far      netip.AddrPort
	protocol uint8
}

// accounts are the connections of instances, as gateways see them.
type accounts struct {
	whole map[conntrack.Tuple]bool // from either end
	inner map[inner]bool
	outer map[outer]int
}

// account takes the views of gateways out of all connections, as far as they are accounted for, and judges those that are all that
// there is of a connection. It returns how many it took out.
func (p *Plan) account(all []judged) (rest []judged, taken int) {
	views := 0
	for n := range all {
		if all[n].why == GatewayInterface {
			views++
		}
	}
	if views == 0 {
		return all, 0
	}
	known := accounts{map[conntrack.Tuple]bool{}, map[inner]bool{}, map[outer]int{}}
	for n := range all {
		known.add(&all[n])
	}
	owners := byAddress(p.forecast)
	for n := range all { // before outer halves are matched: they may be of these
		if j := &all[n]; j.why == GatewayInterface && !known.has(j) && j.adopt(p.forecast, owners) {
			known.add(j)
		}
	}
	rest = slices.DeleteFunc(all, func(j judged) bool {
		return j.why == GatewayInterface && (known.has(&j) || known.hasOuter(&j))
	})
	return rest, len(all) - len(rest)
}

// add enters a connection of an instance.
func (a accounts) add(j *judged) {
	if j.why != "" {
		return
	}
	t := j.tuple
	a.whole[conntrack.Tuple{Local: t.Local, Remote: t.Remote, Protocol: t.Protocol}] = true
	a.whole[conntrack.Tuple{Local: t.Remote, Remote: t.Local, Protocol: t.Protocol}] = true
	if j.nat != nil {
		a.inner[inner{t.Local, t.Remote.Port(), t.Protocol}] = true
		a.outer[outer{j.nat, t.Remote, t.Protocol}]++
	}
}

// has says whether a gateway's view is of a connection that is known whole, or its inner half.
func (a accounts) has(j *judged) bool {
	t := j.tuple
	return a.whole[t] || a.inner[inner{t.Remote, t.Local.Port(), t.Protocol}] || a.inner[inner{t.Local, t.Remote.Port(), t.Protocol}]
}

// hasOuter says whether a gateway's view is the outer half of a connection that no other half was of.
func (a accounts) hasOuter(j *judged) bool {
	far := j.tuple.Remote
	if slices.Contains(j.at.Addrs, far.Addr()) {
		far = j.tuple.Local
	}
	k := outer{j.at, far, j.tuple.Protocol}
	if a.outer[k] == 0 {
		return false
	}
	a.outer[k]--
	return true
}

// adopt makes a gateway's view of a whole connection that of the instance, if exactly one network interface of the gateway's VPC
// has one of its ends.
func (j *judged) adopt(forecast *dataplane.Forecast, owners map[netip.Addr][]*dataplane.Interface) bool {
	a, b := j.tuple.Local, j.tuple.Remote
	if slices.Contains(j.at.Addrs, a.Addr()) || slices.Contains(j.at.Addrs, b.Addr()) {
		return false
	}
	elsewhere := func(i *dataplane.Interface) bool { return i.Subnet.Local != j.at.Subnet.Local }
	hasA := slices.DeleteFunc(slices.Clone(owners[a.Addr()]), elsewhere)
	hasB := slices.DeleteFunc(slices.Clone(owners[b.Addr()]), elsewhere)
	if len(hasA)+len(hasB) != 1 {
		return false
	}
	opener, out := j.log.opener(), egressAB
	if len(hasB) == 1 {
		hasA, out = hasB, egressBA
		j.tuple.Local, j.tuple.Remote = b, a
	}
	if a.Compare(b) > 0 { // as the records were before, the other way round
		out = egressAB + egressBA - out
	}
	j.out = opener == out
	j.at, j.id, j.why = hasA[0], hasA[0].ID, ""
	j.log.path = 0 // which was the gateway's
	j.check(forecast)
	return true
}
