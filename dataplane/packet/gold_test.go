package packet

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// datagram is what the tests say a packet is. gopacket makes the bytes of it, with every checksum computed afresh: the
// slow and obvious model of the Set methods and builders.
type datagram struct {
	src, dst     string
	sport, dport uint16 // echo: sport is the identifier
	protocol     uint8
	flags        uint8 // TCP
	seq, ack     uint32
	icmpType     uint8
	ttl          uint8 // 0 means 64
	options      []byte
	payload      []byte
}

// bytes lets gopacket serialize d.
func (d datagram) bytes(t testing.TB) []byte {
	t.Helper()
	src, dst := netip.MustParseAddr(d.src), netip.MustParseAddr(d.dst)
	if d.ttl == 0 {
		d.ttl = 64
	}
	var network gopacket.NetworkLayer
	var ip gopacket.SerializableLayer
	if src.Is4() {
		v4 := &layers.IPv4{Version: 4, TTL: d.ttl, Protocol: layers.IPProtocol(d.protocol), SrcIP: src.AsSlice(),
			DstIP: dst.AsSlice(), Flags: layers.IPv4DontFragment}
		for i, o := range d.options { // one-byte options only: the Set methods don't look at them
			v4.Options = append(v4.Options, layers.IPv4Option{OptionType: o, OptionLength: 1})
			require.Less(t, i, 40)
		}
		network, ip = v4, v4
	} else {
		v6 := &layers.IPv6{Version: 6, HopLimit: d.ttl, NextHeader: layers.IPProtocol(d.protocol), SrcIP: src.AsSlice(),
			DstIP: dst.AsSlice()}
		network, ip = v6, v6
	}
	stack := append([]gopacket.SerializableLayer{ip}, d.transport(t, network)...)
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	require.NoError(t, gopacket.SerializeLayers(buf, opts, append(stack, gopacket.Payload(d.payload))...))
	b := buf.Bytes()
	if d.protocol == UDP { // gopacket sends a sum of zero as zero, which RFC 768 forbids
		if at := len(b) - len(d.payload) - 2; be.Uint16(b[at:]) == 0 {
			be.PutUint16(b[at:], 0xffff)
		}
	}
	return b
}

func (d datagram) transport(t testing.TB, network gopacket.NetworkLayer) []gopacket.SerializableLayer {
	switch d.protocol {
	case TCP:
		f := d.flags
		tcp := &layers.TCP{SrcPort: layers.TCPPort(d.sport), DstPort: layers.TCPPort(d.dport), Seq: d.seq, Ack: d.ack,
			FIN: f&FIN != 0, SYN: f&SYN != 0, RST: f&RST != 0, PSH: f&PSH != 0, ACK: f&ACK != 0, URG: f&URG != 0,
			ECE: f&ECE != 0, CWR: f&CWR != 0, Window: 0xffff}
		if tcp.RST {
			tcp.Window = 0
		}
		require.NoError(t, tcp.SetNetworkLayerForChecksum(network))
		return []gopacket.SerializableLayer{tcp}
	case UDP:
		udp := &layers.UDP{SrcPort: layers.UDPPort(d.sport), DstPort: layers.UDPPort(d.dport)}
		require.NoError(t, udp.SetNetworkLayerForChecksum(network))
		return []gopacket.SerializableLayer{udp}
	case ICMP:
		return []gopacket.SerializableLayer{&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(d.icmpType, 0), Id: d.sport,
			Seq: d.dport}}
	case ICMPv6:
		icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(d.icmpType, 0)}
		require.NoError(t, icmp.SetNetworkLayerForChecksum(network))
		return []gopacket.SerializableLayer{icmp, &layers.ICMPv6Echo{Identifier: d.sport, SeqNumber: d.dport}}
	}
	return nil
}

// packet is d decoded, without a fault.
func (d datagram) packet(t testing.TB) *Packet {
	t.Helper()
	return decoded(t, d.bytes(t))
}

func decoded(t testing.TB, b []byte) *Packet {
	t.Helper()
	p := New(len(b))
	p.SetBytes(b)
	if f := p.Decode(); f != OK {
		t.Fatalf("Decode of % x: %v", b, f)
	}
	return p
}

// naiveSum is RFC 1071 as it is written: word by word, every carry added at once.
func naiveSum(parts ...[]byte) uint16 {
	var s uint32
	for _, b := range parts {
		for i := range b {
			w := uint32(b[i])
			if i%2 == 0 {
				w <<= 8
			}
			s += w
			s = s>>16 + s&0xffff
		}
	}
	return uint16(s)
}

// fixHeader makes the IPv4 header checksum of b right.
func fixHeader(b []byte) []byte {
	header := int(b[0]&0xf) * 4
	be.PutUint16(b[10:], 0)
	be.PutUint16(b[10:], ^naiveSum(b[:header]))
	return b
}

// fragments cuts the IPv4 datagram b into fragments with size (a multiple of 8) bytes of data.
func fragments(b []byte, size int) [][]byte {
	header := int(b[0]&0xf) * 4
	var all [][]byte
	for at := header; at < len(b); at += size {
		data := b[at:min(at+size, len(b))]
		f := append(append([]byte{}, b[:header]...), data...)
		be.PutUint16(f[2:], uint16(len(f)))
		w := uint16((at - header) / 8)
		if at+size < len(b) {
			w |= moreFragments
		}
		be.PutUint16(f[6:], w)
		all = append(all, fixHeader(f))
	}
	return all
}

func tcp4() datagram {
	return datagram{src: "10.0.2.5", dst: "52.216.1.2", sport: 40000, dport: 443, protocol: TCP, flags: PSH | ACK, seq: 7,
		ack: 9, payload: []byte("GET / HTTP/1.1")}
}

func udp4() datagram {
	return datagram{src: "10.0.2.5", dst: "10.0.0.2", sport: 40001, dport: 53, protocol: UDP, payload: []byte("question")}
}

func echo4() datagram {
	return datagram{src: "10.0.2.5", dst: "8.8.8.8", sport: 77, dport: 1, protocol: ICMP, icmpType: ICMPEchoRequest,
		payload: []byte("abcdefg")}
}

func tcp6() datagram {
	d := tcp4()
	d.src, d.dst = "2001:db8::5", "2600:1f00::1:2"
	return d
}

func udp6() datagram {
	d := udp4()
	d.src, d.dst = "2001:db8::5", "2600:1f00::1:2"
	return d
}

func echo6() datagram {
	d := echo4()
	d.src, d.dst, d.protocol, d.icmpType = "2001:db8::5", "2600:1f00::1:2", ICMPv6, ICMPv6EchoRequest
	return d
}

// every is one datagram of each kind the Set methods tell apart.
func every() map[string]datagram {
	reply, sctp, options := echo4(), udp4(), tcp4()
	reply.icmpType = ICMPEchoReply
	sctp.protocol, sctp.sport, sctp.dport = 132, 0, 0
	options.options = []byte{1, 1, 1, 1}
	return map[string]datagram{"TCP": tcp4(), "UDP": udp4(), "echo request": echo4(), "echo reply": reply, "SCTP": sctp,
		"TCP with IP options": options, "TCP over IPv6": tcp6(), "UDP over IPv6": udp6(), "echo over IPv6": echo6()}
}
