package whatif

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/topology"
)

// owner is whose records those of a logged network interface are in the topology.
type owner struct {
	is  *dataplane.Interface // nil where it can't be told
	why Unjudged             // then, why
}

// owners finds the network interfaces of the logs in the topology: by their ids. Where the topology knows no id of the logs at
// all, as it was not made from the account, an interface is the one that has an end of each of its connections, and only if
// there is exactly one, and no other interface of the logs is the same.
func (l *Log) owners(n *topology.Network, forecast *dataplane.Forecast) []owner {
	all, known := make([]owner, len(l.interfaces)), false
	for k, i := range l.interfaces {
		all[k] = owner{forecast.Interface(i.id), UnknownInterface}
		known = known || all[k].is != nil
	}
	if known {
		return all
	}
	candidates := l.candidates(n, forecast)
	taken := map[*dataplane.Interface]int{}
	for _, c := range candidates {
		if len(c) == 1 {
			taken[c[0]]++
		}
	}
	for k, c := range candidates {
		switch {
		case len(c) == 1 && taken[c[0]] == 1:
			all[k].is = c[0]
			l.counts.ByAddress++
		case len(c) > 0:
			all[k].why = AmbiguousInterface
		}
	}
	return all
}

// candidates returns, for each network interface of the logs, those of the topology that have an end of each of its connections.
func (l *Log) candidates(n *topology.Network, forecast *dataplane.Forecast) [][]*dataplane.Interface {
	owners := byAddress(forecast)
	all, begun := make([][]*dataplane.Interface, len(l.interfaces)), make([]bool, len(l.interfaces))
	for k, c := range l.keys {
		a, b := c.ends()
		var there []*dataplane.Interface
		if l.all[k].egress != egressBA {
			there = append(there, owners[a.Addr()]...)
		}
		if l.all[k].egress != egressAB {
			there = append(there, owners[b.Addr()]...)
		}
		if !begun[c.at] {
			all[c.at], begun[c.at] = there, true
			continue
		}
		all[c.at] = slices.DeleteFunc(all[c.at], func(i *dataplane.Interface) bool { return !slices.Contains(there, i) })
	}
	for k, i := range l.interfaces { // what the logs say of their place
		all[k] = slices.DeleteFunc(all[k], func(c *dataplane.Interface) bool {
			s := n.Subnet(c.Subnet.ID)
			return i.subnet != "" && n.Subnet(i.subnet) != nil && i.subnet != c.Subnet.ID || i.vpc != "" && n.VPC(i.vpc) != nil && s.VPC.ID != i.vpc
		})
	}
	return all
}

// byAddress returns the network interfaces that have an address, by VPC and name. There are several where VPCs have the same.
func byAddress(forecast *dataplane.Forecast) map[netip.Addr][]*dataplane.Interface {
	all := map[netip.Addr][]*dataplane.Interface{}
	for _, i := range forecast.Interfaces() {
		for _, a := range i.Addrs {
			all[a] = append(all[a], i)
		}
	}
	return all
}
