package nat

import (
	"net/netip"
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// fragments cuts an IPv4 datagram into pieces of size bytes, a multiple of 8, with the identification id.
func cut(t testing.TB, p *packet.Packet, id uint16, size int) (pieces []*packet.Packet) {
	t.Helper()
	payload := append([]byte(nil), p.Bytes()[20:]...)
	for at := 0; at < len(payload); at += size {
		end := min(at+size, len(payload))
		word := uint16(at / 8)
		if end < len(payload) {
			word |= 0x2000
		}
		pieces = append(pieces, remake(t, p, func(b []byte) []byte {
			b = append(b[:20], payload[at:end]...)
			b[4], b[5], b[6], b[7] = byte(id>>8), byte(id), byte(word>>8), byte(word)
			return b
		}))
	}
	return pieces
}

const longText = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// released returns what the gateway hands back, after it has crossed.
func (r *rig) released() (all []*packet.Packet) {
	r.Helper()
	for {
		p := packet.New(65535)
		if !r.g.Release(p) {
			return all
		}
		all = append(all, r.pass(p))
	}
}

func offset(p *packet.Packet) int { b := p.Bytes(); return int(b[6]&0x1f)<<8 | int(b[7]) }

func TestRFC4787_REQ14_FragmentsInOrder(t *testing.T) {
	r := newRig(t)
	for _, p := range cut(t, udpDatagram(at(hostA, 5000), at(webA, 53), longText), 7, 24) {
		if r.pass(p); p.Src != natA {
			t.Errorf("fragment at %d went out from %s", offset(p), p.Src)
		}
	}
	back := udpDatagram(at(webA, 53), r.sessions()[0].Outside, longText)
	for _, p := range cut(t, back, 7, 24) {
		if r.pass(p); p.Dst != hostA {
			t.Errorf("fragment at %d arrived at %s", offset(p), p.Dst)
		}
	}
	if len(r.released()) != 0 {
		t.Error("something was held")
	}
}

func TestRFC4787_REQ14_FragmentsInReverse(t *testing.T) {
	r := newRig(t)
	pieces := cut(t, udpDatagram(at(hostA, 5000), at(webA, 53), longText), 7, 16)
	for i := len(pieces) - 1; i > 0; i-- {
		r.refuse(pieces[i], drop.Held)
		if got := r.released(); len(got) != 0 {
			t.Fatal("released before the first")
		}
	}
	r.pass(pieces[0])
	got := r.released()
	if len(got) != len(pieces)-1 {
		t.Fatalf("%d came back, want %d", len(got), len(pieces)-1)
	}
	for i, p := range got {
		if offset(p) != 2*(i+1) || p.Src != natA {
			t.Errorf("%d. is at offset %d from %s", i+1, offset(p), p.Src)
		}
	}
	if r.g.fragments.unused != blocks {
		t.Errorf("%d of %d blocks are free", r.g.fragments.unused, blocks)
	}
}

func TestRFC4787_REQ14_DuplicatesAndOverlapsAreTheReceiversBusiness(t *testing.T) {
	r := newRig(t)
	pieces := cut(t, udpDatagram(at(hostA, 5000), at(webA, 53), longText), 7, 24)
	for range 2 {
		for _, p := range pieces {
			q := packet.New(2048)
			q.CopyFrom(p)
			r.pass(q)
		}
	}
}

func TestRFC4787_REQ14_WithoutTheFirstAllAreDroppedAfter30Seconds(t *testing.T) {
	r := newRig(t)
	pieces := cut(t, udpDatagram(at(hostA, 5000), at(webA, 53), longText), 7, 24)
	for _, p := range pieces[1:] {
		r.refuse(p, drop.Held)
		r.seen.count(false, 1, p.Len(), drop.NATFragment) // when its wait ends
	}
	r.wait(30 * time.Second)
	if m := r.g.Metrics(); m.PacketsDropCount != uint64(len(pieces)-1) {
		t.Errorf("%d drops, want %d", m.PacketsDropCount, len(pieces)-1)
	}
	r.pass(pieces[0])
	if len(r.released()) != 0 || r.g.fragments.unused != blocks {
		t.Error("something is still held")
	}
}

func TestRFC4787_REQ14_AFirstFragmentNobodyWaitsForIsDropped(t *testing.T) {
	r := newRig(t)
	r.refuse(cut(t, udpDatagram(at(webA, 53), at(natA, 5000), longText), 7, 24)[0], drop.NATNoMapping)
}

func TestRFC4787_REQ14a_AFloodOfFragmentsIsBoundedAndHurtsNobodyElse(t *testing.T) {
	r := newRig(t)
	a := r.udp(at(hostA, 5000), at(webA, 53))
	heldCount := 0
	for id := range uint16(2000) {
		p := cut(t, udpDatagram(at(netip.AddrFrom4([4]byte{10, 0, 8, byte(id)}), 1), at(webB, 53), longText), id, 24)[1]
		switch reason := r.cross(p); reason {
		case drop.Held:
			heldCount++
			r.seen.count(false, 1, p.Len(), drop.NATFragment) // when its wait ends
		case drop.NATFragment:
		default:
			t.Fatal(reason)
		}
	}
	if heldCount != maxHeld {
		t.Errorf("%d fragments were held, want %d", heldCount, maxHeld)
	}
	for id := range uint16(5000) { // and a flood of first ones
		r.pass(cut(t, udpDatagram(at(hostB, 1), at(webB, 53), longText), id, 24)[0])
	}
	if !r.arrives(at(webA, 53), a, at(hostA, 5000)) || r.udp(at(hostA, 5000), at(webA, 53)) != a {
		t.Error("a whole packet was hurt")
	}
	r.wait(30 * time.Second)
	r.g.fragments.configure()
	for _, p := range cut(t, udpDatagram(at(hostA, 5000), at(webA, 53), longText), 1, 24) {
		r.pass(p)
	}
}

func TestRFC4787_REQ14a_HeldMemoryIsBounded(t *testing.T) {
	r := newRig(t)
	big := string(make([]byte, 9000))
	n := 0
	for id := range uint16(100) {
		p := cut(t, remakeLong(udpDatagram(at(hostA, 1), at(webB, 53), ""), big), id, 4496)[1]
		if reason := r.cross(p); reason == drop.Held {
			n += p.Len()
			r.seen.count(false, 1, p.Len(), drop.NATFragment)
		}
	}
	if n > 256<<10 || n < 128<<10 {
		t.Errorf("%d bytes are held", n)
	}
	r.wait(30 * time.Second)
}

func remakeLong(p *packet.Packet, payload string) *packet.Packet {
	q := packet.New(65535)
	packet.BuildUDP(q, source(p), target(p), []byte(payload))
	return q
}

func TestAWS_NGW4_FragmentsOfTCPAndICMPAreDropped(t *testing.T) {
	r := newRig(t)
	r.connect(at(hostA, 5000), at(webA, 443))
	for name, whole := range map[string]*packet.Packet{
		"TCP":  tcpSegment(at(hostA, 5000), at(webA, 443), packet.ACK, 101, 901, longText),
		"ICMP": remake(t, echo(hostA, webA, 7), func(b []byte) []byte { return append(b, longText...) }),
	} {
		for _, p := range cut(t, whole, 7, 24) {
			if got := r.cross(p); got != drop.NATFragment {
				t.Errorf("%s at offset %d: %q", name, offset(p), got)
			}
		}
	}
}

func TestAProbeOfAFragmentLeavesNoTrace(t *testing.T) {
	r := newRig(t)
	pieces := cut(t, udpDatagram(at(hostA, 5000), at(webA, 53), longText), 7, 24)
	for i := len(pieces) - 1; i >= 0; i-- {
		pieces[i].Probe = true
		r.cross(pieces[i])
	}
	if r.g.fragments.waiting != 0 || len(r.sessions()) != 0 || r.g.Metrics() != (Metrics{}) {
		t.Error("a probe left a trace")
	}
}
