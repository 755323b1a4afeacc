package tap_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/monotonic"
	"vpcsim/internal/nstest"
)

// reading is a guest that sends, and a way to read what it sends.
type reading struct {
	way  tap.Way
	send func(frame []byte) error
}

func openReading(t testing.TB, way, buffers int) reading {
	t.Helper()
	nstest.RequireTAP(t)
	ns, p := open(t, addrA, macA)
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	w, err := tap.Ways[way].Open(p, buffers)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return reading{w, vnetSocket(t, ns)}
}

func (r reading) fill(t testing.TB, n int, frame []byte) {
	for range n {
		if err := r.send(frame); err != nil {
			t.Fatal(err)
		}
	}
}

// drain reads n frames, so many at once, and tells how many it got: fewer if there are none for a while.
func (r reading) drain(n, atOnce int, take func(frame []byte)) (got int) {
	count := func(frame []byte) { got++; take(frame) }
	for vain := 0; got < n && vain < 100; vain++ {
		before := got
		r.way.Look(min(atOnce, n-got))
		if r.way.Read(min(atOnce, n-got), count); got > before {
			vain = 0
		}
	}
	return got
}

func TestEveryWayReadsTheSameFrames(t *testing.T) {
	for way := range tap.Ways {
		for _, buffers := range []int{64, 4} {
			t.Run(fmt.Sprintf("%s, %d buffers", tap.Ways[way].Name, buffers), func(t *testing.T) {
				r := openReading(t, way, buffers)
				var want [][]byte
				for i := range 200 {
					want = append(want, datagram(bytes.Repeat([]byte{byte(i)}, 1+i)))
				}
				want = append(want, superPacket(), datagram(nil))
				for _, frame := range want {
					require.NoError(t, r.send(frame))
				}
				var got [][]byte
				r.drain(len(want), 64, func(frame []byte) { got = append(got, bytes.Clone(frame)) })
				require.Len(t, got, len(want))
				for i := range want {
					require.True(t, bytes.Equal(want[i], got[i]), "frame %d, of %d bytes, became one of %d", i, len(want[i]), len(got[i]))
				}
				require.Zero(t, r.drain(1, 1, func([]byte) {}), "there are no others")
			})
		}
	}
}

// BenchmarkReading is what it takes to read frames that wait in a TAP's queue, each of which is then copied once, as writing it would,
// and to learn of one that comes after a pause.
func BenchmarkReading(b *testing.B) {
	read, multishot := 0, len(tap.Ways)-1
	small, big := datagram(make([]byte, 18)), superPacket()
	draining := func(name string, way, buffers int, frame []byte, queue, atOnce int) {
		b.Run(fmt.Sprintf("%s/%s", name, tap.Ways[way].Name), func(b *testing.B) {
			benchmarkDraining(b, openReading(b, way, buffers), frame, queue, atOnce)
		})
	}
	for way := range tap.Ways {
		draining("flood", way, 64, small, 256, 64)
	}
	draining("super-packets/one buffer", read, 1, big, 32, 32)
	draining("super-packets/4 buffers", multishot, 4, big, 32, 2)
	for way := range tap.Ways {
		draining("super-packets/64 buffers", way, 64, big, 32, 32)
	}
	for way := range tap.Ways {
		b.Run("after a pause/"+tap.Ways[way].Name, func(b *testing.B) { benchmarkWaking(b, openReading(b, way, 64), small) })
	}
}

// benchmarkDraining fills the queue again and again, and counts the time that it takes to empty it.
func benchmarkDraining(b *testing.B, r reading, frame []byte, queue, atOnce int) {
	b.SetBytes(int64(len(frame)))
	sink := make([]byte, len(frame))
	before := r.way.Calls()
	b.ResetTimer()
	for done := 0; done < b.N; {
		n := min(queue, b.N-done)
		b.StopTimer()
		r.fill(b, n, frame)
		b.StartTimer()
		if got := r.drain(n, atOnce, func(f []byte) { copy(sink, f) }); got != n {
			b.Fatalf("read %d of %d frames", got, n)
		}
		done += n
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/float64(r.way.Calls()-before), "frames/call")
	if !bytes.Equal(sink, frame) {
		b.Error("the last frame is not what was sent")
	}
}

// benchmarkWaking sends a frame a millisecond after the reader has begun to wait, from another processor.
func benchmarkWaking(b *testing.B, r reading, frame []byte) {
	if runtime.NumCPU() < 2 {
		b.Skip("one processor only")
	}
	var sent atomic.Int64
	waiting, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and the thread ends with the goroutine
		pin(b, runtime.NumCPU()-1)
		for range waiting {
			_ = unix.Nanosleep(&unix.Timespec{Nsec: int64(time.Millisecond)}, nil)
			sent.Store(monotonic.Now())
			if err := r.send(frame); err != nil {
				b.Error(err)
			}
		}
	}()
	var was unix.CPUSet
	require.NoError(b, unix.SchedGetaffinity(0, &was))
	defer func() { close(waiting); <-ended; _ = unix.SchedSetaffinity(0, &was) }()
	pin(b, 0)
	took := make([]int64, b.N)
	for i := range took {
		waiting <- struct{}{}
		for took[i] == 0 {
			r.way.Wait()
			r.way.Read(1, func([]byte) { took[i] = monotonic.Now() - sent.Load() })
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2]), "ns-median")
	b.ReportMetric(0, "ns/op")
}

func pin(t testing.TB, processor int) {
	var set unix.CPUSet
	set.Set(processor)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		t.Error(err)
	}
}

var ends = [2]netip.AddrPort{netip.AddrPortFrom(addrA, 7), netip.AddrPortFrom(addrB, 9)}

// datagram is a frame with a UDP datagram.
func datagram(payload []byte) []byte {
	p := packet.New(packet.MaxSize)
	packet.BuildUDP(p, ends[0], ends[1], payload)
	return tap.FrameOf(p, macA, routerMAC)
}

// superPacket is a frame with as many segments of TCP as a device takes at once, 64 KiB.
func superPacket() []byte {
	p := packet.New(packet.MaxSize)
	packet.BuildTCP(p, ends[0], ends[1], packet.ACK, 1, 1, bytes.Repeat([]byte("segments"), 45*1448/8))
	if !p.SetPartialChecksum(20, 36) || p.Decode() != packet.OK {
		panic("not a segment")
	}
	p.SegmentSize = 1448
	return tap.FrameOf(p, macA, routerMAC)
}
