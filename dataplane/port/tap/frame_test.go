package tap

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
)

var (
	guest     = [6]byte{2, 0, 0, 0, 0, 5}
	stranger  = [6]byte{2, 0, 0, 0, 0, 66}
	router    = [6]byte{2, 0, 0, 0, 0, 1}
	broadcast = [6]byte{255, 255, 255, 255, 255, 255}
)

// arpFrame is an ARP frame as gopacket builds it.
func arpFrame(t testing.TB, ether [6]byte, op uint16, sha [6]byte, spa, tpa string) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{},
		&layers.Ethernet{SrcMAC: ether[:], DstMAC: broadcast[:], EthernetType: layers.EthernetTypeARP},
		&layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: op,
			SourceHwAddress: sha[:], SourceProtAddress: netip.MustParseAddr(spa).AsSlice(),
			DstHwAddress: make([]byte, 6), DstProtAddress: netip.MustParseAddr(tpa).AsSlice(),
		})
	require.NoError(t, err)
	return bytes.Clone(buf.Bytes())
}

func TestInspect(t *testing.T) {
	frame := func(src [6]byte, etherType uint16, n int) []byte {
		f := make([]byte, headerLen+n)
		putHeader(f, router, src, etherType)
		return f
	}
	for _, c := range []struct {
		name  string
		frame []byte
		want  verdict
	}{
		{"an IPv4 frame from the guest goes up", frame(guest, typeIPv4, 20), datagram},
		{"an IPv6 frame from the guest goes up", frame(guest, typeIPv6, 40), datagram},
		{"an ARP frame from the guest is the port's own", frame(guest, typeARP, 28), arp},
		{"an IPv4 frame from another MAC address is spoofed", frame(stranger, typeIPv4, 20), spoofed},
		{"an ARP frame from another MAC address is spoofed", frame(stranger, typeARP, 28), spoofed},
		{"a frame from the router's own MAC address is spoofed", frame(router, typeIPv4, 20), spoofed},
		{"a VLAN tag is another type", frame(guest, 0x8100, 24), otherType},
		{"an 802.3 length is another type", frame(guest, 46, 46), otherType},
		{"a header with nothing behind it is malformed", frame(guest, typeIPv4, 0), malformed},
		{"half a header is malformed", frame(guest, typeIPv4, 0)[:7], malformed},
		{"an empty frame is malformed", nil, malformed},
	} {
		if got := inspect(c.frame, guest); got != c.want {
			t.Errorf("%s: got verdict %d, want %d", c.name, got, c.want)
		}
	}
}

func TestARPTarget(t *testing.T) {
	const me, other = "10.0.1.5", "10.0.1.1"
	edit := func(f []byte, at int, b byte) []byte { f[at] = b; return f }
	request := func() []byte { return arpFrame(t, guest, 1, guest, me, other) }
	for _, c := range []struct {
		name  string
		frame []byte
		want  bool
	}{
		{"a request is answered", request(), true},
		{"a request with padding is answered", append(request(), make([]byte, 18)...), true},
		{"a reply is not", arpFrame(t, guest, 2, guest, me, other), false},
		{"a gratuitous announcement is not", arpFrame(t, guest, 1, guest, me, me), false},
		{"a probe for duplicates is not", arpFrame(t, guest, 1, guest, "0.0.0.0", other), false},
		{"a sender inside that is not the frame's is not", arpFrame(t, guest, 1, stranger, me, other), false},
		{"a frame cut short is not", request()[:arpFrameLen-1], false},
		{"another hardware type is not", edit(request(), 15, 6), false},
		{"another protocol type is not", edit(request(), 17, 1), false},
		{"another hardware address length is not", edit(request(), 18, 8), false},
		{"another protocol address length is not", edit(request(), 19, 16), false},
	} {
		target, ok := arpTarget(c.frame, guest)
		if ok != c.want {
			t.Errorf("%s: got %v", c.name, ok)
		}
		if ok && target.String() != other {
			t.Errorf("%s: target %s, want %s", c.name, target, other)
		}
	}
}

func TestARPReplyAsGopacketReadsIt(t *testing.T) {
	request := append(arpFrame(t, guest, 1, guest, "10.0.1.5", "10.0.1.1"), make([]byte, 18)...)
	checkReply(t, arpReply(request, router), netip.MustParseAddr("10.0.1.5"), netip.MustParseAddr("10.0.1.1"))
}

// checkReply checks that frame tells asker, at guest, that target is at router.
func checkReply(t *testing.T, frame []byte, asker, target netip.Addr) {
	t.Helper()
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	ether, _ := p.LinkLayer().(*layers.Ethernet)
	got, _ := p.Layer(layers.LayerTypeARP).(*layers.ARP)
	if ether == nil || got == nil || len(frame) != arpFrameLen {
		t.Fatalf("no ARP frame: %x", frame)
	}
	if !bytes.Equal(ether.DstMAC, guest[:]) || !bytes.Equal(ether.SrcMAC, router[:]) {
		t.Errorf("frame from %v to %v, want from the router to the guest", ether.SrcMAC, ether.DstMAC)
	}
	if got.Operation != layers.ARPReply ||
		!bytes.Equal(got.SourceHwAddress, router[:]) || !bytes.Equal(got.SourceProtAddress, target.AsSlice()) ||
		!bytes.Equal(got.DstHwAddress, guest[:]) || !bytes.Equal(got.DstProtAddress, asker.AsSlice()) {
		t.Errorf("operation %d: %v is at %v, said to %v at %v", got.Operation, net.IP(got.SourceProtAddress),
			net.HardwareAddr(got.SourceHwAddress), net.IP(got.DstProtAddress), net.HardwareAddr(got.DstHwAddress))
	}
}

func TestSource(t *testing.T) {
	v4 := make([]byte, 20)
	v4[0] = 0x45
	copy(v4[12:], []byte{10, 0, 1, 5})
	v6 := make([]byte, 40)
	v6[0], v6[23] = 0x60, 1
	for _, c := range []struct {
		name string
		in   []byte
		want string
		typ  uint16
	}{
		{"IPv4", v4, "10.0.1.5", typeIPv4},
		{"IPv6", v6, "::1", typeIPv6},
		{"IPv4 cut short", v4[:19], "invalid IP", 0},
		{"IPv6 cut short", v6[:39], "invalid IP", 0},
		{"version 0", make([]byte, 40), "invalid IP", 0},
		{"nothing", nil, "invalid IP", 0},
	} {
		src, typ, ok := source(c.in)
		if src.String() != c.want || typ != c.typ || ok != (c.typ != 0) {
			t.Errorf("%s: got %s, %#x, %v", c.name, src, typ, ok)
		}
	}
}

// FuzzARP compares the hand-written reader with gopacket's: what arpTarget accepts must be the request gopacket sees, and
// what gopacket sees as a request in order must be accepted. The reply is read back through gopacket.
func FuzzARP(f *testing.F) {
	f.Add(arpFrame(f, guest, 1, guest, "10.0.1.5", "10.0.1.1"))
	f.Add(arpFrame(f, guest, 1, guest, "10.0.1.5", "10.0.1.5"))
	f.Add(arpFrame(f, guest, 1, guest, "0.0.0.0", "10.0.1.5"))
	f.Add(arpFrame(f, guest, 2, guest, "10.0.1.5", "10.0.1.1"))
	f.Add(arpFrame(f, guest, 1, stranger, "10.0.1.5", "10.0.1.1"))
	f.Add(append(arpFrame(f, guest, 1, guest, "10.0.1.5", "10.0.1.1"), 0, 0, 0))
	f.Add(arpFrame(f, guest, 1, guest, "10.0.1.5", "10.0.1.1")[:30])
	f.Fuzz(func(t *testing.T, frame []byte) {
		if inspect(frame, guest) != arp {
			return
		}
		target, ok := arpTarget(frame, guest)
		if len(frame) > 19 && int(frame[18])+int(frame[19]) > 100 { // gopacket adds the lengths up in a byte and panics
			if ok {
				t.Fatalf("accepted addresses of %d and %d bytes", frame[18], frame[19])
			}
			return
		}
		var gold layers.ARP
		err := gold.DecodeFromBytes(frame[headerLen:], gopacket.NilDecodeFeedback)
		want := err == nil && frame[14] == 0 && // gopacket keeps only the second byte of the hardware type
			gold.AddrType == layers.LinkTypeEthernet && gold.Protocol == layers.EthernetTypeIPv4 &&
			gold.HwAddressSize == 6 && gold.ProtAddressSize == 4 && gold.Operation == layers.ARPRequest &&
			bytes.Equal(gold.SourceHwAddress, guest[:]) && !bytes.Equal(gold.SourceProtAddress, make([]byte, 4)) &&
			!bytes.Equal(gold.SourceProtAddress, gold.DstProtAddress)
		if ok != want {
			t.Fatalf("accepted %v, want %v: %x", ok, want, frame)
		}
		if !ok {
			return
		}
		if !bytes.Equal(target.AsSlice(), gold.DstProtAddress) {
			t.Fatalf("target %s, want %v", target, gold.DstProtAddress)
		}
		asker, _ := netip.AddrFromSlice(bytes.Clone(gold.SourceProtAddress))
		checkReply(t, arpReply(frame, router), asker, target)
	})
}
