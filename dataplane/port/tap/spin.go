package tap

import (
	"fmt"
	"strconv"
)

// Spin is for how many microseconds a thread that has carried packets looks for more before it sleeps. To wake it takes the kernel
// several microseconds, more where the processor has fallen asleep, too.
type Spin int

// The kinds of Spin that are no number of microseconds.
const (
	SpinAuto Spin = 0  // up to 50 each time, as long as there is an allowance for looking in vain
	SpinOff  Spin = -1 // not at all
)

// maxSpin bounds a Spin: no more than a thread may hold a processor without being asked.
const maxSpin = 10_000

// ParseSpin reads a Spin from the command line: auto, off, or microseconds.
func ParseSpin(s string) (Spin, error) {
	switch s {
	case "auto":
		return SpinAuto, nil
	case "off":
		return SpinOff, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxSpin {
		return 0, fmt.Errorf("poll %q: must be auto, off, or 1 to %d microseconds", s, maxSpin)
	}
	return Spin(n), nil
}

// spinner decides how long to look for packets. With SpinAuto a thread looks for at most 50 us each time that it has carried what there was. Looks in vain
// are taken from an allowance, and without it there is none: time fills it, with a twentieth of a processor, and so does each look that finds something, with
// what one in vain takes. So who carries nothing spends nothing, and who carries a packet now and then some millionths of a processor. What the looks before
// have found does not matter otherwise: after a question, a look finds the answer, and after the answer it finds nothing, again and again, and who learns
// from that may come to look at the wrong times only. Some looks are left out whenever there were many packets at once, or a big one: who sends those,
// and who receives them, need the processors.
type spinner struct {
	most      int64 // nanoseconds
	adaptive  bool
	skip      int   // how often not to look
	allowance int64 // nanoseconds that may be spent in vain
	filled    int64 // monotonic nanoseconds: when the allowance was
}

const (
	autoSpin  = 50_000 // nanoseconds
	vainShare = 20     // one part in so many of the time may be in vain
	mostSaved = 20 * autoSpin
	whenBusy  = 31 // waits without looking
)

func newSpinner(s Spin) spinner {
	switch {
	case s < 0:
		return spinner{}
	case s == SpinAuto:
		return spinner{most: autoSpin, adaptive: true, allowance: mostSaved}
	}
	return spinner{most: int64(s) * 1000}
}

// limit is for how many nanoseconds to look now.
func (s *spinner) limit(now int64) int64 {
	if !s.adaptive {
		return s.most
	}
	s.allowance, s.filled = min(mostSaved, s.allowance+(now-s.filled)/vainShare), now
	switch {
	case s.skip > 0:
		s.skip--
		return 0
	case s.allowance < s.most:
		return 0
	}
	return s.most
}

// busy notes that many packets came at once, or a big one.
func (s *spinner) busy() {
	if s.adaptive {
		s.skip = max(s.skip, whenBusy)
	}
}

// paid notes that there was something.
func (s *spinner) paid() { s.allowance += s.most }

// failed notes that there was nothing in time. It may have taken longer than it should if somebody else had the processor meanwhile.
func (s *spinner) failed() { s.allowance -= s.most }
