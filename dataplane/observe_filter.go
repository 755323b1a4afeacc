package dataplane

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/pcapfilter"
)

// Filter says which packets somebody wants to see. All that is set must hold; the zero Filter lets everything in. From, Src, Dst,
// Port, Protocol and Expression are about the packet as it entered, so that what is not wanted costs little.
type Filter struct {
	From       Party
	To         Party // who got it; of a dropped packet, who it was for
	Verdict    Verdict
	Reasons    []drop.Reason // any of them; implies Dropped
	Protocol   uint8         // 0 is any
	Port       uint16        // of either end; 0 is any
	Src, Dst   netip.Prefix  // not valid: any
	NAT        netip.Addr    // an address that the packet had at any time, before or after a translation; not valid: any
	Expression *pcapfilter.Filter
}

// Party is an instance, an internet host, a gateway: its interfaces, and the addresses that packets for it may have. The zero Party
// is anybody.
type Party struct {
	Interfaces []string
	Addrs      []netip.Prefix
}

func (p Party) anybody() bool { return p.Interfaces == nil }

// Verdict is what became of a packet.
type Verdict uint8

// The verdicts; Any is both of the others.
const (
	Any Verdict = iota
	Forwarded
	Dropped
)

// String returns the verdict's name.
func (v Verdict) String() string { return [...]string{"any", "forwarded", "dropped", ""}[v&3] }

// normal says about the verdict what follows from the rest.
func (f Filter) normal() Filter {
	if len(f.Reasons) > 0 {
		f.Verdict = Dropped
	}
	return f
}

// enters asks what is known of a packet from the beginning, but for Expression.
func (f *Filter) enters(from string, protocol uint8, src, dst netip.AddrPort) bool {
	return (f.Protocol == 0 || f.Protocol == protocol) &&
		(f.Port == 0 || f.Port == src.Port() || f.Port == dst.Port()) &&
		(!f.Src.IsValid() || f.Src.Contains(src.Addr())) &&
		(!f.Dst.IsValid() || f.Dst.Contains(dst.Addr())) &&
		(f.From.anybody() || slices.Contains(f.From.Interfaces, from))
}

// ended asks what is known only at a packet's end.
func (f *Filter) ended(o *Observation) bool {
	dropped := o.end.drop != drop.None
	switch {
	case f.Verdict != Any && dropped != (f.Verdict == Dropped):
		return false
	case len(f.Reasons) > 0 && !slices.Contains(f.Reasons, o.end.drop):
		return false
	case f.NAT.IsValid() && !o.had(f.NAT):
		return false
	}
	return f.To.anybody() || slices.Contains(f.To.Interfaces, o.To) ||
		dropped && (slices.Contains(f.To.Interfaces, o.end.where) && o.end.where != o.From || f.To.owns(o.Dst) || f.To.owns(o.end.dst))
}

func (p Party) owns(a netip.AddrPort) bool {
	return slices.ContainsFunc(p.Addrs, func(own netip.Prefix) bool { return own.Contains(a.Addr()) })
}

// had says whether the packet had an address at any time.
func (o *Observation) had(a netip.Addr) bool {
	is := func(src, dst netip.AddrPort) bool { return src.Addr() == a || dst.Addr() == a }
	return is(o.Src, o.Dst) || is(o.end.src, o.end.dst) || slices.ContainsFunc(o.steps, func(d decision) bool { return is(d.src, d.dst) })
}
