package host

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Signals on their way to the confined program. Someone may send one to P0 alone (kill, a supervisor): it must be passed
// on. But Ctrl-C goes from the terminal to every process of the group, P0, init and program alike: passing that on would
// give the program a second one, which many take for "at once". So P0 tells init of each signal it gets by another one,
// its carrier, and init passes on only what it has not been sent itself: what it has, the program has too.
//
// Init was sent its own before P0 could send the carrier, but two threads may be handling the two at once. So init gives
// its own some time to show.

// forwarded are the signals that reach the confined program when they are sent to P0.
var forwarded = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM}

const (
	// carrier plus a signal's number is its carrier: real-time signals that nothing else uses, the Go runtime included.
	carrier = 40
	// settle is how long init waits, upon a carrier, for the signal itself.
	settle = 50 * time.Millisecond
)

// catch collects the forwarded signals that this process gets, until stop.
func catch() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	return signals, func() {
		signal.Stop(signals)
		close(signals)
	}
}

// forward tells init of each signal until there are no more, or no init.
func forward(signals <-chan os.Signal, init *os.Process) {
	for s := range signals {
		if err := init.Signal(carrier + s.(syscall.Signal)); errors.Is(err, os.ErrProcessDone) {
			return
		}
	}
}

// carriers are the signals that init is born with blocked, so that none is lost before init takes them.
func carriers() (set unix.Sigset_t) {
	for _, s := range forwarded {
		set.Val[0] |= 1 << (carrier + s.(syscall.Signal) - 1)
	}
	return set
}

// withBlocked runs f on a thread that has just the signals of set blocked. A process that f starts inherits that.
func withBlocked(set unix.Sigset_t, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &set, &old); err != nil {
		return fmt.Errorf("blocking signals: %w", err)
	}
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }()
	return f()
}

// carried is a signal P0 has got, and when init heard of it.
type carried struct {
	signal syscall.Signal
	at     time.Time
}

// takeSignals collects the forwarded signals and their carriers.
func takeSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 64)
	for _, s := range forwarded {
		signal.Notify(signals, s, carrier+s.(syscall.Signal))
	}
	return signals
}

// passSignals sends child what P0 reports and init has not been sent itself. Without P0 (not attached) there is but init
// to send signals to, and it passes on all.
func passSignals(signals <-chan os.Signal, child int, attached bool) {
	settled := make(chan carried)
	direct := map[syscall.Signal]time.Time{}
	for {
		select {
		case s := <-signals:
			now := time.Now()
			switch s := s.(syscall.Signal); {
			case s > carrier:
				time.AfterFunc(settle, func() { settled <- carried{s - carrier, now} })
			case attached:
				direct[s] = now
			default:
				_ = unix.Kill(child, s)
			}
		case c := <-settled:
			if direct[c.signal].Before(c.at.Add(-settle)) {
				_ = unix.Kill(child, c.signal)
			}
		}
	}
}
