package tracediff

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

const (
	perTopology = 4000
	perRules    = 250    // packets between two changes of routes, endpoints, groups and ACLs
	usual       = 48_000 // comparisons
)

// TestTraceIsWhatTheRouterDoes sends random packets through random topologies, and compares what a trace said before of each with what
// the router did: the verdict, the reason, the interface, and the packet's addresses, ports and time to live there. The traces see the same
// live connections, NAT sessions and cut flows as the router. Of some packets the answer is compared, too: what the trace said before of both
// with what then came back. VPCSIM_MILLION=1 makes it a million comparisons.
func TestTraceIsWhatTheRouterDoes(t *testing.T) {
	comparisons := usual
	if os.Getenv("VPCSIM_MILLION") != "" {
		comparisons = 1_000_000
	}
	var sum tally
	for structure := uint64(0); sum.packets < comparisons; structure++ {
		t.Run(fmt.Sprint("structure ", structure), func(t *testing.T) { sum.add(compare(t, structure)) })
		if t.Failed() {
			return
		}
	}
	reasons := 0
	for reason, n := range sum.dropped {
		if n > 0 {
			reasons++
			t.Logf("%8d %s", n, drop.Reason(reason))
		}
	}
	t.Logf("%d comparisons: %d delivered, dropped for %d reasons; %d by new NAT sessions; and %d answers", sum.packets, sum.delivered, reasons, sum.drawn, sum.answers)
	if reasons < 22 || sum.delivered < sum.packets/5 {
		t.Errorf("too little happened to be worth comparing: %+v", sum)
	}
}

// tally counts what was compared.
type tally struct {
	packets, answers, delivered, drawn int
	dropped                            [drop.Count]int
}

func (t *tally) add(u tally) {
	t.packets += u.packets
	t.answers += u.answers
	t.delivered += u.delivered
	t.drawn += u.drawn
	for reason, n := range u.dropped {
		t.dropped[reason] += n
	}
}

// compare sends random packets through topologies of one structure.
func compare(t *testing.T, structure uint64) (sum tally) {
	r := newRig(t, dataplane.Mode(structure%3))
	defer func() { require.NoError(t, r.router.Close()) }()
	s := &senders{Rand: rand.New(rand.NewPCG(structure, 0))}
	for n := range perTopology {
		if n%perRules == 0 {
			r.commit(structure, uint64(n/perRules%5)) // so that routes flap back, too
		}
		r.clock.Add(int64(s.IntN(2_000_000_000)))
		from, p := s.next(r.router.Snapshot(), r.ids)
		s.sent = remember(s.sent, remembered{from, p})
		want, wantBack := r.foretell(from, p, plainAnswer)
		got, whole := r.send(from, p)
		drawn := got != want && got.at == want.at && got.at != "" // a NAT gateway draws a port for a new session, and keeps it
		if drawn {
			sum.drawn++
			want, _ = r.foretell(from, p, plainAnswer)
		}
		if got != want {
			t.Fatalf("packet %d from %s, %s\n  trace  %+v\n  router %+v\n%s", n, from, ends(p), want, got, r.tell(from, p))
		}
		if whole != nil && !drawn && s.IntN(4) == 0 {
			if a := plainAnswer(whole); a != nil {
				sum.answers++
				back, _ := r.send(got.at, a)
				if back != wantBack && back.at == wantBack.at && back.at != "" { // it goes by another NAT gateway, which has drawn a port for it
					sum.drawn++
					wantBack, _ = r.foretell(got.at, a, plainAnswer)
				}
				if back != wantBack {
					t.Fatalf("answer %d from %s, %s\n  to %s of %s\n  trace  %+v\n  router %+v", n, got.at, ends(a), ends(p), from, wantBack, back)
				}
			}
		}
		sum.packets++
		sum.dropped[got.reason]++
		if got.reason == drop.None {
			sum.delivered++
			s.delivered = remember(s.delivered, remembered{got.at, whole})
		}
	}
	sum.dropped[drop.None] = 0
	return sum
}

// ends describes a packet.
func ends(p *packet.Packet) string {
	return fmt.Sprintf("%s:%d -> %s:%d protocol %d flags %#x ttl %d, %d bytes", p.Src, p.SrcPort, p.Dst, p.DstPort, p.Protocol, p.TCPFlags, p.TTL(), p.Len())
}

// tell is the trace of a packet, as a text.
func (r *rig) tell(from string, p interface{ Bytes() []byte }) (text string) {
	s := r.router.Snapshot()
	q := decoded(p.Bytes())
	for _, step := range s.Trace(r.router, s.Interface(from), q, nil).Steps {
		text += fmt.Sprintf("    %s %s: %s\n", step.Stage, step.Where, step.Rule)
	}
	return text
}
