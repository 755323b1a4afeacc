package workload

// The wire: a client's one connection, under observation.
//
// Reads and writes block as long as it takes, but wake up every Stall to see whether to complain. A wire is stalled from
// the first such wake-up until a read or write succeeds; it says so once. Kernel errors end it.
//
// A stop turns haste on: the exchange under way may finish, without pauses, within one more Stall; a stalled one is given
// up at once. The goroutine that waits for the stop only moves the socket's deadline into the past to wake the client's
// goroutine, which owns everything else here. Whichever of them sets the deadline last, the client looks for the stop after
// having set its own, so none is missed.

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"vpcsim/internal/monotonic"
)

// progressEvery is the least time between two Progress events.
const progressEvery = 50 * time.Millisecond

// wire belongs to the client's goroutine.
type wire struct {
	tcp   *net.TCPConn
	out   *reporter
	stop  context.Context // done when told to stop
	stall time.Duration
	sends bool // Bytes counts what is sent, not what is received

	bytes, lastOK, firstWrite, lastWrite int64
	lastProgress                         int64
	stalled                              bool
	held                                 bool      // whether what comes is progress is yet to be seen
	writeErr                             error     // of the last Write
	finishBy                             time.Time // set when the stop is first seen
}

// Read reads once, however long it takes.
func (w *wire) Read(p []byte) (int, error) {
	for {
		w.arm()
		n, err := w.tcp.Read(p)
		if n > 0 {
			w.lastOK, w.firstWrite = monotonic.Now(), 0
			w.moved(n, !w.sends)
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || w.giveUp() {
			return 0, err
		}
	}
}

// Write writes all of p, however long it takes.
func (w *wire) Write(p []byte) (int, error) {
	w.lastWrite = monotonic.Now()
	if w.firstWrite == 0 {
		w.firstWrite = w.lastWrite
	}
	done := 0
	for {
		w.arm()
		n, err := w.tcp.Write(p[done:])
		done += n
		if n > 0 {
			w.moved(n, w.sends)
		}
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || w.giveUp() {
			w.writeErr = err
			return done, err
		}
	}
}

// arm sets the deadline of the next attempt.
func (w *wire) arm() {
	_ = w.tcp.SetDeadline(time.Now().Add(w.stall)) // fails only on a closed socket, as the attempt itself will
	if w.stopping() {
		_ = w.tcp.SetDeadline(w.finishBy)
	}
}

// stopping reports whether the workload was told to stop.
func (w *wire) stopping() bool {
	if w.stop.Err() == nil {
		return false
	}
	if w.finishBy.IsZero() {
		w.finishBy = time.Now().Add(w.stall)
	}
	return true
}

// giveUp decides what a passed deadline means: that the wire stalls, unless the workload is to stop.
func (w *wire) giveUp() bool {
	if w.stopping() {
		return w.stalled || !time.Now().Before(w.finishBy)
	}
	if !w.stalled {
		w.stalled = true
		w.out.report(w.event(Stalled))
	}
	return false
}

// moved notes n bytes of progress, which count if they go the way that Bytes goes.
func (w *wire) moved(n int, counts bool) {
	if counts {
		w.bytes += int64(n)
	}
	if w.stalled {
		w.stalled = false
		w.out.report(w.event(Resumed))
	}
	if counts {
		w.progress()
	}
}

// accepted says that what came, and what comes, is progress.
func (w *wire) accepted() {
	if w.held {
		w.held = false
		w.progress()
	}
}

// progress tells of progress if it is time to, and nothing holds it.
func (w *wire) progress() {
	if !w.held && monotonic.Now()-w.lastProgress >= int64(progressEvery) {
		w.lastProgress = w.out.report(w.event(Progress))
	}
}

// pause waits for d, or until the stop.
func (w *wire) pause(d time.Duration) {
	if w.stop.Err() != nil {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.stop.Done():
	}
}

// event is an event of this connection as it stands.
func (w *wire) event(name string) Event {
	return Event{
		Event: name, Local: w.tcp.LocalAddr().String(), Remote: w.tcp.RemoteAddr().String(),
		Bytes: w.bytes, LastOK: w.lastOK, FirstWriteAfterOK: w.firstWrite, LastWrite: w.lastWrite,
	}
}
