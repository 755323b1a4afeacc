package conntrack

import (
	"testing"
	"time"

	"vpcsim/dataplane/packet"
)

const sec = int64(time.Second)

func TestIdleFlowsAreForgotten(t *testing.T) {
	table := New(Config{Capacity: 1000})
	for port, flags := range []uint8{packet.SYN, packet.ACK, packet.RST} {
		pass(table, outward(packet.TCP, flags, uint16(port), 0), true)
	}
	for _, row := range []struct {
		after time.Duration
		left  int
	}{
		{30 * time.Second, 3}, {31 * time.Second, 2}, {60 * time.Second, 2}, {61 * time.Second, 1}, {432_000 * time.Second, 1}, {432_001 * time.Second, 0},
	} {
		table.Expire(int64(row.after))
		if n := table.Len(); n != row.left {
			t.Errorf("%v: %d flows left, want %d", row.after, n, row.left)
		}
	}
	if s := table.Stats(); s != (Stats{Opened: 3, Expired: 3}) {
		t.Errorf("%+v", s)
	}
}

// checkIdle sees to it that the flow of p, whose last packet passed at p.Time, is there after idle, and then gone
// within a second.
func checkIdle(t *testing.T, table *Table, p *packet.Packet, idle time.Duration) {
	t.Helper()
	end := p.Time + int64(idle)
	if table.Expire(end); table.Len() != 1 {
		t.Errorf("expired after %v already", idle)
	}
	h := table.Acquire(1, p, true)
	f := h.Flow(end)
	if f == nil {
		t.Fatalf("forgotten after %v already", idle)
	}
	if end+1 != f.deadline() {
		t.Errorf("dies at %d, want %d", f.deadline(), end+1)
	}
	h.Release()
	if n := table.Expire(end + sec); n != 1 || table.Len() != 0 {
		t.Errorf("not expired after %v", idle)
	}
}

func TestIdleTimesOfOtherProtocols(t *testing.T) {
	for name, row := range map[string]struct {
		protocol uint8
		ways     []bool // of the packets; true is outbound
		o        Timeouts
		idle     time.Duration
	}{
		"a UDP packet":                            {packet.UDP, []bool{true}, Timeouts{}, 30 * time.Second},
		"UDP in one direction":                    {packet.UDP, []bool{true, true, true, true}, Timeouts{}, 30 * time.Second},
		"one UDP request and one response":        {packet.UDP, []bool{true, false}, Timeouts{}, 30 * time.Second},
		"one from outside":                        {packet.UDP, []bool{false, true}, Timeouts{}, 30 * time.Second},
		"a second UDP request":                    {packet.UDP, []bool{true, false, true}, Timeouts{}, 180 * time.Second},
		"a second UDP response":                   {packet.UDP, []bool{true, false, false}, Timeouts{}, 180 * time.Second},
		"two UDP requests and one response":       {packet.UDP, []bool{true, true, false}, Timeouts{}, 180 * time.Second},
		"UDP where the interface has its own":     {packet.UDP, []bool{true}, Timeouts{UDP: 45 * time.Second}, 45 * time.Second},
		"a stream where the interface has its":    {packet.UDP, []bool{true, false, true}, Timeouts{UDPStream: 60 * time.Second}, 60 * time.Second},
		"ICMP":                                    {packet.ICMP, []bool{true, false}, Timeouts{}, 30 * time.Second},
		"ICMPv6":                                  {packet.ICMPv6, []bool{true, false}, Timeouts{}, 30 * time.Second},
		"anything else":                           {47, []bool{true, false}, Timeouts{}, 600 * time.Second},
		"a connection where the interface's 350s": {packet.TCP, []bool{true, false}, Timeouts{TCPEstablished: 350 * time.Second}, 350 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(Config{Capacity: 1})
			p := outward(row.protocol, packet.ACK, 1, 1234*sec)
			h := table.Acquire(1, p, true)
			f := h.Open(p, row.ways[0], row.o)
			for _, way := range row.ways[1:] {
				p.Time += sec
				h.See(f, p, way)
			}
			h.Release()
			checkIdle(t, table, p, row.idle)
		})
	}
}

func TestClosingBringsTheTimeOutForward(t *testing.T) {
	table := New(Config{Capacity: 1})
	p := outward(packet.TCP, 0, 1, 1000*sec)
	connect(table, p)
	table.Expire(p.Time)
	p.TCPFlags = packet.RST
	pass(table, p, true)
	checkIdle(t, table, p, 30*time.Second)
}
