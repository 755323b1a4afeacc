package packettest

import (
	"fmt"
	"net/netip"

	"vpcsim/dataplane/packet"
)

// segment is a step of one TCP segment.
func segment(inbound bool, flags uint8, seq, ack uint32, payload string) Step {
	if inbound {
		return in(func(e Ends) []byte { return TCP(e.Remote, e.Public, e.id(), flags, seq, ack, []byte(payload)) })
	}
	return out(func(e Ends) []byte { return e.tcp(flags, seq, ack, payload) })
}

// connections are TCP connections of which something is odd: what is sent twice, where no receiver looks for it, or again after the end.
func (b *builder) connections() {
	const s, a, f, r = packet.SYN, packet.ACK, packet.FIN, packet.RST
	open := []Step{segment(false, s, 100, 0, ""), segment(true, s|a, 900, 101, ""), segment(false, a, 101, 901, "")}
	add := func(name string, more ...Step) { b.add(name, packet.TCP, append(open[:3:3], more...)...) }
	add("every segment of a connection twice", open[0], open[1], open[2],
		segment(false, a, 101, 901, "data"), segment(false, a, 101, 901, "data"), segment(true, a, 901, 105, ""), segment(true, a, 901, 105, ""))
	add("a connection half closed", segment(false, f|a, 101, 901, ""), segment(true, a, 901, 102, ""),
		segment(true, a, 901, 102, "still here"), segment(false, a, 102, 911, ""), segment(true, f|a, 911, 102, ""), segment(false, a, 102, 912, ""))
	add("a connection anew after a reset from inside", segment(false, r|a, 101, 901, ""),
		segment(false, s, 5000, 0, ""), segment(true, s|a, 7000, 5001, ""), segment(false, a, 5001, 7001, ""))
	add("a connection anew after a reset from outside", segment(true, r|a, 901, 101, ""),
		segment(false, s, 5000, 0, ""), segment(true, s|a, 7000, 5001, ""), segment(false, a, 5001, 7001, ""))
	add("a connection anew after its end", segment(false, f|a, 101, 901, ""), segment(true, f|a, 901, 102, ""), segment(false, a, 102, 902, ""),
		segment(false, s, 500000, 0, ""), segment(true, s|a, 700000, 500001, ""), segment(false, a, 500001, 700001, ""))
	add("a segment from inside far out of the window", segment(false, a, 1<<30, 901, "far out"), segment(false, a, 101, 901, "in order"))
	add("a segment from outside far out of the window", segment(true, a, 1<<30, 101, "far out"), segment(true, a, 901, 101, "in order"))
	add("a reset from outside that is not the next segment", segment(true, r, 1<<30, 0, ""), segment(true, a, 901, 101, "alive"))
	b.add("a refused connection", packet.TCP, open[0], segment(true, r|a, 0, 101, ""))
	b.add("data on a SYN", packet.TCP, segment(false, s, 100, 0, "early"), segment(true, s|a, 900, 106, ""), segment(false, a, 106, 901, ""))
}

// queries of ICMP, and ports that are rarely used.
func (b *builder) queries() {
	query := func(typ uint8, body int) Step {
		return out(func(e Ends) []byte {
			return ICMP(e.Inside.Addr(), e.Remote.Addr(), e.id(), typ, 0, uint32(e.Inside.Port())<<16|1, make([]byte, body))
		})
	}
	b.add("ICMP timestamp", packet.ICMP, query(13, 12), in(func(e Ends) []byte {
		return ICMP(e.Remote.Addr(), e.Public.Addr(), e.id(), 14, 0, uint32(e.Inside.Port())<<16|1, make([]byte, 12))
	}))
	b.add("ICMP information", packet.ICMP, query(15, 0))
	b.add("ICMP address mask", packet.ICMP, query(17, 4))
	b.add("ICMP of an unknown type", packet.ICMP, query(99, 4))
	b.add("ICMP echo reply that nobody asked for", packet.ICMP, query(0, 4))
	b.add("ICMP shorter than its header", packet.ICMP, out(func(e Ends) []byte {
		return IPv4(e.Inside.Addr(), e.Remote.Addr(), e.id(), packet.ICMP, []byte{8, 0, 0xf7, 0xff})
	}))
	for _, port := range []uint16{0, 1, 1023} {
		b.add(fmt.Sprint("UDP from and to port ", port), packet.UDP, out(func(e Ends) []byte {
			return UDP(netip.AddrPortFrom(e.Inside.Addr(), port), netip.AddrPortFrom(e.Remote.Addr(), port), e.id(), []byte("low"))
		}))
	}
}
