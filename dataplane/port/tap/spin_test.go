package tap

import "testing"

// wait is one of a thread's waits for packets: what it does when it has carried what there was.
type wait struct {
	comes int64 // nanoseconds until there is a packet
	busy  bool  // many packets came at once just before, of which the spinner is told
}

// awaits has a spinner wait again and again until so many nanoseconds have passed. It returns which of the waits, of which the first are those of the
// pattern, then again, ended while it looked (+), in vain (x), or without a look (-), and how long it looked in vain.
func awaits(s *spinner, pattern []wait, duration int64) (outcomes string, vain int64) {
	now := int64(1e15)
	for n, end := 0, now+duration; now < end; n++ {
		w := pattern[n%len(pattern)]
		if w.busy {
			s.busy()
		}
		switch limit := s.limit(now); {
		case limit == 0:
			outcomes += "-"
		case w.comes <= limit:
			outcomes += "+"
			s.paid()
		default:
			outcomes += "x"
			vain += limit
			s.failed()
		}
		now += w.comes
	}
	return outcomes, vain
}

func TestLookingForPackets(t *testing.T) {
	const us, ms = 1_000, 1_000_000
	for _, c := range []struct {
		name     string
		pattern  []wait
		duration int64
		begins   string // how the outcomes begin
		answers  int    // how many of 100 waits of the pattern's first kind end while it looks, at least
		vain     int64  // how many of 1,000 nanoseconds are in vain, at most
	}{
		{"one question after the other, as long as it pays", []wait{{comes: 20 * us}, {comes: 30 * us}}, ms, "++++++++", 100, 0},
		{"a question each millisecond: its answer is found, the next question is not", []wait{{comes: 40 * us}, {comes: 960 * us}}, 1000 * ms, "+x+x+x+x", 99, 51},
		{"questions of which many are answered late: those that are not are found", []wait{{comes: 40 * us}, {comes: 960 * us}, {comes: 60 * us}, {comes: 960 * us}}, 1000 * ms, "+xxx+xxx", 100, 76},
		{"one question after the other, of which a third is answered late", []wait{{comes: 20 * us}, {comes: 30 * us}, {comes: 60 * us}}, 1000 * ms, "++x++x", 100, 455},
		{"in vain again and again: a twentieth of the time, after the first millisecond", []wait{{comes: 100 * us}}, 1000 * ms, "xxxxxxxx", 0, 51},
		{"a packet now and then", []wait{{comes: 100 * ms}}, 10_000 * ms, "xxxxxxxx", 0, 1},
		{"not where there is much to do", []wait{{comes: 20 * us, busy: true}, {comes: 20 * us}}, ms, "--------", 0, 0},
	} {
		s := newSpinner(SpinAuto)
		outcomes, vain := awaits(&s, c.pattern, c.duration)
		if outcomes[:len(c.begins)] != c.begins {
			t.Errorf("%s: %s, want %s", c.name, outcomes[:len(c.begins)], c.begins)
		}
		answers, waits := 0, 0
		for n := 0; n < len(outcomes); n += len(c.pattern) {
			if waits++; outcomes[n] == '+' {
				answers++
			}
		}
		if answers*100 < c.answers*waits {
			t.Errorf("%s: of %d waits %d found a packet", c.name, waits, answers)
		}
		if vain > c.vain*c.duration/1000+mostSaved*min(c.vain, 1) {
			t.Errorf("%s: %d ns of %d in vain", c.name, vain, c.duration)
		}
	}
}

func TestLookingHasAnEnd(t *testing.T) {
	auto, always, off := newSpinner(SpinAuto), newSpinner(50), newSpinner(SpinOff)
	if auto.limit(0) != autoSpin || always.limit(0) != 50_000 || off.limit(0) != 0 {
		t.Errorf("%d, %d, %d ns", auto.limit(0), always.limit(0), off.limit(0))
	}
	if auto.busy(); auto.limit(0) != 0 {
		t.Error("who adapts looks right after many packets")
	}
	for range 1000 {
		always.busy()
		if always.failed(); always.limit(0) == 0 {
			t.Error("who is told to look always looks after many packets, and in vain, too")
		}
	}
}
