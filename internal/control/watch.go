package control

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/pcapfilter"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// PacketFilter says in a user's words which packets are wanted. All that is said must hold.
type PacketFilter struct {
	Verdict     string   `json:"verdict,omitempty"` // forwarded or dropped
	Reasons     []string `json:"reasons,omitempty"` // any of them
	From        string   `json:"from,omitempty"`    // an instance, an internet host, a network interface, an endpoint, or s3
	To          string   `json:"to,omitempty"`
	Protocol    string   `json:"protocol,omitempty"`
	Port        uint16   `json:"port,omitempty"` // of either end
	Source      string   `json:"source,omitempty"`
	Destination string   `json:"destination,omitempty"` // addresses or CIDRs, as the packet enters the router
	NAT         string   `json:"nat,omitempty"`         // an address that it has at any time
	Expression  string   `json:"expression,omitempty"`  // pcap-filter(7)
	Sample      int      `json:"sample,omitempty"`      // one in so many
	Steps       bool     `json:"steps,omitempty"`       // each with its steps; not of a capture
}

// filter understands the words. The error has all that is wrong with them.
func (w PacketFilter) filter(n *topology.Network) (f dataplane.Filter, err error) {
	var problems []error
	note := func(flag string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", flag, err))
		}
	}
	f.Port = w.Port
	f.Verdict, err = verdictOf(w.Verdict)
	note("verdict", err)
	for _, code := range w.Reasons {
		reason, err := reasonOf(code)
		note("drop-reason", err)
		f.Reasons = append(f.Reasons, reason)
	}
	if len(f.Reasons) > 0 && f.Verdict == dataplane.Forwarded {
		note("drop-reason", errors.New("what was forwarded has none"))
	}
	f.From, err = party(n, w.From)
	note("from", err)
	f.To, err = party(n, w.To)
	note("to", err)
	f.Protocol, err = protocolOf(w.Protocol)
	note("proto", err)
	f.Src, err = prefixOf(w.Source)
	note("src", err)
	f.Dst, err = prefixOf(w.Destination)
	note("dst", err)
	if w.NAT != "" {
		f.NAT, err = netip.ParseAddr(w.NAT)
		note("nat", err)
	}
	f.Expression, err = pcapfilter.Parse(w.Expression)
	note("filter", unprefixed(err))
	if w.Sample < 0 {
		note("sample", fmt.Errorf("%d: must be 1 or more", w.Sample))
	}
	return f, errors.Join(problems...)
}

// unprefixed leaves out the word that the flag's name says already.
func unprefixed(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.TrimPrefix(err.Error(), "filter "))
}

func verdictOf(s string) (dataplane.Verdict, error) {
	for _, v := range []dataplane.Verdict{dataplane.Any, dataplane.Forwarded, dataplane.Dropped} {
		if s == v.String() || s == "" {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%q: must be dropped, forwarded or any", s)
}

func reasonOf(code string) (drop.Reason, error) {
	var codes []string
	for _, r := range drop.All() {
		if strings.EqualFold(code, r.String()) {
			return r, nil
		}
		codes = append(codes, r.String())
	}
	hint := topology.DidYouMean(strings.ToUpper(code), codes)
	like := slices.DeleteFunc(slices.Clone(codes), func(known string) bool { return !strings.Contains(known, strings.ToUpper(code)) })
	if hint == "" && len(like) > 0 && code != "" {
		hint = "; there are " + strings.Join(like, ", ")
	}
	return drop.None, fmt.Errorf("%q is no reason to drop a packet%s", code, hint)
}

func protocolOf(s string) (uint8, error) {
	for _, n := range []int{packet.TCP, packet.UDP, packet.ICMP, packet.ICMPv6} {
		if s == packet.ProtocolName(n) {
			return uint8(n), nil
		}
	}
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q: must be tcp, udp, icmp, icmpv6 or a number from 1 to 255", s)
	}
	return uint8(n), nil
}

func prefixOf(s string) (netip.Prefix, error) {
	if s == "" {
		return netip.Prefix{}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q: must be an address or a CIDR block", s)
	}
	return p.Masked(), nil
}

// party is who a user means as a sender or receiver; nobody's name is anybody.
func party(n *topology.Network, word string) (p dataplane.Party, err error) {
	switch i, h := n.Instance(word), n.InternetHost(word); {
	case word == "":
		return p, nil
	case word == "s3":
		return s3Party(n), nil
	case i != nil:
		for _, eni := range i.Interfaces {
			addTo(&p, eni.ID, slices.Concat(eni.Addresses, eni.PublicIPs, eni.IPv6Addresses))
		}
	case h != nil:
		addTo(&p, h.ID, []netip.Addr{h.Address, h.IPv6Address})
	case n.NetworkInterface(word) != nil:
		eni := n.NetworkInterface(word)
		addTo(&p, eni.ID, slices.Concat(eni.Addresses, eni.PublicIPs, eni.IPv6Addresses))
	case n.Endpoint(word) != nil:
		p.Interfaces = []string{n.Endpoint(word).ID}
	default:
		return p, fmt.Errorf("no instance, internet host, network interface or endpoint is called %q%s", word, topology.DidYouMean(word, partyNames(n)))
	}
	return p, nil
}

// s3Party is S3, wherever packets reach it.
func s3Party(n *topology.Network) dataplane.Party {
	p := dataplane.Party{Interfaces: []string{compile.S3Internet}, Addrs: n.S3.CIDRs}
	for _, v := range n.VPCs {
		for _, e := range v.Endpoints {
			p.Interfaces = append(p.Interfaces, e.ID)
		}
	}
	return p
}

func partyNames(n *topology.Network) (names []string) {
	for _, h := range n.InternetHosts {
		names = append(names, h.Name)
	}
	for _, v := range n.VPCs {
		for _, i := range v.Instances {
			names = append(names, i.Name)
		}
		for _, eni := range v.NetworkInterfaces {
			names = append(names, eni.Name)
		}
	}
	return append(names, "s3")
}

func addTo(p *dataplane.Party, id string, addrs []netip.Addr) {
	p.Interfaces = append(p.Interfaces, id)
	for _, a := range addrs {
		if a.IsValid() {
			p.Addrs = append(p.Addrs, netip.PrefixFrom(a, a.BitLen()))
		}
	}
}
