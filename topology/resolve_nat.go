package topology

import (
	"cmp"
	"net/netip"
	"time"
)

// Facts of NAT gateways.
const (
	maxNATAddresses = 8                 // a primary and seven secondary ones (aws-semantics 5.1)
	natIdleTimeout  = 350 * time.Second // aws-semantics 5.4
)

// natGateways resolves the VPC's NAT gateways but for what the simulator is to choose (aws-semantics 5).
func (b *vpcBuilder) natGateways() {
	if len(b.spec.NATGateways) > 0 && !b.limits.NATGateways {
		b.errorf(b.at("nat_gateways"), "%s had no NAT gateways: they came on 2015-12-17; use a NAT instance or another preset", b.net.Preset)
	}
	for _, name := range sortedKeys(b.spec.NATGateways) {
		path, spec := b.at("nat_gateways", name), b.spec.NATGateways[name]
		g := &NATGateway{
			Name: name, ID: b.identify(natKind, name), VPC: b.vpc, InterfaceID: b.interfaceID(path, spec.InterfaceID, "nat_gateways", name),
			Subnet: b.subnetNamed(join(path, "subnet"), spec.Subnet), Private: spec.Private,
			EIM: spec.Mapping == "eim", IdleTimeout: cmp.Or(spec.IdleTimeout, natIdleTimeout),
		}
		if spec.Mapping != "" && spec.Mapping != "symmetric" && spec.Mapping != "eim" {
			b.errorf(join(path, "mapping"), "%s is neither symmetric nor eim", shown(spec.Mapping))
		}
		if g.IdleTimeout < time.Second {
			b.errorf(join(path, "idle_timeout"), "%s; it is at least 1s", g.IdleTimeout)
		}
		if b.natNumbers(path, spec) {
			b.natAddresses(g, path, spec)
			b.natPublicIPs(g, path, spec)
		}
		b.vpc.NATGateways = append(b.vpc.NATGateways, g)
	}
}

// natNumbers judges whether the addresses of a NAT gateway go together.
func (b *vpcBuilder) natNumbers(path string, spec NATGatewaySpec) bool {
	before := len(b.errs)
	private, public := len(spec.SecondaryAddresses), len(spec.SecondaryPublicIPs)
	if n := 1 + max(private, public); n > maxNATAddresses {
		at := "secondary_addresses"
		if public > private {
			at = "secondary_public_ips"
		}
		b.errorf(join(path, at), "%d addresses with the primary one; a NAT gateway has up to %d", n, maxNATAddresses)
	}
	switch {
	case spec.Private && !b.limits.PrivateNATGateways:
		b.errorf(join(path, "private"), "%s had no private NAT gateways: they came in June 2021; use preset current", b.net.Preset)
	case spec.Private && spec.PublicIP != "":
		b.errorf(join(path, "public_ip"), "a private NAT gateway has no Elastic IP address; remove it")
	case spec.Private && public > 0:
		b.errorf(join(path, "secondary_public_ips"), "a private NAT gateway has no Elastic IP addresses; remove them")
	case spec.Private:
	case b.vpc.InternetGateway == nil:
		b.errorf(path, "%s has no internet gateway, which a public NAT gateway needs; add internet_gateway, or write private: true", b.path)
	case spec.SecondaryAddresses != nil && spec.SecondaryPublicIPs != nil && private != public:
		b.errorf(join(path, "secondary_public_ips"), "%d for %d secondary_addresses; each has one (auto is one, too)", public, private)
	}
	return len(b.errs) == before
}

// natAddresses places the private addresses of a NAT gateway.
func (b *vpcBuilder) natAddresses(g *NATGateway, path string, spec NATGatewaySpec) {
	g.Addresses = make([]netip.Addr, 1+max(len(spec.SecondaryAddresses), len(spec.SecondaryPublicIPs)))
	b.assign(g.Subnet, join(path, "address"), cmp.Or(spec.Address, "auto"), &g.Addresses[0])
	for i := range g.Addresses[1:] {
		at, text := item(join(path, "secondary_addresses"), i), "auto"
		if spec.SecondaryAddresses != nil {
			text = spec.SecondaryAddresses[i]
		}
		b.assign(g.Subnet, at, text, &g.Addresses[1+i])
	}
}

// natPublicIPs gives each private address of a public NAT gateway its Elastic IP.
func (b *vpcBuilder) natPublicIPs(g *NATGateway, path string, spec NATGatewaySpec) {
	if g.Private {
		return
	}
	g.PublicIPs = make([]netip.Addr, len(g.Addresses))
	b.publicIP(join(path, "public_ip"), cmp.Or(spec.PublicIP, "auto"), func(a netip.Addr) { g.PublicIPs[0] = a })
	for i := range g.PublicIPs[1:] {
		at, text := item(join(path, "secondary_public_ips"), i), "auto"
		if spec.SecondaryPublicIPs != nil {
			text = spec.SecondaryPublicIPs[i]
		}
		b.publicIP(at, cmp.Or(text, "auto"), func(a netip.Addr) { g.PublicIPs[1+i] = a })
	}
}
