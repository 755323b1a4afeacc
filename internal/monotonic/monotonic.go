// Package monotonic is the clock of everything that is compared across processes: the router, the workloads in their
// instances, and S3.
package monotonic

import "golang.org/x/sys/unix"

// Now is CLOCK_MONOTONIC in nanoseconds, the same for all processes of the machine. The runtime's own monotonic clock has no
// zero that two processes share.
func Now() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail: the clock exists and ts is ours
	return ts.Nano()
}
