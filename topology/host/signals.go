package host

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Signals on their way to the confined program. Someone may send one to P0 alone (kill, a supervisor): it must be passed
// on. But Ctrl-C goes from the terminal to every process of the group, P0, init and program alike: passing that on would
// give the program a second one, which many take for "at once". So P0 tells init of each signal it gets by another one,
// its carrier, and init passes on only what it has not been sent itself: what it has, the program has too.
//
// For that init must see the signals in the order in which they were sent, and none may be lost before init can take
// any. Go's handlers grant neither: two threads may run them at once. Hence init is born with these signals blocked, in
// all its threads, and reads them from a descriptor (signalfd(2)); the program is born with none blocked.

// forwarded are the signals that reach the confined program when they are sent to P0.
var forwarded = []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM}

// carrier plus a signal's number is its carrier: real-time signals that nothing else uses, the Go runtime included.
const carrier = 40

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

// initSignals are those init reads from its descriptor.
func initSignals() (set unix.Sigset_t) {
	for _, s := range forwarded {
		n := s.(syscall.Signal)
		set.Val[0] |= 1<<(n-1) | 1<<(carrier+n-1)
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

// signalFile opens the descriptor that init reads its signals from.
func signalFile() (*os.File, error) {
	set := initSignals()
	fd, err := unix.Signalfd(-1, &set, unix.SFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("signalfd: %w", err)
	}
	return os.NewFile(uintptr(fd), "signals"), nil
}

// nextSignal waits for the next signal.
func nextSignal(file *os.File) (syscall.Signal, error) {
	var info unix.SignalfdSiginfo
	buf := (*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))
	if _, err := file.Read(buf[:]); err != nil {
		return 0, fmt.Errorf("reading signals: %w", err)
	}
	return syscall.Signal(info.Signo), nil
}

// passSignals sends child what P0 reports and init has not been sent itself. Without P0 (not attached) there is but init
// to send signals to.
func passSignals(file *os.File, child int, attached bool) {
	direct := map[syscall.Signal]bool{}
	for {
		s, err := nextSignal(file)
		switch {
		case err != nil:
			fail(err)
		case s < carrier && attached:
			direct[s] = true
		case s < carrier:
			_ = unix.Kill(child, s)
		case direct[s-carrier]:
			delete(direct, s-carrier)
		default:
			_ = unix.Kill(child, s-carrier)
		}
	}
}
