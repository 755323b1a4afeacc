package control

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// logOf serves a lab that has nothing but events.
func logOf(t *testing.T) (*Server, Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "vpcsim") // a socket's path must be short
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	path := filepath.Join(dir, "socket")
	s, err := Serve(&Lab{Events: newLog(0)}, path)
	require.NoError(t, err)
	return s, Client{Socket: path}
}

// told is what a reader looks at of an event.
type told struct {
	Sequence, Lost int
	Event          string
}

// reader checks that the stream it gets has no gap that it is not told of, and no event twice.
type reader struct {
	at, got, lost int
	kinds         map[string]int
}

func (r *reader) take(text json.RawMessage) (e told, err error) {
	if err := json.Unmarshal(text, &e); err != nil {
		return e, err
	}
	if r.kinds == nil {
		r.kinds = map[string]int{}
	}
	r.kinds[e.Event]++
	if e.Event == EventsLost {
		r.lost += e.Lost
	} else {
		r.got++
	}
	r.at = e.Sequence
	return e, nil
}

// whole complains if what was got and what was lost are not all events up to the last one.
func (r *reader) whole(t *testing.T, name string, since int) {
	t.Helper()
	if r.got+r.lost != r.at-since {
		t.Errorf("%s: %d events and %d lost ones, from %d to %d", name, r.got, r.lost, since, r.at)
	}
}

// TestNoEventIsLostInSilence: of 300,000 events a fast reader gets all, and one that resumes a stream all that are left; one that stops in
// the middle until all have been is told how many it missed, exactly.
func TestNoEventIsLostInSilence(t *testing.T) {
	const total, each = 300_000, 1000
	s, c := logOf(t)
	log := s.lab.Events
	ctx := context.Background()
	written, slowBegan := make(chan struct{}), make(chan struct{})
	var fast, slow, resumed reader
	var readers sync.WaitGroup
	var slowAt, resumedAt atomic.Int64
	follow := func(r *reader, since int, visit func(told)) {
		readers.Go(func() {
			err := c.Events(ctx, since, true, func(text json.RawMessage) error {
				e, err := r.take(text)
				visit(e)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	passed := make(chan int, total/each+1)
	follow(&fast, 0, func(e told) {
		if e.Sequence%each == 0 {
			passed <- e.Sequence
		}
	})
	var once sync.Once
	follow(&slow, 0, func(e told) {
		once.Do(func() { close(slowBegan) })
		slowAt.Store(int64(e.Sequence))
		if e.Sequence == 5000 {
			<-written
		}
	})
	follow(&resumed, total-each, func(e told) { resumedAt.Store(int64(e.Sequence)) })
	<-slowBegan
	for n := 1; n < total; n += each { // the lab's start was the first
		batch := make([]Event, min(each, total-n))
		for i := range batch {
			batch[i] = Event{Event: FlowDropped, ChangeID: "change-1", Remote: "52.216.1.2:443"}
		}
		log.add(batch...)
		select {
		case <-passed: // the fast reader is never further behind than this
		case <-time.After(time.Minute):
			t.Fatal("the fast reader does not get on")
		}
	}
	require.Equal(t, total, log.total())
	close(written)
	for _, r := range []*atomic.Int64{&slowAt, &resumedAt} {
		require.Eventually(t, func() bool { return r.Load() == total }, 2*time.Minute, time.Millisecond)
	}
	require.NoError(t, s.Close())
	readers.Wait()
	fast.whole(t, "fast", 0)
	slow.whole(t, "slow", 0)
	resumed.whole(t, "resumed", total-each)
	require.Equal(t, [3]int{total + 1, 0, each + 1}, [3]int{fast.got, fast.lost, resumed.got})
	require.Equal(t, 1, slow.kinds[EventsLost])
	require.GreaterOrEqual(t, slow.lost, total-maxEvents*11/10-10_000)
	for name, r := range map[string]*reader{"fast": &fast, "resumed": &resumed} {
		require.Equal(t, 1, r.kinds[LabStopped], name)
	}
}

// TestAStreamGoesOnWhereItEnded: whatever number a reader begins after, it gets exactly the events after it.
func TestAStreamGoesOnWhereItEnded(t *testing.T) {
	l := newLog(0)
	l.limit = 100
	for n := range 250 {
		l.add(Event{AfterCommit: int64(n + 1)})
	}
	for since := range 260 {
		events, next, _ := l.Since(since)
		want := max(since, 250)
		require.Equal(t, want, next, since)
		at := since
		for _, e := range events {
			if e.Event == EventsLost {
				require.Equal(t, at+e.Lost, e.Sequence)
			} else {
				require.Equal(t, [2]int{at + 1, at + 1}, [2]int{e.Sequence, int(e.AfterCommit)})
			}
			at = e.Sequence
		}
		require.Equal(t, next, at)
		if kept := 250 - since; kept > 0 && kept <= 100 {
			require.Len(t, events, kept)
		}
		if few, next, _ := l.read(since, 3); len(few) > 0 {
			require.LessOrEqual(t, len(few), 4)
			require.Equal(t, few[len(few)-1].Sequence, next)
		}
	}
}

// TestAReaderThatDoesNotReadHoldsUpNobody: neither those who add, nor the end of the lab.
func TestAReaderThatDoesNotReadHoldsUpNobody(t *testing.T) {
	s, c := logOf(t)
	conn, err := c.dial(context.Background(), request{Verb: verbEvents, Follow: true}, nil)
	require.NoError(t, err)
	defer conn.close()
	_, err = receive[Event](conn)
	require.NoError(t, err)
	began := time.Now()
	for range 100 {
		s.lab.Events.add(make([]Event, 1000)...)
	}
	require.NoError(t, s.Close())
	require.Less(t, time.Since(began), 30*time.Second)
}
