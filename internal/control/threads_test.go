package control

import (
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
	"vpcsim/topology"
)

// TestAFlowStaysInOrder: whoever carries packets, and while commits come, those of one sender to one receiver overtake each other never.
func TestAFlowStaysInOrder(t *testing.T) {
	nstest.RequireTAP(t)
	for name, o := range map[string]Options{
		"one thread": {threads: 1}, "two threads": {threads: 2}, "without io_uring": {threads: 2, noRing: true},
		"always looking": {threads: 2, Poll: 100}, "never looking": {threads: 1, Poll: tap.SpinOff}, "a goroutine each": {threads: -1},
	} {
		t.Run(name, func(t *testing.T) {
			l := startBare(t, everyPath, o)
			var all sync.WaitGroup
			for i, w := range []struct{ from, to, addr string }{
				{"app", "web", "10.0.1.10"}, {"web", "db", "10.0.2.11"}, {"app", "host", "203.0.113.10"}, {"web", "far", "10.1.1.10"},
			} {
				if w.to == "far" {
					w.from = "db"
				}
				all.Go(func() { inOrder(t, l, w.from, w.to, fmt.Sprintf("%s:%d", w.addr, 4000+i)) })
			}
			done := make(chan struct{})
			go func() { all.Wait(); close(done) }()
			for {
				select {
				case <-done:
					return
				default:
					l.mu.Lock()
					require.NoError(t, l.enter(l.network, "again"))
					l.mu.Unlock()
				}
			}
		})
	}
}

// inOrder sends numbers, in small and in big datagrams, until some thousands have come.
func inOrder(t *testing.T, l *Lab, from, to, addr string) {
	var in net.PacketConn
	var out net.Conn
	l.inside(t, to, func() (err error) { in, err = net.ListenPacket("udp4", addr); return err })
	l.inside(t, from, func() (err error) { out, err = net.Dial("udp4", addr); return err })
	b := make([]byte, 9000)
	for met := false; !met; { // a kernel that learns of its neighbour sends what had to wait for that beside what comes after it
		_, _ = out.Write(b[:18])
		_ = in.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, _, err := in.ReadFrom(b)
		met = err == nil
	}
	stop := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		b := make([]byte, 8400)
		for n := uint64(1); ; n++ {
			binary.BigEndian.PutUint64(b, n)
			if n%8 != 0 {
				_, _ = out.Write(b[:18])
			} else {
				_, _ = out.Write(b)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	defer func() { close(stop); sending.Wait(); in.Close(); out.Close() }()
	_ = in.SetReadDeadline(time.Now().Add(time.Minute))
	for last, got := uint64(0), 0; got < 5000; got++ {
		if _, _, err := in.ReadFrom(b); err != nil {
			t.Errorf("%s to %s: after %d: %v", from, to, got, err)
			return
		}
		n := binary.BigEndian.Uint64(b)
		if n <= last && n != 0 {
			t.Errorf("%s to %s: %d came after %d", from, to, n, last)
			return
		}
		last = n
	}
}

// TestWaitingCostsNothing: a router takes at most a hundredth of a processor while its lab rests, and while somebody asks ten questions a second. It is
// given several windows, as the test's own process may have other things to do.
func TestWaitingCostsNothing(t *testing.T) {
	nstest.RequireTAP(t)
	const window, windows = time.Second, 8
	most := window / 100
	if raceDetector {
		most *= 5
	}
	l := startText(t, everyPath, Options{})
	costsAtMost := func(what string) {
		least := time.Duration(math.MaxInt64)
		for i := 0; i < windows && least > most; i++ {
			before := processorTime(t)
			time.Sleep(window)
			least = min(least, processorTime(t)-before)
		}
		if t.Logf("%s: %v of a processor in %v", what, least, window); least > most {
			t.Errorf("%s: more than %v", what, most)
		}
	}
	costsAtMost("at rest")
	web := between{l.find("app").ns, l.find("web").ns, "10.0.1.10"}
	answer := startEnd(t, web.to, "answer", 7)
	defer answer.stop()
	ask := startEnd(t, web.from, "ask", web.addr+":7", windows*window+window, 100*time.Millisecond)
	defer ask.kill()
	costsAtMost("with ten questions a second")
}

// processorTime is how long the threads of this process have worked.
func processorTime(t *testing.T) time.Duration {
	var u unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestManyInstances: a lab of many, or as many as VPCSIM_TEST_INSTANCES says, starts, carries a question from each to its neighbours, and ends.
func TestManyInstances(t *testing.T) {
	nstest.RequireTAP(t)
	instances := 200
	if text := os.Getenv("VPCSIM_TEST_INSTANCES"); text != "" {
		_, err := fmt.Sscan(text, &instances)
		require.NoError(t, err)
	}
	before := residentKB(t)
	spec, src, err := topology.Parse("test.vpc.yml", []byte(manyInstances(instances)))
	require.NoError(t, err)
	begun := time.Now()
	lab, err := Start(spec, src, Options{})
	require.NoError(t, err)
	t.Logf("%d instances started in %v", instances, time.Since(begun))
	defer func() {
		begun := time.Now()
		require.NoError(t, lab.Close())
		t.Logf("and ended in %v", time.Since(begun))
	}()
	askNeighbours(t, lab, instances)
	t.Logf("%d KB of memory", residentKB(t)-before)
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, _ := strings.Cut(string(status), "Threads:")
	threads := 0
	_, err = fmt.Sscan(after, &threads)
	require.NoError(t, err)
	if threads > 50 {
		t.Errorf("%d threads for %d instances", threads, instances)
	}
}

// askNeighbours has instances ask the next one, one of its subnet, and one far off.
func askNeighbours(t *testing.T, lab *Lab, instances int) {
	addrs := map[string]string{}
	for _, v := range lab.Network().VPCs {
		for _, i := range v.Instances {
			addrs[i.Name] = i.Interfaces[0].Addresses[0].String() + ":7"
		}
	}
	name := func(i int) string { return fmt.Sprint("i", i%instances) }
	for i := range instances {
		var conn net.PacketConn
		lab.inside(t, name(i), func() (err error) { conn, err = net.ListenPacket("udp4", addrs[name(i)]); return err })
		defer conn.Close()
		go func() {
			for b := make([]byte, 64); ; {
				n, from, err := conn.ReadFrom(b)
				if err != nil {
					return
				}
				_, _ = conn.WriteTo(b[:n], from)
			}
		}()
	}
	var asking sync.WaitGroup
	for i := range min(instances, 200) { // the kernel knows 1,024 neighbours at a time, in all namespaces together
		for _, step := range []int{1, 10, instances / 2} {
			var conn net.Conn
			lab.inside(t, name(i), func() (err error) { conn, err = net.Dial("udp4", addrs[name(i+step)]); return err })
			asking.Go(func() {
				defer conn.Close()
				b := make([]byte, 64)
				for range 60 {
					_, _ = conn.Write([]byte("who is there"))
					_ = conn.SetReadDeadline(time.Now().Add(time.Second))
					if _, err := conn.Read(b); err == nil {
						return
					}
				}
				t.Errorf("%s never had an answer from %s", name(i), name(i+step))
			})
		}
	}
	asking.Wait()
}
