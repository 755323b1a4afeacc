package topology

import "net/netip"

// index is what the lookups of a [Network] are answered from, so that none of them goes through all that there is.
type index struct {
	vpcs       finder[*VPC]
	subnets    finder[*Subnet]
	tables     finder[*RouteTable]
	endpoints  finder[*Endpoint]
	groups     finder[*SecurityGroup]
	acls       finder[*NetworkACL]
	nats       finder[*NATGateway]
	instances  finder[*Instance]
	interfaces finder[*NetworkInterface]
	peerings   finder[*Peering]
	transits   finder[*TransitGateway]
	lists      finder[*PrefixList]
	hosts      finder[*InternetHost]

	byAddress map[netip.Addr][]*NetworkInterface
	members   map[*SecurityGroup][]netip.Addr
}

// newIndex reads a network that is complete.
func newIndex(n *Network) *index {
	x := &index{
		vpcs:       find(n.VPCs, func(v *VPC) (string, string) { return v.Name, v.ID }),
		subnets:    find(all(n, func(v *VPC) []*Subnet { return v.Subnets }), func(s *Subnet) (string, string) { return s.Name, s.ID }),
		tables:     find(all(n, func(v *VPC) []*RouteTable { return v.RouteTables }), func(t *RouteTable) (string, string) { return t.Name, t.ID }),
		endpoints:  find(all(n, func(v *VPC) []*Endpoint { return v.Endpoints }), func(e *Endpoint) (string, string) { return e.Name, e.ID }),
		groups:     find(all(n, func(v *VPC) []*SecurityGroup { return v.SecurityGroups }), func(g *SecurityGroup) (string, string) { return g.Name, g.ID }),
		acls:       find(all(n, func(v *VPC) []*NetworkACL { return v.NetworkACLs }), func(a *NetworkACL) (string, string) { return a.Name, a.ID }),
		nats:       find(all(n, func(v *VPC) []*NATGateway { return v.NATGateways }), func(g *NATGateway) (string, string) { return g.Name, g.ID }),
		instances:  find(all(n, func(v *VPC) []*Instance { return v.Instances }), func(i *Instance) (string, string) { return i.Name, i.ID }),
		interfaces: find(n.NetworkInterfaces(), interfaceNames),
		peerings:   find(n.Peerings, func(p *Peering) (string, string) { return p.Name, p.ID }),
		transits:   find(n.TransitGateways, func(g *TransitGateway) (string, string) { return g.Name, g.ID }),
		lists:      find(n.PrefixLists, func(l *PrefixList) (string, string) { return l.Name, l.ID }),
		hosts:      find(n.InternetHosts, func(h *InternetHost) (string, string) { return h.Name, h.ID }),
		byAddress:  map[netip.Addr][]*NetworkInterface{},
		members:    map[*SecurityGroup][]netip.Addr{},
	}
	for _, eni := range n.NetworkInterfaces() {
		x.add(eni)
	}
	return x
}

// interfaceNames: an interface of an instance has no name of its own.
func interfaceNames(e *NetworkInterface) (name, id string) {
	if e.Instance != nil {
		return "", e.ID
	}
	return e.Name, e.ID
}

// add notes the addresses of an interface.
func (x *index) add(eni *NetworkInterface) {
	for _, all := range [...][]netip.Addr{eni.Addresses, eni.IPv6Addresses, eni.PublicIPs} {
		for _, a := range all {
			if a.IsValid() {
				x.byAddress[a] = append(x.byAddress[a], eni)
			}
		}
	}
	for _, g := range eni.SecurityGroups {
		x.members[g] = append(append(x.members[g], eni.Addresses...), eni.IPv6Addresses...)
	}
}

// finder finds things by name or id.
type finder[T any] struct {
	byName, byID map[string][]T
}

// find makes the finder of some things. A thing without a name is found by its id alone.
func find[T any](things []T, names func(T) (name, id string)) finder[T] {
	f := finder[T]{make(map[string][]T, len(things)), make(map[string][]T, len(things))}
	for _, t := range things {
		name, id := names(t)
		if name != "" {
			f.byName[name] = append(f.byName[name], t)
		}
		f.byID[id] = append(f.byID[id], t)
	}
	return f
}

// find returns the one thing that has the name, or else the id; nothing if there is none or several.
func (f finder[T]) find(nameOrID string) (t T) {
	found := f.byName[nameOrID]
	if len(found) == 0 {
		found = f.byID[nameOrID]
	}
	if len(found) == 1 {
		return found[0]
	}
	return t
}
