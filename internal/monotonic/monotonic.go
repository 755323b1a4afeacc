// Package monotonic is the clock of everything that is compared across processes: the router, the workloads in their
// instances, and S3.
package monotonic

import _ "unsafe" // for go:linkname

// Now is CLOCK_MONOTONIC in nanoseconds, the same for all processes of the machine. It is the runtime's own clock, which package time
// tells differences of only: where the machine has a clock that programs may read, no system call, of which the router's threads would
// make one for each batch.
//
//go:linkname Now runtime.nanotime
func Now() int64
