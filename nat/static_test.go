package nat

import (
	"net/netip"
	"testing"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

var (
	private  = netip.MustParseAddr("10.0.0.71")
	public   = netip.MustParseAddr("198.51.100.71")
	outside  = netip.MustParseAddr("203.0.113.10")
	stranger = netip.MustParseAddr("10.0.0.99")
)

func gateway() *Static { return NewStatic(map[netip.Addr]netip.Addr{private: public}) }

func tcp(src, dst netip.Addr) *packet.Packet {
	p := packet.New(256)
	packet.BuildTCP(p, netip.AddrPortFrom(src, 41234), netip.AddrPortFrom(dst, 443), packet.ACK, 1, 2, []byte("payload"))
	return p
}

func TestCross(t *testing.T) {
	addr := netip.MustParseAddr
	out, in := gateway().Egress(), gateway().Ingress()
	for name, row := range map[string]struct {
		cross    func(*packet.Packet) drop.Reason
		src, dst netip.Addr
		reason   drop.Reason
		wantSrc  netip.Addr
		wantDst  netip.Addr
	}{
		"out: the source becomes public":                {out.Cross, private, outside, drop.None, public, outside},
		"out: without a public address there is no way": {out.Cross, stranger, outside, drop.IGWNoPublicIP, stranger, outside},
		"out: not to RFC 1918":                          {out.Cross, private, addr("192.168.1.1"), drop.IGWEgressToRFC1918, private, addr("192.168.1.1")},
		"out: not to 172.16/12":                         {out.Cross, private, addr("172.31.255.255"), drop.IGWEgressToRFC1918, private, addr("172.31.255.255")},
		"out: 172.32 is public":                         {out.Cross, private, addr("172.32.0.1"), drop.None, public, addr("172.32.0.1")},
		"out: not to RFC 6598":                          {out.Cross, private, addr("100.64.0.1"), drop.IGWEgressToRFC6598, private, addr("100.64.0.1")},
		"in: the destination becomes private":           {in.Cross, outside, public, drop.None, outside, private},
		"in: an address that is mapped to nothing":      {in.Cross, outside, addr("198.51.100.99"), drop.IGWNoAssociation, outside, addr("198.51.100.99")},
		"in: a private destination is none":             {in.Cross, outside, private, drop.IGWNoAssociation, outside, private},
		"in: not from RFC 1918":                         {in.Cross, addr("10.9.9.9"), public, drop.IGWIngressFromRFC1918, addr("10.9.9.9"), public},
		"in: not from RFC 6598":                         {in.Cross, addr("100.127.255.255"), public, drop.IGWIngressFromRFC6598, addr("100.127.255.255"), public},
	} {
		t.Run(name, func(t *testing.T) {
			p := tcp(row.src, row.dst)
			if got := row.cross(p); got != row.reason {
				t.Fatalf("got %q, want %q", got, row.reason)
			}
			if p.Src != row.wantSrc || p.Dst != row.wantDst {
				t.Errorf("%s -> %s, want %s -> %s", p.Src, p.Dst, row.wantSrc, row.wantDst)
			}
			if p.SrcPort != 41234 || p.DstPort != 443 {
				t.Errorf("ports %d, %d were touched", p.SrcPort, p.DstPort)
			}
			if !p.ValidChecksum() {
				t.Error("checksum broken")
			}
		})
	}
}

// TestThereAndBack is INV-4: what goes out and is answered comes back as it was sent.
func TestThereAndBack(t *testing.T) {
	p := tcp(private, outside)
	before := append([]byte(nil), p.Bytes()...)
	if r := gateway().Egress().Cross(p); r != drop.None {
		t.Fatal(r)
	}
	p.SetDst(public)
	p.SetSrc(outside)
	if r := gateway().Ingress().Cross(p); r != drop.None {
		t.Fatal(r)
	}
	p.SetSrc(private)
	p.SetDst(outside)
	after := p.Bytes()
	if after[8] != before[8]-1 {
		t.Errorf("TTL %d, want one less than %d: a packet from outside loses one", after[8], before[8])
	}
	if string(after[20:]) != string(before[20:]) {
		t.Error("the segment is not what it was")
	}
}

func TestTTLExpires(t *testing.T) {
	p := tcp(outside, public)
	for p.TTL() > 1 {
		p.DecrementTTL()
	}
	if got := gateway().Ingress().Cross(p); got != drop.TTLExpired {
		t.Errorf("got %q, want %q", got, drop.TTLExpired)
	}
}

// TestICMPErrors: an error about a packet quotes it, and the quotation must be in the addresses that its reader knows
// (RFC 5508 REQ-4 and REQ-5).
func TestICMPErrors(t *testing.T) {
	t.Run("from outside, about a packet that went out", func(t *testing.T) {
		sent := tcp(public, outside) // as the outside saw it
		p := packet.New(1500)
		packet.BuildICMPError(p, sent, netip.MustParseAddr("192.0.2.1"), packet.ICMPTimeExceeded, 0, 0)
		if r := gateway().Ingress().Cross(p); r != drop.None {
			t.Fatal(r)
		}
		if quoted, _ := p.EmbeddedSrc(); quoted != private || p.Dst != private {
			t.Errorf("to %s about a packet from %s, want both %s", p.Dst, quoted, private)
		}
		if !p.ValidChecksum() {
			t.Error("checksum broken")
		}
	})
	t.Run("from inside, about a packet that came in", func(t *testing.T) {
		got := tcp(outside, private) // as the instance saw it
		p := packet.New(1500)
		packet.BuildICMPError(p, got, private, packet.ICMPDestinationUnreachable, 3, 0)
		if r := gateway().Egress().Cross(p); r != drop.None {
			t.Fatal(r)
		}
		if quoted, _ := p.EmbeddedDst(); quoted != public || p.Src != public {
			t.Errorf("from %s about a packet to %s, want both %s", p.Src, quoted, public)
		}
		if !p.ValidChecksum() {
			t.Error("checksum broken")
		}
	})
}

func TestCrossDoesNotAllocate(t *testing.T) {
	out, in := gateway().Egress(), gateway().Ingress()
	p := tcp(private, outside)
	if n := testing.AllocsPerRun(1000, func() {
		out.Cross(p)
		p.SetSrc(outside)
		p.SetDst(public)
		in.Cross(p)
		p.SetSrc(private)
		p.SetDst(outside)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEgress(b *testing.B) {
	out := gateway().Egress()
	p := tcp(private, outside)
	b.ReportAllocs()
	for b.Loop() {
		out.Cross(p)
		p.SetSrc(private)
	}
}
