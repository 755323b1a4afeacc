package tap

import (
	"slices"
	"testing"
)

// waits has a spinner wait as often as there are outcomes, and says for which of them it looked.
func waits(s *spinner, outcomes string) string {
	looked := []byte(outcomes)
	for i, outcome := range looked {
		if outcome == 'B' { // many packets come at once, of which the spinner is told
			s.busy()
			continue
		}
		if s.limit() == 0 {
			looked[i] = '-'
			continue
		}
		if outcome == '+' {
			s.paid()
		} else {
			s.failed()
		}
	}
	return string(looked)
}

func TestLookingForPackets(t *testing.T) {
	for _, c := range []struct{ name, outcomes, looked string }{
		{"as long as it pays", "++++++++", "++++++++"},
		{"a question now and then: its answer is found, the next question is not", "+x+x+x+x", "+x+x+x+x"},
		{"in vain again and again: more and more seldom", "xxxxxxxxxxxxxxxx", "xx-x---x-------x"},
		{"until it pays", "xxxxxxx++x+", "xx-x---++x+"},
		{"not where there is much to do", "++B+++", "++B---"},
	} {
		s := newSpinner(SpinAuto)
		if looked := waits(&s, c.outcomes); looked != c.looked {
			t.Errorf("%s: looked %s, want %s", c.name, looked, c.looked)
		}
	}
}

func TestLookingHasAnEnd(t *testing.T) {
	auto, always, off := newSpinner(SpinAuto), newSpinner(50), newSpinner(SpinOff)
	if auto.limit() != autoSpin || always.limit() != 50_000 || off.limit() != 0 {
		t.Errorf("%d, %d, %d ns", auto.limit(), always.limit(), off.limit())
	}
	if auto.goOn(stolen+1) || !auto.goOn(stolen) || !always.goOn(1e9) {
		t.Error("who adapts stops looking when somebody else needs the processor, and nobody else does")
	}
	in := slices.Repeat([]byte{'x'}, 10_000)
	vain := 0
	for _, outcome := range waits(&auto, string(in)) {
		if outcome == 'x' {
			vain++
		}
	}
	if vain > 10_000/patience+10 {
		t.Errorf("looked %d times in vain", vain)
	}
	always.busy()
	if always.limit() == 0 {
		t.Error("who is told to look always looks after many packets, too")
	}
}
