package control

import (
	"cmp"
	"math"
	"sync"
	"time"

	"vpcsim/internal/monotonic"
)

// Log is the lab's event stream. It is safe for many goroutines; adding never waits for a reader.
//
// # State
//
// Events are numbered from 1. The log keeps the last of them, at least limit, for readers who come late or are slow; there is no
// state per reader, who says after which number it wants to go on. What is forgotten before a reader asks for it, the reader
// is told in place of it: one event, EventsLost, with how many they were.
type Log struct {
	limit int

	mu        sync.Mutex
	events    []Event       // guarded by mu; the last one has the number forgotten + len(events)
	forgotten int           // guarded by mu; how many there were before
	changed   chan struct{} // guarded by mu; closed and replaced when events are added
}

// maxEvents bounds the log, to about a hundred megabytes.
const maxEvents = 200_000

func newLog(limit int) *Log {
	return &Log{limit: cmp.Or(limit, maxEvents), changed: make(chan struct{})}
}

// add numbers the events, in place, and adds them.
func (l *Log) add(events ...Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		events[i].Sequence = l.forgotten + len(l.events) + 1
		l.events = append(l.events, events[i])
	}
	if over := len(l.events) - l.limit; over > l.limit/10 {
		l.events = append([]Event(nil), l.events[over:]...)
		l.forgotten += over
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// total is how many events there were so far.
func (l *Log) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.forgotten + len(l.events)
}

// Since returns the events after number n, the number to go on from, and a channel that is closed when there are more.
func (l *Log) Since(n int) (events []Event, next int, more <-chan struct{}) {
	return l.read(n, math.MaxInt)
}

// read is Since for at most so many events, besides the one that tells of those that are lost.
func (l *Log) read(n, most int) (events []Event, next int, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lost := l.forgotten - n; lost > 0 {
		events = append(events, Event{Sequence: l.forgotten, Time: time.Now(), Monotonic: monotonic.Now(), Event: EventsLost, Lost: lost})
		n = l.forgotten
	}
	if from := n - l.forgotten; from < len(l.events) {
		events = append(events, l.events[from:min(len(l.events), from+min(most, len(l.events)))]...)
	}
	if len(events) > 0 {
		n = events[len(events)-1].Sequence
	}
	return events, n, l.changed
}
