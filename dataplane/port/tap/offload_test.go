package tap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
)

// header makes a virtio header.
func header(flags, gso uint8, hdrLen, size, start, offset uint16) []byte {
	h := []byte{flags, gso}
	for _, v := range []uint16{hdrLen, size, start, offset} {
		h = binary.NativeEndian.AppendUint16(h, v)
	}
	return h
}

// tcp is a TCP segment with the flags and n bytes of payload; of IPv6 if v6.
func tcp(flags uint8, n int, v6 bool) *packet.Packet {
	src, dst := netip.MustParseAddrPort("10.0.1.5:1"), netip.MustParseAddrPort("10.0.1.6:2")
	if v6 {
		src, dst = netip.MustParseAddrPort("[2001:db8::5]:1"), netip.MustParseAddrPort("[2001:db8::6]:2")
	}
	p := packet.New(packet.MaxSize)
	packet.BuildTCP(p, src, dst, flags, 1, 1, make([]byte, n))
	return p
}

func udp(n int) *packet.Packet {
	p := packet.New(packet.MaxSize)
	packet.BuildUDP(p, netip.MustParseAddrPort("10.0.1.5:1"), netip.MustParseAddrPort("10.0.1.6:2"), make([]byte, n))
	return p
}

func TestAHeaderIsUnderstoodAndWrittenAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		p       *packet.Packet
		header  []byte
		size    uint16
		partial bool
		again   []byte // nil for the same
	}{
		{"an ordinary datagram", udp(10), header(0, 0, 0, 0, 0, 0), 0, false, nil},
		{"a checksum that the kernel has verified", udp(10), header(2, 0, 0, 0, 0, 0), 0, false, header(0, 0, 0, 0, 0, 0)},
		{"a partial checksum of UDP", udp(10), header(1, 0, 0, 0, 34, 6), 0, true, nil},
		{"a partial checksum of TCP", tcp(packet.ACK, 10, false), header(1, 0, 0, 0, 34, 16), 0, true, nil},
		{"a partial checksum elsewhere is completed", udp(10), header(1, 0, 0, 0, 42, 2), 0, false, header(0, 0, 0, 0, 0, 0)},
		{"a super-packet of TCP", tcp(packet.ACK, 3000, false), header(1, 1, 54, 1000, 34, 16), 1000, true, nil},
		{"its header length is not believed", tcp(packet.ACK, 3000, false), header(1, 1, 9999, 1000, 34, 16), 1000, true, header(1, 1, 54, 1000, 34, 16)},
		{"a super-packet of TCP with CWR", tcp(packet.ACK|packet.CWR, 3000, false), header(1, 0x81, 54, 1000, 34, 16), 1000, true, nil},
		{"a super-packet of TCP over IPv6", tcp(packet.ACK, 3000, true), header(1, 4, 74, 1000, 54, 16), 1000, true, nil},
		{"a super-packet of UDP", udp(3000), header(1, 5, 42, 1000, 34, 6), 1000, true, nil},
		{"a super-packet whose checksum is said to be complete", udp(3000), header(0, 5, 42, 1000, 0, 0), 1000, true, header(1, 5, 42, 1000, 34, 6)},
		{"a super-packet of one segment is none", udp(1000), header(1, 5, 42, 1000, 34, 6), 0, true, header(1, 0, 0, 0, 34, 6)},
	} {
		if !describe(c.header, c.p) || c.p.Decode() != packet.OK {
			t.Errorf("%s: refused", c.name)
			continue
		}
		if c.p.SegmentSize != c.size || c.p.ChecksumPartial() != c.partial {
			t.Errorf("%s: segments of %d bytes, checksum partial: %v", c.name, c.p.SegmentSize, c.p.ChecksumPartial())
		}
		if c.again == nil {
			c.again = c.header
		}
		got := bytes.Repeat([]byte{0xff}, vnetLen)
		if putVnetHeader(got, c.p); !bytes.Equal(got, c.again) {
			t.Errorf("%s: written as %x, want %x", c.name, got, c.again)
		}
	}
}

func TestAHeaderWithoutSenseIsRefused(t *testing.T) {
	for name, h := range map[string][]byte{
		"a checksum in the Ethernet header":       header(1, 0, 0, 0, 10, 2),
		"a checksum that ends after the datagram": header(1, 0, 0, 0, 34, 1000),
		"a checksum at the very end":              header(1, 0, 0, 0, 34, 17),
		"segments of no bytes":                    header(1, 1, 54, 0, 34, 6),
		"UDP fragmentation":                       header(1, 3, 42, 1000, 34, 6),
		"an unknown type":                         header(1, 77, 42, 1000, 34, 6),
	} {
		if describe(h, udp(10)) {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestOffloadsHaveNamesAndFlags(t *testing.T) {
	for o, want := range map[Offload]string{
		0: "none", Checksums: "checksums", Checksums | TCPSegments: "checksums, TCP segmentation",
		AllOffloads: "checksums, TCP segmentation, UDP segmentation",
	} {
		if o.String() != want {
			t.Errorf("got %q, want %q", o, want)
		}
	}
	if got := AllOffloads.features(); got != unix.TUN_F_CSUM|unix.TUN_F_TSO4|unix.TUN_F_TSO6|unix.TUN_F_TSO_ECN|unix.TUN_F_USO4|unix.TUN_F_USO6 {
		t.Errorf("all features are %x", got)
	}
}

// FuzzHeader: whatever a header says of whatever frame, what is written is a header that says the same.
func FuzzHeader(f *testing.F) {
	for _, p := range []*packet.Packet{udp(100), tcp(packet.ACK, 100, false), tcp(packet.ACK|packet.CWR, 100, true)} {
		for _, h := range [][]byte{header(0, 0, 0, 0, 0, 0), header(1, 0, 0, 0, 34, 6), header(1, 1, 54, 10, 34, 16), header(1, 0x84, 74, 10, 54, 16), header(1, 5, 42, 10, 34, 6)} {
			f.Add(h, p.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, h, b []byte) {
		if len(h) < vnetLen || len(b) > packet.MaxSize {
			return
		}
		p, q := packet.New(len(b)), packet.New(len(b))
		p.SetBytes(b)
		if !describe(h, p) || p.Decode() != packet.OK {
			return
		}
		again := make([]byte, vnetLen)
		putVnetHeader(again, p)
		q.SetBytes(p.Bytes())
		if !describe(again, q) || q.Decode() != packet.OK || q.SegmentSize != p.SegmentSize || q.ChecksumPartial() != p.ChecksumPartial() || !bytes.Equal(q.Bytes(), p.Bytes()) {
			t.Errorf("%x became %x for % x", h, again, b)
		}
	})
}
