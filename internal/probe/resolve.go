package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/dataplane"
	"vpcsim/dataplane/packet"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// internetPrefix marks an address on the internet as a sender or receiver.
const internetPrefix = "internet:"

// family is the IP version of a probe.
type family bool

const (
	ipv4 family = false
	ipv6 family = true
)

// familyOf returns the family that the ends of a probe are written in: IPv6 if one is an IPv6 address.
func familyOf(words ...string) family {
	for _, word := range words {
		word = strings.TrimPrefix(word, internetPrefix)
		if !strings.Contains(word, ":") {
			continue
		}
		if a, err := address(word); err == nil && a.Is6() {
			return ipv6
		}
	}
	return ipv4
}

func (f family) has(a netip.Addr) bool { return a.IsValid() && a.Is6() == bool(f) }

// String returns the family's name.
func (f family) String() string {
	if f == ipv6 {
		return "IPv6"
	}
	return "IPv4"
}

// protocol returns the protocol that is meant by a number: icmp is the family's own.
func (f family) protocol(n uint8) (uint8, error) {
	switch {
	case f == ipv4:
		return n, nil
	case n == packet.ICMP:
		return packet.ICMPv6, nil
	case isExtension(n):
		return 0, fmt.Errorf("protocol %d: is an extension header of IPv6; give the number of what it extends", n)
	}
	return n, nil
}

// pick returns the first of a thing's addresses that is of the family.
func (f family) pick(word string, all ...netip.Addr) (netip.Addr, error) {
	for _, a := range all {
		if f.has(a) {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s has no %s address", word, f)
}

// from finds the interface that a probe starts at, and the source address it has there.
func (t *Tracer) from(word string, f family) (*dataplane.Interface, netip.Addr, error) {
	if text, ok := strings.CutPrefix(word, internetPrefix); ok {
		a, err := address(text)
		if err == nil {
			a, err = f.pick(text, a)
		}
		return t.internetHost(a), a, err
	}
	if h := t.Network.InternetHost(word); h != nil {
		a, err := f.pick(word, h.Address, h.IPv6Address)
		return t.Snapshot.Interface(h.ID), a, err
	}
	if g := t.natGateway(word); g != nil {
		return nil, netip.Addr{}, fmt.Errorf("%s is a NAT gateway, which opens no connections of its own: give an instance behind it", word)
	}
	if a, owners := t.named(word); len(owners) == 1 {
		_, err := f.pick(word, a)
		return t.Snapshot.Interface(owners[0].ID), a, err
	}
	eni, a, err := t.networkInterface(word, f)
	if err != nil {
		return nil, a, err
	}
	return t.Snapshot.Interface(eni.ID), a, nil
}

// natGateway finds a NAT gateway by its name, its id, or the id of its network interface.
func (t *Tracer) natGateway(word string) *topology.NATGateway {
	if g := t.Network.NATGateway(word); g != nil {
		return g
	}
	return t.natInterface(word)
}

// natInterface finds a NAT gateway by the id of its network interface.
func (t *Tracer) natInterface(id string) *topology.NATGateway {
	for _, v := range t.Network.VPCs {
		for _, g := range v.NATGateways {
			if g.InterfaceID == id {
				return g
			}
		}
	}
	return nil
}

// networkInterface finds the network interface that a user means, and the address of it that packets start from.
func (t *Tracer) networkInterface(word string, f family) (*topology.NetworkInterface, netip.Addr, error) {
	eni := t.Network.NetworkInterface(word)
	if i := t.Network.Instance(word); i != nil {
		eni = i.Interfaces[0]
	}
	if eni != nil {
		a, err := f.pick(word, slices.Concat(eni.Addresses, eni.IPv6Addresses)...)
		return eni, a, err
	}
	a, err := netip.ParseAddr(word)
	if err != nil {
		return nil, a, t.unknown(word)
	}
	if a, err = f.pick(word, a); err != nil {
		return nil, a, err
	}
	owners := slices.DeleteFunc(t.Network.InterfacesByAddress(a), func(e *topology.NetworkInterface) bool { return slices.Contains(e.PublicIPs, a) })
	switch len(owners) {
	case 0:
		return nil, a, fmt.Errorf("no network interface has the private address %s; for a sender on the internet write internet:%s", a, a)
	case 1:
		return owners[0], a, nil
	}
	return nil, a, fmt.Errorf("%s is an address of %s and of %s: give the id of the network interface", a, owners[0].ID, owners[1].ID)
}

// named returns the address that a private DNS name is made from, and who has it, whether or not a VPC's resolver knows the name: several
// if VPCs of one region share the address.
func (t *Tracer) named(word string) (a netip.Addr, owners []*topology.NetworkInterface) {
	host, _, _ := strings.Cut(word, ".")
	digits, ok := strings.CutPrefix(host, "ip-")
	a, err := netip.ParseAddr(strings.ReplaceAll(digits, "-", "."))
	if !ok || err != nil {
		return a, nil
	}
	return a, slices.DeleteFunc(t.Network.InterfacesByAddress(a), func(eni *topology.NetworkInterface) bool {
		return compile.PrivateDNSName(eni.Subnet.VPC, a) != word
	})
}

// to finds the address that a probe is sent to: the first, if a name has several. From outside an instance or a NAT gateway is
// known by its public address, as its public DNS name resolves there (aws-semantics 4: elastic-ip-addresses-eip).
func (t *Tracer) to(word string, f family, from *dataplane.Interface) (netip.Addr, error) {
	outside := from.Subnet == nil
	word = strings.TrimPrefix(word, internetPrefix)
	switch a, err := address(word); {
	case err == nil:
		return f.pick(word, a)
	case a.IsValid():
		return a, err
	}
	if h := t.Network.InternetHost(word); h != nil {
		return f.pick(word, h.Address, h.IPv6Address)
	}
	if strings.Contains(word, ".") {
		switch addresses, known, err := t.lookup(word, from); {
		case err != nil:
			return netip.Addr{}, err
		case known:
			return f.pick(word, addresses...)
		}
	}
	if g := t.natGateway(word); g != nil {
		if outside {
			return f.pick(word, slices.Concat(g.PublicIPs, g.Addresses)...)
		}
		return f.pick(word, g.Addresses...)
	}
	eni, a, err := t.networkInterface(word, f)
	if err != nil || !outside {
		return a, err
	}
	if n := slices.Index(eni.Addresses, a); n >= 0 && f.has(eni.PublicIPs[n]) {
		a = eni.PublicIPs[n]
	}
	return a, nil
}

// lookup resolves a DNS name as the sender would. It is an error only for a name that others know and the sender cannot resolve.
func (t *Tracer) lookup(word string, from *dataplane.Interface) (addresses []netip.Addr, known bool, err error) {
	view := t.Names.Internet()
	if eni := t.Network.NetworkInterface(from.ID); eni != nil {
		v := eni.Subnet.VPC
		if view = t.Names.VPC(v.ID); view == nil {
			if _, known = t.Names.Internet().Lookup(word); known {
				err = fmt.Errorf("%s: VPC %s has no resolver (enable_dns_support is false); give an address", word, v.Name)
			}
			return nil, known, err
		}
	}
	addresses, known = view.Lookup(word)
	return addresses, known, nil
}

// address reads an address as packets carry them. One that no packet carries is an error, but valid.
func address(word string) (netip.Addr, error) {
	a, err := netip.ParseAddr(word)
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("%q is no IP address", word)
	case a.Is4In6():
		return a, fmt.Errorf("%s is no address of a packet; write %s", word, a.Unmap())
	case a.Zone() != "":
		return a, fmt.Errorf("%s has a zone, which means nothing here; write %s", word, a.WithZone(""))
	}
	return a, nil
}

// unknown says that nothing has the name, and what there is.
func (t *Tracer) unknown(word string) error {
	const most = 12
	var names []string
	for _, eni := range t.Network.NetworkInterfaces() {
		if !slices.Contains(names, eni.Name) {
			names = append(names, eni.Name)
		}
	}
	for _, v := range t.Network.VPCs {
		for _, g := range v.NATGateways {
			names = append(names, g.Name)
		}
	}
	for _, h := range t.Network.InternetHosts {
		names = append(names, h.Name)
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return fmt.Errorf("nothing is called %q; there are: %s", word, strings.Join(names, ", "))
}
