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
	SpinAuto Spin = 0  // up to 50 each time, as long as that finds packets and nobody else needs the processor
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

// spinner decides how long to look for packets. With SpinAuto a thread looks for at most 50 us each time that it has carried what there was, so
// who carries nothing spends nothing, and who carries a packet now and then some millionths of a processor. It goes to sleep at once if a look takes so long that
// somebody else must have had the processor. After looking in vain several times on end it leaves out more and more looks, up to
// 127. And it leaves out some whenever there were many packets at once, or a big one: who sends those, and who receives them, need the processors.
type spinner struct {
	most     int64 // nanoseconds
	adaptive bool
	skip     int // how often not to look
	failures int // what skip becomes at the next failure
}

const (
	autoSpin = 50_000 // nanoseconds
	patience = 127    // at most so many waits without looking after it was in vain
	stolen   = 4_000  // nanoseconds: if one look takes that long, somebody else had the processor
	whenBusy = 31     // waits without looking
)

func newSpinner(s Spin) spinner {
	switch {
	case s < 0:
		return spinner{}
	case s == SpinAuto:
		return spinner{most: autoSpin, adaptive: true}
	}
	return spinner{most: int64(s) * 1000}
}

// limit is for how many nanoseconds to look now.
func (s *spinner) limit() int64 {
	if s.skip > 0 {
		s.skip--
		return 0
	}
	return s.most
}

// goOn tells whether to look again after a look that took so many nanoseconds.
func (s *spinner) goOn(took int64) bool {
	return !s.adaptive || took <= stolen
}

// busy notes that many packets came at once, or a big one.
func (s *spinner) busy() {
	if s.adaptive {
		s.skip = max(s.skip, whenBusy)
	}
}

// paid notes that there was something.
func (s *spinner) paid() { s.failures = 0 }

// failed notes that there was nothing in time.
func (s *spinner) failed() {
	if s.adaptive {
		s.skip = s.failures
		s.failures = min(2*s.failures+1, patience)
	}
}
