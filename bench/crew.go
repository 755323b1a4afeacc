package bench

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// crew is one thread on each of some cores, pinned there, which work at once when they are told to.
type crew struct {
	work []chan func() // one for each thread
	done chan struct{}
	now  func() time.Time
}

// usableCPUs returns the cores that this process may run on.
func usableCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("which cores may be used: %w", err)
	}
	var cpus []int
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// CPUs is how many cores this process may use.
func CPUs() int {
	cpus, err := usableCPUs()
	if err != nil {
		return runtime.NumCPU()
	}
	return len(cpus)
}

// newCrew starts n threads, on the last cores there are: the first one is where interrupts go. They look at the clock that they are given.
func newCrew(n int, now func() time.Time) (*crew, error) {
	cpus, err := usableCPUs()
	if err != nil {
		return nil, err
	}
	c := &crew{done: make(chan struct{}, n), now: now}
	ready := make(chan error)
	for i := range n {
		work := make(chan func())
		c.work = append(c.work, work)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread, which is pinned, ends with this function
			var set unix.CPUSet
			set.Set(cpus[len(cpus)-1-i])
			ready <- unix.SchedSetaffinity(0, &set)
			for f := range work {
				f()
				c.done <- struct{}{}
			}
		}()
	}
	for range n {
		if e := <-ready; e != nil {
			err = fmt.Errorf("pin a thread to a core: %w", e)
		}
	}
	if err != nil {
		c.dismiss()
		return nil, err
	}
	return c, nil
}

// measure has the first n threads do a piece of work each, and returns how long each took.
func (c *crew) measure(n int, work func(thread int)) []time.Duration {
	took := make([]time.Duration, n)
	for i := range n {
		c.work[i] <- func() {
			began := c.now()
			work(i)
			took[i] = c.now().Sub(began)
		}
	}
	for range n {
		<-c.done
	}
	return took
}

func (c *crew) dismiss() {
	for _, w := range c.work {
		close(w)
	}
}
