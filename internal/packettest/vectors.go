package packettest

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"vpcsim/dataplane/packet"
)

// Vector is a session, or an attempt at one, of an inside host with a remote one.
type Vector struct {
	Name     string
	Protocol uint8
	Ends     // without Public, which the runner has to find out
	Steps    []Step
}

// Ends are the ends of a session; for ICMP ports are identifiers. Public is the inside as the outside sees it.
type Ends struct{ Inside, Public, Remote netip.AddrPort }

// Step is what one side sends at once.
type Step struct {
	Inbound bool // the outside sends it
	Make    func(Ends) [][]byte
}

// out is a step of one datagram that the inside sends; in one that the outside sends.
func out(f func(Ends) []byte) Step {
	return Step{false, func(e Ends) [][]byte { return [][]byte{f(e)} }}
}
func in(f func(Ends) []byte) Step {
	return Step{true, func(e Ends) [][]byte { return [][]byte{f(e)} }}
}

// World is where vectors take place. Each vector has ports of its own, from First up.
type World struct {
	Inside, Neighbour netip.Addr // two hosts of one subnet
	Remote, Stranger  netip.Addr // two hosts outside
	First             uint16
}

// builder collects vectors.
type builder struct {
	World
	all []Vector
}

// add adds a vector of the host Inside with Remote.
func (b *builder) add(name string, protocol uint8, steps ...Step) {
	port := b.First + uint16(len(b.all))
	v := Vector{Name: name, Protocol: protocol, Steps: steps}
	v.Inside, v.Remote = netip.AddrPortFrom(b.Inside, port), netip.AddrPortFrom(b.Remote, 7)
	b.all = append(b.all, v)
}

// Vectors are what careless and hostile hosts send: broken headers, fragments, impossible addresses, ICMP errors about anything.
func Vectors(w World) []Vector {
	b := &builder{World: w}
	b.checksums()
	b.headers()
	b.fragments()
	b.segments()
	b.addresses()
	b.clashes()
	b.connections()
	b.queries()
	b.errors()
	return b.all
}

// id is an identification that follows from the session.
func (e Ends) id() uint16 { return e.Inside.Port() ^ 0x5555 }

func (e Ends) udp(payload string) []byte { return UDP(e.Inside, e.Remote, e.id(), []byte(payload)) }

func (e Ends) tcp(flags uint8, seq, ack uint32, payload string) []byte {
	return TCP(e.Inside, e.Remote, e.id(), flags, seq, ack, []byte(payload))
}

func (e Ends) ping() []byte { return Echo(e.Inside, e.Remote, e.id(), false, []byte("ping")) }

// checksums are right, wrong and absent.
func (b *builder) checksums() {
	b.add("UDP without a checksum", packet.UDP,
		out(func(e Ends) []byte { d := e.udp("no checksum"); d[26], d[27] = 0, 0; return d }),
		in(func(e Ends) []byte {
			d := UDP(e.Remote, e.Public, 3, []byte("no checksum"))
			d[26], d[27] = 0, 0
			return d
		}))
	b.add("UDP whose new checksum is zero", packet.UDP, out(func(e Ends) []byte { return e.udp("first") }), out(func(e Ends) []byte {
		seen := UDP(e.Public, e.Remote, 0, []byte{0, 0, 'z', 'e', 'r', 'o'})
		return e.udp(string(seen[26:28]) + "zero")
	}))
	b.add("UDP with a wrong checksum", packet.UDP, out(func(e Ends) []byte { return flip(e.udp("wrong checksum"), 27) }))
	b.add("TCP SYN with a wrong checksum", packet.TCP, out(func(e Ends) []byte { return flip(e.tcp(packet.SYN, 1, 0, ""), 37) }))
	b.add("ICMP echo with a wrong checksum", packet.ICMP, out(func(e Ends) []byte { return flip(e.ping(), 23) }))
	b.add("UDP with a wrong IP header checksum", packet.UDP, out(func(e Ends) []byte { return flip(e.udp("wrong header"), 11) }))
}

// headers are those of IP, with impossible lengths and rare features.
func (b *builder) headers() {
	b.add("the option record route", packet.UDP, out(func(e Ends) []byte { return withOptions(e.udp("route"), 7, 7, 4, 0, 0, 0, 0, 0) }))
	b.add("the option loose source route", packet.UDP, out(func(e Ends) []byte {
		hop := b.Stranger.As4()
		return withOptions(e.udp("loose"), 131, 7, 4, hop[0], hop[1], hop[2], hop[3], 0)
	}))
	b.add("IHL 15", packet.UDP, out(func(e Ends) []byte {
		d := withOptions(e.udp("options"), make([]byte, 40)...)
		for i := 20; i < 60; i++ {
			d[i] = 1 // no operation
		}
		FixHeader(d)
		return d
	}))
	b.add("IHL 4", packet.UDP, out(func(e Ends) []byte { return with(e.udp("short"), 0, 0x44) }))
	b.add("the evil bit", packet.UDP, out(func(e Ends) []byte { return with(e.udp("evil"), 6, 0x80) }))
	b.add("DF and ECN", packet.UDP, out(func(e Ends) []byte { return with(with(e.udp("marked"), 6, 0x40), 1, 0xb9) }))
	b.add("TTL 2", packet.UDP, out(func(e Ends) []byte { return with(e.udp("two"), 8, 2) }))
	b.add("TTL 1", packet.UDP, out(func(e Ends) []byte { return with(e.udp("one"), 8, 1) }))
	b.add("TTL 0", packet.UDP, out(func(e Ends) []byte { return with(e.udp("none"), 8, 0) }))
	for _, ttl := range []uint8{0, 1, 2, 3} {
		b.add(fmt.Sprint("an answer of TTL ", ttl), packet.UDP, out(func(e Ends) []byte { return e.udp("question") }),
			in(func(e Ends) []byte { return with(UDP(e.Remote, e.Public, e.id(), []byte("answer")), 8, ttl) }))
	}
	b.add("UDP longer than its datagram", packet.UDP, out(func(e Ends) []byte { return flip(e.udp("long"), 24) }))
	b.add("UDP shorter than its datagram", packet.UDP, out(func(e Ends) []byte {
		d := e.udp("shorter")
		return IPv4(e.Inside.Addr(), e.Remote.Addr(), e.id(), packet.UDP, append(d[20:], "trailer"...))
	}))
	b.add("a datagram longer than its frame", packet.UDP, out(func(e Ends) []byte { d := e.udp("cut off"); return d[:len(d)-3] }))
	b.add("a frame longer than its datagram", packet.UDP, out(func(e Ends) []byte { return append(e.udp("padded"), "padding"...) }))
	for _, protocol := range []uint8{47, 50, 132} {
		b.add(fmt.Sprint("protocol ", protocol), protocol, out(func(e Ends) []byte {
			return IPv4(e.Inside.Addr(), e.Remote.Addr(), e.id(), protocol, []byte("\x00\x07\x00\x07, opaque, and longer than a header"))
		}))
	}
}

// long is a datagram to be cut up, of 1808 bytes after its header.
func (e Ends) long() []byte {
	d := make([]byte, 1800)
	for i := range d {
		d[i] = byte(i / 8)
	}
	return UDP(e.Inside, e.Remote, e.id(), d)
}

// fragments of UDP datagrams, and of what is never sent in fragments.
func (b *builder) fragments() {
	cut := func(name string, cuts ...[2]int) {
		b.add(name, packet.UDP, Step{false, func(e Ends) (all [][]byte) {
			for _, c := range cuts {
				all = append(all, piece(e.long(), c[0], c[1]))
			}
			return all
		}})
	}
	first, second, third := [2]int{0, 600}, [2]int{600, 1200}, [2]int{1200, 1808}
	cut("fragments in order", first, second, third)
	cut("fragments in reverse", third, second, first)
	cut("fragments that overlap", first, [2]int{592, 1200}, third)
	cut("a fragment twice", first, second, second, third)
	cut("the first fragment is missing", second, third)
	cut("the last fragment is missing", first, second)
	b.add("fragments beyond 65,535 bytes", packet.UDP, Step{false, func(e Ends) [][]byte {
		last := piece(e.long(), 1200, 1808)
		last[6], last[7] = 0x1f, 0xff
		FixHeader(last)
		return [][]byte{piece(e.long(), 0, 600), last}
	}})
	b.add("TCP in fragments", packet.TCP, Step{false, func(e Ends) [][]byte {
		d := TCP(e.Inside, e.Remote, e.id(), packet.SYN, 1, 0, make([]byte, 64))
		return [][]byte{piece(d, 0, 40), piece(d, 40, 100)}
	}})
	b.add("a ping in fragments", packet.ICMP, Step{false, func(e Ends) [][]byte {
		d := Echo(e.Inside, e.Remote, e.id(), false, make([]byte, 92))
		return [][]byte{piece(d, 0, 40), piece(d, 40, 100)}
	}})
}

// segments of TCP that belong to no connection.
func (b *builder) segments() {
	for _, s := range []struct {
		name  string
		flags uint8
	}{
		{"TCP ACK without a connection", packet.ACK},
		{"TCP RST without a connection", packet.RST},
		{"TCP SYN and FIN", packet.SYN | packet.FIN},
		{"TCP without flags", 0},
		{"TCP Xmas tree", packet.FIN | packet.PSH | packet.URG},
	} {
		b.add(s.name, packet.TCP, out(func(e Ends) []byte { return e.tcp(s.flags, 1000, 2000, s.name) }))
	}
}

// addresses that no packet between two hosts has.
func (b *builder) addresses() {
	odd := []struct{ name, addr string }{
		{"limited broadcast", "255.255.255.255"}, {"multicast", "224.0.0.5"}, {"127/8", "127.0.0.1"}, {"0/8", "0.1.2.3"}, {"class E", "240.0.0.1"},
	}
	for _, o := range odd {
		a := netip.MustParseAddr(o.addr)
		b.add("to "+o.name, packet.UDP, out(func(e Ends) []byte {
			return UDP(e.Inside, netip.AddrPortFrom(a, 7), e.id(), []byte("to nowhere"))
		}))
		b.add("from "+o.name, packet.UDP, out(func(e Ends) []byte {
			return UDP(netip.AddrPortFrom(a, e.Inside.Port()), e.Remote, e.id(), []byte("from nowhere"))
		}))
		b.add("into the VPC from "+o.name, packet.UDP, in(func(e Ends) []byte {
			return UDP(netip.AddrPortFrom(a, 7), e.Public, e.id(), []byte("from nowhere"))
		}))
	}
	foreign := netip.MustParseAddr("192.0.2.77")
	b.add("from another host's address", packet.UDP, out(func(e Ends) []byte {
		return UDP(netip.AddrPortFrom(b.Neighbour, e.Inside.Port()), e.Remote, e.id(), []byte("spoofed"))
	}))
	b.add("from an address outside", packet.UDP, out(func(e Ends) []byte {
		return UDP(netip.AddrPortFrom(foreign, e.Inside.Port()), e.Remote, e.id(), []byte("spoofed"))
	}))
	b.add("into the VPC from a private address", packet.UDP, in(func(e Ends) []byte {
		return UDP(netip.AddrPortFrom(b.Neighbour, 7), e.Public, e.id(), []byte("spoofed"))
	}))
	b.add("LAND, outside", packet.TCP, out(func(e Ends) []byte { return TCP(e.Remote, e.Remote, e.id(), packet.SYN, 1, 0, nil) }))
	b.add("LAND, inside", packet.TCP, out(func(e Ends) []byte { return TCP(e.Inside, e.Inside, e.id(), packet.SYN, 1, 0, nil) }))
	b.add("LAND, from outside", packet.TCP, in(func(e Ends) []byte { return TCP(e.Public, e.Public, e.id(), packet.SYN, 1, 0, nil) }))
}

// clashes: both sides begin at the same time.
func (b *builder) clashes() {
	b.add("UDP from both sides at once", packet.UDP,
		in(func(e Ends) []byte { return UDP(e.Remote, e.Public, e.id(), []byte("before")) }),
		out(func(e Ends) []byte { return e.udp("out") }),
		in(func(e Ends) []byte { return UDP(e.Remote, e.Public, e.id(), []byte("after")) }))
	b.add("TCP opened from both sides at once", packet.TCP,
		in(func(e Ends) []byte { return TCP(e.Remote, e.Public, e.id(), packet.SYN, 900, 0, nil) }),
		out(func(e Ends) []byte { return e.tcp(packet.SYN, 100, 0, "") }),
		in(func(e Ends) []byte { return TCP(e.Remote, e.Public, e.id(), packet.SYN, 900, 0, nil) }),
		out(func(e Ends) []byte { return e.tcp(packet.SYN|packet.ACK, 100, 901, "") }),
		in(func(e Ends) []byte { return TCP(e.Remote, e.Public, e.id(), packet.SYN|packet.ACK, 900, 101, nil) }),
		out(func(e Ends) []byte { return e.tcp(packet.ACK, 101, 901, "hello") }))
	b.add("a stranger to a port in use", packet.UDP,
		out(func(e Ends) []byte { return e.udp("out") }),
		in(func(e Ends) []byte { return UDP(netip.AddrPortFrom(b.Stranger, 7), e.Public, e.id(), []byte("knock")) }),
		in(func(e Ends) []byte { return UDP(e.Remote, e.Public, e.id(), []byte("answer")) }))
	b.add("a connection from outside", packet.TCP, in(func(e Ends) []byte { return TCP(e.Remote, e.Public, e.id(), packet.SYN, 1, 0, nil) }))
	b.add("a ping from outside", packet.ICMP, in(func(e Ends) []byte {
		return Echo(netip.AddrPortFrom(b.Remote, 77), e.Public, e.id(), false, []byte("ping"))
	}))
}

// errors are ICMP errors from outside about a datagram that went out, and from inside about its answer.
func (b *builder) errors() {
	sent := out(func(e Ends) []byte { return e.udp("reported on") })
	quote := func(e Ends) []byte { return UDP(e.Public, e.Remote, e.id(), []byte("reported on")) }
	report := func(name string, typ, code uint8, word uint32, change func(Ends, []byte) []byte) {
		b.add(name, packet.UDP, sent, in(func(e Ends) []byte {
			return ICMP(b.Stranger, e.Public.Addr(), e.id(), typ, code, word, change(e, quote(e)))
		}))
	}
	whole := func(_ Ends, q []byte) []byte { return q }
	for code := range uint8(16) {
		report(fmt.Sprint("ICMP destination unreachable, code ", code), 3, code, 0, whole)
	}
	report("ICMP too big", 3, 4, 1400, whole)
	report("ICMP time exceeded", 11, 0, 0, whole)
	report("ICMP parameter problem", 12, 0, 0, whole)
	report("ICMP source quench", 4, 0, 0, whole)
	report("ICMP redirect", 5, 1, binary.BigEndian.Uint32(b.Stranger.AsSlice()), whole)
	for _, n := range []int{8, 20, 27, 28} {
		report(fmt.Sprint("ICMP error that quotes ", n, " bytes"), 3, 3, 0, func(_ Ends, q []byte) []byte { return q[:n] })
	}
	report("ICMP error about a later fragment", 3, 3, 0, func(_ Ends, q []byte) []byte { return with(q, 7, 75) })
	report("ICMP error whose quote has a wrong header checksum", 3, 3, 0, func(_ Ends, q []byte) []byte { return flip(q, 11) })
	report("ICMP error about an ICMP error", 3, 3, 0, func(e Ends, q []byte) []byte {
		return ICMP(e.Public.Addr(), e.Remote.Addr(), 9, 3, 3, 0, UDP(e.Remote, e.Public, 9, q[28:]))
	})
	report("ICMP error about nobody's datagram", 3, 3, 0, func(e Ends, q []byte) []byte { return UDP(e.Public, netip.AddrPortFrom(b.Remote, 9), 9, q[28:]) })
	b.add("ICMP error with a wrong checksum", packet.UDP, sent, in(func(e Ends) []byte {
		return flip(ICMP(b.Stranger, e.Public.Addr(), e.id(), 3, 3, 0, quote(e)), 23)
	}))
	b.add("ICMP error from inside", packet.UDP, sent,
		in(func(e Ends) []byte { return UDP(e.Remote, e.Public, e.id(), []byte("answer")) }),
		out(func(e Ends) []byte {
			return ICMP(e.Inside.Addr(), e.Remote.Addr(), e.id(), 3, 3, 0, UDP(e.Remote, e.Inside, e.id(), []byte("answer")))
		}))
}
