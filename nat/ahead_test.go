package nat

import (
	"testing"

	"vpcsim/dataplane/index"
	"vpcsim/dataplane/packet"
)

// TestInside: of what comes from outside, the session's inside end is guessed without the lock and mostly right; of what comes
// from inside there is nothing to guess.
func TestInside(t *testing.T) {
	if !index.Hints {
		t.Skip("this processor is given no hints")
	}
	g, out, in, remotes := filled(t, 10_000)
	before, right := g.Metrics(), 0
	for i := range out {
		back, forth := tcpSegment(remotes[i], in[i], packet.ACK, 1, 1, ""), tcpSegment(out[i], remotes[i], packet.ACK, 1, 1, "")
		ahead := g.Ahead(back, back.Dst)
		g.Fetch(ahead)
		if inside, ok := g.Inside(ahead); ok && inside == out[i] {
			right++
		}
		ahead = g.Ahead(forth, forth.Dst)
		g.Fetch(ahead)
		if inside, ok := g.Inside(ahead); ok {
			t.Fatalf("session %d: the inside end of a packet from inside is %s", i, inside)
		}
	}
	if right < 8_000 { // a session whose bucket was full stands in another, and a bucket may have two of one tag
		t.Errorf("%d of 10,000 right", right)
	}
	if g.Metrics() != before {
		t.Error("it left a trace")
	}
}
