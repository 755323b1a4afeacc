package topology

import "net/netip"

// autoAddress is a public address that the simulator is to choose.
type autoAddress struct {
	set  func(netip.Addr)
	path string
}

// publicIP resolves a public address, or notes that one is to be chosen.
func (r *resolver) publicIP(path, text string, set func(netip.Addr)) {
	switch text {
	case "":
	case "auto":
		r.auto = append(r.auto, autoAddress{set, path})
	default:
		set(r.publicAddress(path, text))
	}
}

// publicAddress parses an address on the internet and takes it for its owner. It returns the zero Addr if it can't be had.
func (r *resolver) publicAddress(path, text string) netip.Addr {
	a, ok := r.address(path, text)
	if !ok {
		return netip.Addr{}
	}
	one := netip.PrefixFrom(a, 32)
	if block, special := overlapsAny(one, notPublic); special {
		r.errorf(path, "%s lies in %s and is not a public address", a, block)
		return netip.Addr{}
	}
	if block, s3 := overlapsAny(one, r.net.S3.CIDRs); s3 {
		r.errorf(path, "%s lies in %s, which is Amazon S3's", a, block)
		return netip.Addr{}
	}
	if before, taken := r.public[a]; taken {
		r.errorf(path, "%s is taken by %s", a, r.place(before))
		return netip.Addr{}
	}
	r.public[a] = path
	return a
}

// publicAddresses chooses the automatic public addresses: the lowest free ones of the documentation ranges, in the order
// of the names of VPCs and instances, then of VPCs and NAT gateways.
func (r *resolver) publicAddresses() {
	pool, a := 0, autoPublic[0].Addr()
	free := func() bool {
		for ; pool < len(autoPublic); pool++ {
			if !autoPublic[pool].Contains(a) {
				a = autoPublic[pool].Addr()
			}
			// The first and last of a range look like network and broadcast addresses.
			for a = a.Next(); a != lastAddress(autoPublic[pool]); a = a.Next() {
				if _, taken := r.public[a]; !taken {
					return true
				}
			}
		}
		return false
	}
	for _, want := range r.auto {
		if !free() {
			r.errorf(want.path, "no automatic public address is left; write one")
			return
		}
		r.public[a] = want.path
		want.set(a)
	}
}

// internetHosts resolves the hosts on the internet.
func (r *resolver) internetHosts() {
	for _, name := range sortedKeys(r.spec.Internet.Hosts) {
		path := join("internet.hosts", name)
		r.hostName(path, name)
		host := &InternetHost{Name: name, ID: id("host", idPath("internet.hosts", name))}
		host.Address = r.publicAddress(join(path, "address"), r.spec.Internet.Hosts[name].Address)
		host.IPv6Address = r.hostIPv6(join(path, "ipv6_address"), r.spec.Internet.Hosts[name].IPv6Address)
		r.net.InternetHosts = append(r.net.InternetHosts, host)
	}
}
