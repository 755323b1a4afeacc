package packet

import (
	"net/netip"
	"testing"
)

func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name string
		d    datagram
	}{{"TCP", tcp4()}, {"UDP", udp4()}, {"echo", echo4()}, {"TCP over IPv6", tcp6()}} {
		b.Run(c.name, func(b *testing.B) {
			p := c.d.packet(b)
			b.ReportAllocs()
			for b.Loop() {
				if p.Decode() != OK {
					b.Fatal()
				}
			}
		})
	}
}

func BenchmarkDecodeAndSetSrc(b *testing.B) {
	p := tcp4().packet(b)
	a := netip.MustParseAddr("3.4.5.6")
	b.ReportAllocs()
	for b.Loop() {
		p.Decode()
		p.SetSrc(a)
	}
}

func BenchmarkSetSrcAndPort(b *testing.B) {
	p := tcp4().packet(b)
	addrs := [2]netip.Addr{netip.MustParseAddr("3.4.5.6"), p.Src}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.SetSrc(addrs[i&1])
		p.SetSrcPort(uint16(i))
	}
}

func BenchmarkSetEmbeddedSrc(b *testing.B) {
	p, out := tcp4().packet(b), New(MaxSize)
	BuildICMPError(out, p, p.Dst, ICMPTimeExceeded, CodeTTLExceeded, 0)
	b.ReportAllocs()
	for b.Loop() {
		out.SetEmbeddedSrc(p.Dst)
	}
}

func BenchmarkClampMSS(b *testing.B) {
	p := decoded(b, synWith(b, tcp4(), 2, 4, 0x23, 0x28, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		be.PutUint16(p.Bytes()[42:], uint16(1000+i&0xfff)) // the checksum is wrong then, and no matter
		p.ClampMSS(1460)
	}
}

func BenchmarkFragment9001Into1500(b *testing.B) {
	d := udp4()
	d.payload = make([]byte, 9001-28)
	p, f := d.packet(b), New(1500)
	b.ReportAllocs()
	for b.Loop() {
		for at, more := 0, true; more; {
			at, more = p.FragmentInto(f, 1500, at)
		}
	}
}

func BenchmarkBuildReset(b *testing.B) {
	p, out := tcp4().packet(b), New(100)
	b.ReportAllocs()
	for b.Loop() {
		BuildReset(out, p)
	}
}

func BenchmarkCopyFrom1500(b *testing.B) {
	d := tcp4()
	d.payload = make([]byte, 1460)
	p, q := New(1500), d.packet(b)
	b.ReportAllocs()
	for b.Loop() {
		p.CopyFrom(q)
	}
}
