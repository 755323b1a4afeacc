package tap

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// niceness is that of a Poller's thread (nice(1)). A kernel that forwards does so in its interrupts, before any program; a thread like
// others has to wait for senders and receivers, whose packets meanwhile fill the queues. It is not less, so that those still get a sixth of a
// processor that they share with it (docs/performance.md).
const niceness = -7

// precede lets the calling thread go before the threads of instances' programs, where that is permitted.
func precede() error { return unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), niceness) }

// TryPrecedence tells why the threads of Pollers do not go before instances' programs; nil if they do.
func TryPrecedence() error {
	tried := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		tried <- precede()
	}()
	if <-tried != nil {
		return fmt.Errorf("nice %d is not permitted (CAP_SYS_NICE, or ulimit -e %d)", niceness, 20-niceness)
	}
	return nil
}
