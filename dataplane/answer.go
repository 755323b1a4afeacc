package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// answer is what is due, and where, for a packet that was dropped. Forward sets it; the worker builds and sends it, or the
// trace forgets it.
type answer struct {
	kind answerKind
	// A RST of the router's own goes straight to the port of to. Any other answer enters the graph at it: as something that
	// arrives from the subnet's router, or with leaves as something that the gateway there sends.
	to       *Interface
	leaves   bool
	source   netip.AddrPort // the sender of a RST; invalid for the dropped packet's destination
	from     netip.Addr     // the sender of an ICMP error
	mtu      uint16         // of tooBig
	receiver *Interface     // whom the dropped packet was for, if a RST in its place is due there too; else nil
}

type answerKind uint8

const (
	answerNone answerKind = iota
	answerReset
	answerTooBig
	answerTimeExceeded
)

// answerTo sends what is due for the dropped packet p.
func (w *Worker) answerTo(p *packet.Packet) {
	due, out := w.answer, w.spare[0]
	w.answer = answer{}
	built := false
	switch due.kind {
	case answerReset:
		built = packet.BuildReset(out, p)
		if due.source.IsValid() && built {
			out.SetSrc(due.source.Addr())
			out.SetSrcPort(due.source.Port())
		}
	case answerTooBig:
		built = packet.BuildTooBig(out, p, due.from, due.mtu)
	case answerTimeExceeded:
		built = packet.BuildTimeExceeded(out, p, due.from)
	}
	if !built {
		return
	}
	w.flush()
	w.film.own = true
	defer func() { w.film.own = false }()
	if due.kind == answerReset && !due.leaves {
		w.sendReset(due, p)
		return
	}
	switch arrived := w.inject(due.to, out, due.leaves); {
	case arrived && due.kind == answerReset:
		w.counters.Resets++
	case arrived:
		w.counters.ICMPErrors++
	}
}

// sendReset writes the RST that was built straight to its port, and the one in p's place, if that is due.
func (w *Worker) sendReset(due answer, p *packet.Packet) {
	w.counters.Resets++
	w.write(due.to, w.spare[:])
	w.log(due.to, w.spare[0], inbound, drop.None, nil)
	if due.receiver == nil {
		return
	}
	packet.BuildTCP(w.spare[0], netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort), packet.RST, p.TCPSeq(), 0, nil)
	w.counters.Resets++
	w.write(due.receiver, w.spare[:])
	w.log(due.receiver, w.spare[0], inbound, drop.None, nil)
}

// inject forwards a packet of the router's own, w.spare: as one that arrives at interface i, or that the gateway there
// sends. It says whether the packet arrived. An answer is never answered.
func (w *Worker) inject(i *Interface, p *packet.Packet, leaves bool) bool {
	to, reason := i, drop.None
	if leaves {
		to, reason = w.route(i, p)
	} else {
		to, reason = w.land(i, p)
	}
	w.answer = answer{}
	return reason == drop.None && w.write(to, w.spare[:]) == 1
}
