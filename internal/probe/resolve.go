package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/dataplane"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// internetPrefix marks an address on the internet as a sender or receiver.
const internetPrefix = "internet:"

// from finds the interface that a probe starts at, and the source address it has there.
func (t *Tracer) from(word string) (*dataplane.Interface, netip.Addr, error) {
	if text, ok := strings.CutPrefix(word, internetPrefix); ok {
		a, err := address(text)
		return t.internetHost(a), a, err
	}
	if h := t.Network.InternetHost(word); h != nil {
		return t.Snapshot.Interface(h.ID), h.Address, nil
	}
	eni, a, err := t.networkInterface(word)
	if err != nil {
		return nil, a, err
	}
	return t.Snapshot.Interface(eni.ID), a, nil
}

// networkInterface finds the network interface that a user means, and the address of it that packets start from.
func (t *Tracer) networkInterface(word string) (*topology.NetworkInterface, netip.Addr, error) {
	if eni := t.Network.NetworkInterface(word); eni != nil {
		return eni, eni.Addresses[0], nil
	}
	if i := t.Network.Instance(word); i != nil {
		return i.Interfaces[0], i.Interfaces[0].Addresses[0], nil
	}
	a, err := netip.ParseAddr(word)
	if err != nil {
		return nil, a, t.unknown(word)
	}
	owners := slices.DeleteFunc(t.Network.InterfacesByAddress(a), func(e *topology.NetworkInterface) bool { return e.PublicIP == a })
	switch len(owners) {
	case 0:
		return nil, a, fmt.Errorf("no network interface has the private address %s; for a sender on the internet write internet:%s", a, a)
	case 1:
		return owners[0], a, nil
	}
	return nil, a, fmt.Errorf("%s is an address of %s and of %s: give the id of the network interface", a, owners[0].ID, owners[1].ID)
}

// to finds the address that a probe is sent to: the first, if a name has several.
func (t *Tracer) to(word string) (netip.Addr, error) {
	word = strings.TrimPrefix(word, internetPrefix)
	if a, err := address(word); err == nil || a.IsValid() {
		return a, err
	}
	if h := t.Network.InternetHost(word); h != nil {
		return h.Address, nil
	}
	for _, name := range t.Network.S3.Names {
		if name.Name == word {
			return name.Addresses[0], nil
		}
	}
	_, a, err := t.networkInterface(word)
	return a, err
}

// address reads an IPv4 address. One of IPv6 is an error, but valid.
func address(word string) (netip.Addr, error) {
	a, err := netip.ParseAddr(word)
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("%q is no IPv4 address", word)
	case !a.Is4():
		return a, errors.New("IPv6 is not carried by this version; give an IPv4 address")
	}
	return a, nil
}

// internetHost returns the edge that has an address on the internet: a declared host, S3, or one made up for the occasion.
func (t *Tracer) internetHost(a netip.Addr) *dataplane.Interface {
	for _, h := range t.Network.InternetHosts {
		if h.Address == a {
			return t.Snapshot.Interface(h.ID)
		}
	}
	s3 := t.Snapshot.Interface(compile.S3Internet)
	for _, cidr := range t.Network.S3.CIDRs {
		if cidr.Contains(a) {
			return s3
		}
	}
	return &dataplane.Interface{ID: compile.Internet, Name: compile.Internet, Addrs: []netip.Addr{a}, Node: s3.Node}
}

// unknown says that nothing has the name, and what there is.
func (t *Tracer) unknown(word string) error {
	const most = 12
	var names []string
	for _, eni := range t.Network.NetworkInterfaces() {
		if !slices.Contains(names, eni.Instance.Name) {
			names = append(names, eni.Instance.Name)
		}
	}
	for _, h := range t.Network.InternetHosts {
		names = append(names, h.Name)
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return fmt.Errorf("nothing is called %q; instances and internet hosts are: %s", word, strings.Join(names, ", "))
}
