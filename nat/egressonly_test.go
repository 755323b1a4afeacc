package nat

import (
	"net/netip"
	"testing"
	"time"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

var (
	host6 = netip.MustParseAddr("2600:1f18::10")
	web6  = netip.MustParseAddr("2001:db8::80")
)

// fragment6 puts a fragment header into an IPv6 packet: offset in units of 8 bytes, and whether more follow.
func fragment6(t *testing.T, p *packet.Packet, offset int, more bool) *packet.Packet {
	b := append([]byte(nil), p.Bytes()...)
	w := offset << 3
	if more {
		w |= 1
	}
	b = append(b[:40:40], append([]byte{b[6], 0, byte(w >> 8), byte(w), 0, 0, 0, 7}, b[40:]...)...)
	b[6] = 44
	b[5] += 8
	q := packet.New(2048)
	q.SetBytes(b)
	if f := q.Decode(); f != packet.OK {
		t.Fatal(f)
	}
	return q
}

func TestEgressOnlyLetsInAnswersOnly(t *testing.T) {
	for name, row := range map[string]struct {
		out, in *packet.Packet
		want    drop.Reason
	}{
		"TCP: the answer":        {tcpSegment(at(host6, 5000), at(web6, 443), packet.SYN, 1, 0, ""), tcpSegment(at(web6, 443), at(host6, 5000), packet.SYN|packet.ACK, 1, 2, ""), drop.None},
		"UDP: the answer":        {udpDatagram(at(host6, 5000), at(web6, 53), "out"), udpDatagram(at(web6, 53), at(host6, 5000), "in"), drop.None},
		"UDP: another port":      {udpDatagram(at(host6, 5000), at(web6, 53), "out"), udpDatagram(at(web6, 54), at(host6, 5000), "in"), drop.EgressOnly},
		"ping: the reply":        {echo(host6, web6, 7), echoReply(web6, host6, 7), drop.None},
		"ping: a request":        {echo(host6, web6, 7), echo(web6, host6, 7), drop.EgressOnly},
		"nothing was sent there": {udpDatagram(at(host6, 5000), at(web6, 53), "out"), tcpSegment(at(web6, 443), at(host6, 22), packet.SYN, 1, 0, ""), drop.EgressOnly},
		"a later fragment alone": {udpDatagram(at(host6, 5000), at(web6, 53), "out"), fragment6(t, udpDatagram(at(web6, 53), at(host6, 5000), "in"), 10, false), drop.EgressOnly},
	} {
		t.Run(name, func(t *testing.T) {
			e := NewEgressOnly(0)
			before := string(row.out.Bytes())
			if r := e.Outbound().Cross(row.out); r != drop.None || string(row.out.Bytes()) != before {
				t.Errorf("out: %q, or changed", r)
			}
			before = string(row.in.Bytes())
			if r := e.Inbound().Cross(row.in); r != row.want {
				t.Errorf("in: %q, want %q", r, row.want)
			}
			if row.want != drop.None && string(row.in.Bytes()) != before {
				t.Error("refused and yet changed")
			}
		})
	}
}

func TestEgressOnlyForgetsAfter350Seconds(t *testing.T) {
	e := NewEgressOnly(0)
	now := int64(time.Hour)
	in := func() drop.Reason {
		p := udpDatagram(at(web6, 53), at(host6, 5000), "in")
		p.Time = now
		return e.Inbound().Cross(p)
	}
	p := udpDatagram(at(host6, 5000), at(web6, 53), "out")
	p.Time = now
	e.Outbound().Cross(p)
	for range 3 {
		now += int64(349 * time.Second)
		e.Expire(now)
		if r := in(); r != drop.None {
			t.Fatalf("after 349 s: %q", r)
		}
	}
	now += int64(350 * time.Second)
	if r := in(); r != drop.EgressOnly {
		t.Errorf("after 350 s: %q", r)
	}
	now += int64(time.Second)
	e.Expire(now)
	for i := range e.shards {
		if n := e.shards[i].index.Len(); n != 0 {
			t.Errorf("shard %d remembers %d", i, n)
		}
	}
}

func TestEgressOnlyIsBounded(t *testing.T) {
	e := NewEgressOnly(640)
	for port := range uint16(5000) {
		if r := e.Outbound().Cross(udpDatagram(at(host6, 1+port), at(web6, 53), "")); r != drop.None {
			t.Fatal(r)
		}
	}
	n := 0
	for i := range e.shards {
		n += e.shards[i].index.Len()
	}
	if n > 640 {
		t.Errorf("remembers %d, more than 640", n)
	}
}

func TestEgressOnlyLetsTheFollowersOfAFirstFragmentIn(t *testing.T) {
	e := NewEgressOnly(0)
	e.Outbound().Cross(udpDatagram(at(host6, 5000), at(web6, 53), "out"))
	answer := udpDatagram(at(web6, 53), at(host6, 5000), "12345678")
	for i, p := range []*packet.Packet{fragment6(t, answer, 0, true), fragment6(t, answer, 2, false)} {
		if r := e.Inbound().Cross(p); r != drop.None {
			t.Errorf("fragment %d: %q", i, r)
		}
	}
}

func TestEgressOnlyErrorsAboutWhatWentOut(t *testing.T) {
	e := NewEgressOnly(0)
	sent := udpDatagram(at(host6, 5000), at(web6, 53), "out")
	e.Outbound().Cross(sent)
	p := packet.New(2048)
	packet.BuildICMPEcho(p, netip.MustParseAddr("2001:db8::1"), host6, 0, 0, sent.Bytes())
	p = decoded6(t, p, func(b []byte) { b[40] = 1 }) // destination unreachable
	if r := e.Inbound().Cross(p); r != drop.None {
		t.Errorf("about what was sent: %q", r)
	}
	sent = udpDatagram(at(host6, 5001), at(web6, 53), "never sent")
	packet.BuildICMPEcho(p, netip.MustParseAddr("2001:db8::1"), host6, 0, 0, sent.Bytes())
	if r := e.Inbound().Cross(decoded6(t, p, func(b []byte) { b[40] = 1 })); r != drop.EgressOnly {
		t.Errorf("about what was never sent: %q", r)
	}
}

func decoded6(t *testing.T, p *packet.Packet, edit func(b []byte)) *packet.Packet {
	edit(p.Bytes())
	if f := p.Decode(); f != packet.OK {
		t.Fatal(f)
	}
	return p
}

func TestEgressOnlyDoesNotAllocate(t *testing.T) {
	e := NewEgressOnly(0)
	out, in := tcpSegment(at(host6, 5000), at(web6, 443), packet.SYN, 1, 0, ""), tcpSegment(at(web6, 443), at(host6, 5000), packet.ACK, 1, 2, "")
	e.Outbound().Cross(out)
	if n := testing.AllocsPerRun(50, func() { e.Outbound().Cross(out); e.Inbound().Cross(in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
