package monotonic_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"vpcsim/internal/monotonic"
)

func kernels(t testing.TB) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

func TestNowIsTheKernelsMonotonicClock(t *testing.T) {
	for range 1000 {
		before := kernels(t)
		now := monotonic.Now()
		if after := kernels(t); now < before || now > after {
			t.Fatalf("it is %d, between %d and %d", now, before, after)
		}
	}
}

func BenchmarkNow(b *testing.B) {
	b.Run("now", func(b *testing.B) {
		for b.Loop() {
			monotonic.Now()
		}
	})
	b.Run("system call", func(b *testing.B) {
		for b.Loop() {
			kernels(b)
		}
	})
}
