package topology

// peerings resolves the VPC peering connections (aws-semantics 8.6).
func (r *resolver) peerings() {
	paths := map[[2]*VPC]string{}
	for _, name := range sortedKeys(r.spec.Peerings) {
		path, spec := join("peerings", name), r.spec.Peerings[name]
		p := &Peering{
			Name: name, ID: r.identify(path, "id", peeringIdentity(name, spec)),
			Requester: r.vpcNamed(join(path, "requester"), spec.Requester), Accepter: r.vpcNamed(join(path, "accepter"), spec.Accepter),
		}
		r.net.Peerings = append(r.net.Peerings, p)
		if p.Requester == nil || p.Accepter == nil {
			continue
		}
		pair := [2]*VPC{p.Requester, p.Accepter}
		if p.Accepter.Realm < p.Requester.Realm {
			pair = [2]*VPC{p.Accepter, p.Requester}
		}
		switch before, twice := paths[pair]; {
		case p.Requester == p.Accepter:
			r.errorf(join(path, "accepter"), "%s can't be peered with itself", spec.Accepter)
		case twice:
			r.errorf(path, "%s are peered by %s already; AWS allows one peering per pair", p.sides(" and "), r.place(before))
		default:
			paths[pair] = path
			r.apart(p, path)
		}
	}
}

// apart checks that two peered VPCs share no address.
func (r *resolver) apart(p *Peering, path string) {
	for _, cidr := range p.Requester.AllCIDRs() {
		if other, overlap := overlapsAny(cidr, p.Accepter.AllCIDRs()); overlap {
			r.errorf(path, "%s of %s overlaps %s of %s; AWS peers no VPCs that share addresses",
				cidr, join("vpcs", p.Requester.Name), other, join("vpcs", p.Accepter.Name))
		}
	}
}

// sides names both VPCs.
func (p *Peering) sides(between string) string {
	name := func(v *VPC) string {
		if v == nil {
			return "no VPC"
		}
		return join("vpcs", v.Name)
	}
	return name(p.Requester) + between + name(p.Accepter)
}

// vpcNamed returns a VPC of the network, or nil after saying what is wrong with its name.
func (r *resolver) vpcNamed(at, name string) *VPC {
	v := byName(r.net.VPCs, name, func(v *VPC) string { return v.Name })
	if name == "" {
		r.errorf(at, "missing; name a VPC")
	} else if v == nil {
		r.errorf(at, "%s", r.noSuch("VPC", name, "the topology", sortedKeys(r.spec.VPCs)))
	}
	return v
}
