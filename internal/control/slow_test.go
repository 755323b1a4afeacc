package control

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"vpcsim/dataplane/drop"
	"vpcsim/internal/nstest"
	"vpcsim/topology"
)

// startBare starts a lab whose ports nobody watches, so that the router's threads have them.
func startBare(t *testing.T, text string, o Options) *Lab {
	t.Helper()
	nstest.RequireTAP(t)
	spec, src, err := topology.Parse("test.vpc.yml", []byte(text))
	require.NoError(t, err)
	l, err := Start(spec, src, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	if o.threads > 0 {
		var threads, goroutines int
		require.Eventually(t, func() bool { // they have been started, but may not have begun
			threads, goroutines = carriers()
			return threads == o.threads
		}, time.Minute, time.Millisecond, "%d threads do not carry packets", o.threads)
		require.Zero(t, goroutines, "that carry packets, too")
	}
	return l
}

// carriers is how many threads carry the packets of many ports, and how many goroutines those of one.
func carriers() (threads, goroutines int) {
	stacks := make([]byte, 4<<20)
	text := string(stacks[:runtime.Stack(stacks, true)])
	return strings.Count(text, "dataplane.(*Worker).serve("), strings.Count(text, "dataplane.(*Worker).run(")
}

// crowd is a lab of instances of which two talk, and others get in their way.
const crowd = `
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    subnets: {s: {cidr: 10.0.1.0/24}, other: {cidr: 10.0.2.0/24}}
    security_groups: {open: {ingress: [{protocol: udp, ports: 1-60000, peer: 0.0.0.0/0}], egress: [{protocol: udp, ports: 1-60000, peer: 0.0.0.0/0}]}}
    instances:
      asks: {subnet: s, address: 10.0.1.10, security_groups: [open]}
      answers: {subnet: other, address: 10.0.2.10, security_groups: [open]}
      sends: {subnet: s, address: 10.0.1.11, security_groups: [open]}
      slow: {subnet: other, address: 10.0.2.11, security_groups: [open]}
      healthy: {subnet: other, address: 10.0.2.12, security_groups: [open]}
`

// talk is the two that talk in the crowd.
type talk struct {
	*testing.T
	lab *Lab
	ask net.Conn
}

func newTalk(t *testing.T, o Options) *talk {
	k := &talk{T: t, lab: startBare(t, crowd, o)}
	echo := k.listen("answers", "10.0.2.10:7")
	go func() {
		b := make([]byte, 64)
		for {
			n, from, err := echo.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = echo.WriteTo(b[:n], from)
		}
	}()
	k.ask = k.dial("asks", "10.0.2.10:7")
	return k
}

func (k *talk) listen(on, at string) (conn *net.UDPConn) {
	k.lab.inside(k, on, func() (err error) {
		conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
		return err
	})
	k.Cleanup(func() { conn.Close() })
	return conn
}

func (k *talk) dial(from, to string) (conn net.Conn) {
	k.lab.inside(k, from, func() (err error) { conn, err = net.Dial("udp4", to); return err })
	k.Cleanup(func() { conn.Close() })
	return conn
}

// roundTrip is a question and its answer, neither of which may be lost.
func (k *talk) roundTrip(n int) time.Duration {
	k.Helper()
	b := make([]byte, 64)
	began := time.Now()
	_, err := fmt.Fprint(k.ask, n)
	require.NoError(k, err)
	_ = k.ask.SetReadDeadline(began.Add(time.Minute))
	size, err := k.ask.Read(b)
	require.NoError(k, err, "question %d", n)
	require.Equal(k, fmt.Sprint(n), string(b[:size]))
	return time.Since(began)
}

// down takes an instance's interface down.
func (k *talk) down(on string) {
	k.lab.inside(k, on, func() error {
		link, err := netlink.LinkByName("eth0")
		if err == nil {
			err = netlink.LinkSetDown(link)
		}
		return err
	})
}

// queueFull is how many packets of an instance found no room in its interface's queue: those that it sent too fast. A question of its kernel's own
// may be among them (ARP), which no test counts among what was sent.
func (k *talk) queueFull(on string) (n uint64) {
	k.lab.inside(k, on, func() error {
		link, err := netlink.LinkByName("eth0")
		if err == nil {
			n = link.Attrs().Statistics.TxDropped
		}
		return err
	})
	return n
}

// socketFull is how many datagrams found no room in a socket of an instance.
func (k *talk) socketFull(on string) (n uint64) {
	k.lab.inside(k, on, func() error {
		text, err := os.ReadFile("/proc/thread-self/net/snmp")
		require.NoError(k, err)
		var names []string
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); fields[0] == "Udp:" {
				if at := slices.Index(names, "RcvbufErrors"); at >= 0 {
					n, err = strconv.ParseUint(fields[at], 10, 64)
				}
				names = fields
			}
		}
		return err
	})
	return n
}

// TestASlowInstanceStallsNobody: two talk while a third is sent more than it takes, because its link is down or nobody reads its socket. They
// lose nothing, and an answer takes them as long as while the third takes all. What is lost is counted, to the last packet.
func TestASlowInstanceStallsNobody(t *testing.T) {
	for name, o := range map[string]Options{"one thread": {threads: 1}, "two threads": {threads: 2}, "without io_uring": {threads: 1, noRing: true}, "a goroutine each": {threads: -1}} {
		for why, hinder := range map[string]func(*talk) (lost func() uint64){
			"its link is down": func(k *talk) func() uint64 {
				k.down("slow")
				return func() uint64 { return k.lab.router.Counters().Drops[drop.PortFull] }
			},
			"nobody reads its socket": func(k *talk) func() uint64 {
				held := k.listen("slow", "10.0.2.11:9")
				require.NoError(k, held.SetReadBuffer(1))
				return func() uint64 { return k.socketFull("slow") }
			},
		} {
			t.Run(name+", "+why, func(t *testing.T) {
				k := newTalk(t, o)
				lost := hinder(k)
				k.listen("healthy", "10.0.2.12:9") // whose socket has room for all
				k.disturbed(lost)
			})
		}
	}
}

// disturbed has the two talk, while a burst goes to the slow one or to the healthy one before each question.
func (k *talk) disturbed(lost func() uint64) {
	const rounds, burst, most = 200, 64, 3
	slow, healthy := k.dial("sends", "10.0.2.11:9"), k.dial("sends", "10.0.2.12:9")
	var took [2][]time.Duration
	for n := range rounds {
		for i, to := range []net.Conn{slow, healthy} {
			for range burst {
				_, _ = to.Write([]byte("x")) // refused, if it is: nobody need listen at a link that is down
			}
			took[i] = append(took[i], k.roundTrip(2*n+i))
		}
	}
	for i := range took {
		slices.Sort(took[i])
	}
	bad, good := took[0][rounds/2], took[1][rounds/2]
	k.Logf("an answer takes %v, and %v beside one that takes all; %d lost", bad, good, lost())
	if bad > most*good {
		k.Errorf("an answer takes %v beside a slow instance, and %v beside another one: more than %d times as long", bad, good, most)
	}
	before := lost() // of all that was sent so far, some may be on its way
	require.Eventually(k, func() bool {
		c := k.lab.router.Counters()
		return c.PacketsIn+k.queueFull("sends") >= 2*rounds*(burst+2)
	}, time.Minute, time.Millisecond, "not all that was sent is accounted for")
	c := k.lab.router.Counters()
	if c.PacketsIn != c.PacketsOut+c.Dropped() || lost() < before {
		k.Errorf("%d in, %d out, %d dropped, %d lost", c.PacketsIn, c.PacketsOut, c.Dropped(), lost())
	}
	if n := lost(); n == 0 || n > rounds*burst || n+k.queueFull("sends") < rounds*burst-burst {
		k.Errorf("%d of %d were counted as lost, and %d had been too many for their sender's queue", n, rounds*burst, k.queueFull("sends"))
	}
}

// TestWhoFloodsStallsNobody: an instance that sends as fast as it can loses what its interface's queue has no room for, where it is counted, and others do not.
func TestWhoFloodsStallsNobody(t *testing.T) {
	for name, o := range map[string]Options{"one thread": {threads: 1}, "two threads": {threads: 2}, "a goroutine each": {threads: -1}} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t, o)
			k.listen("healthy", "10.0.2.12:9")
			out := k.dial("sends", "10.0.2.12:9")
			var sent, stop atomic.Int64
			var flooding sync.WaitGroup
			flooding.Go(func() {
				for stop.Load() == 0 {
					if _, err := out.Write([]byte("x")); err == nil {
						sent.Add(1)
					}
				}
			})
			const questions = 500
			for n := range questions {
				k.roundTrip(n)
			}
			stop.Store(1)
			flooding.Wait()
			require.Eventually(t, func() bool {
				return k.lab.router.Counters().PacketsIn+k.queueFull("sends") >= 2*questions+uint64(sent.Load())
			}, time.Minute, time.Millisecond, "not all that was sent is accounted for")
			t.Logf("%d sent, of which %d were too many for the queue", sent.Load(), k.queueFull("sends"))
		})
	}
}
