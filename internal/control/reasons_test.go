package control

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/topology"
)

// TestReasons provokes every reason for which a packet can be dropped, with a packet from a kernel, and asks all who have to tell of it.
func TestReasons(t *testing.T) {
	shared := startMinefield(t, Options{})
	for _, from := range []string{"web", "inner"} { // S3's edges find their router once somebody has asked them something
		require.NoError(t, ask(shared.dial(t, from, s3Address)))
	}
	for _, reason := range drop.All() {
		row, provoked := provocations[reason]
		if why := unprovoked[reason]; why != "" {
			require.False(t, provoked, "%s: either a packet or why there is none", reason)
			continue
		}
		t.Run(reason.String(), func(t *testing.T) {
			require.True(t, provoked, "a reason needs a packet, or why there is none")
			l := shared
			if row.lab != nil {
				l = startMinefield(t, row.options)
			}
			scene := watch(t, l, reason, row)
			if row.lab != nil {
				if asked := row.lab(t, l); asked.From != "" {
					scene.row.trace = asked
				}
			} else {
				l.raw(t, row.on, row.send())
			}
			scene.end(t)
			for _, w := range witnesses {
				t.Run(w.name, func(t *testing.T) { scene.ask(t, w) })
			}
		})
	}
}

func startMinefield(t *testing.T, o Options) *Lab {
	t.Helper()
	return startText(t, minefield, o)
}

// node finds the node of an instance, an internet host, or one of S3's edges.
func (l *Lab) node(t testing.TB, name string) *node {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.nodes {
		if n.name == name {
			return n
		}
	}
	require.Fail(t, "no node", name)
	return nil
}

// raw sends a datagram as it is from a node, whatever its kernel thinks of it. Of IPv4, the kernel makes the identification and the header's
// checksum.
func (l *Lab) raw(t testing.TB, on string, datagram []byte) {
	t.Helper()
	require.NoError(t, l.node(t, on).ns.Do(func() error {
		family := unix.AF_INET
		var to unix.Sockaddr
		if datagram[0]>>4 == 4 {
			to = &unix.SockaddrInet4{Addr: [4]byte(datagram[16:20])}
		} else {
			family, to = unix.AF_INET6, &unix.SockaddrInet6{Addr: [16]byte(datagram[24:40])}
		}
		fd, err := unix.Socket(family, unix.SOCK_RAW, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, datagram, 0, to)
	}))
}

// flood sends one datagram each from n ports of an instance, no faster than the router takes them.
func (l *Lab) flood(t testing.TB, on, to string, n int) {
	t.Helper()
	const burst = 200 // what a TAP's queue holds at least
	dst := netip.MustParseAddrPort(to)
	own := l.node(t, on).devices[0].addrs[0].Addr()
	taken, deadline := l.Router().Counters().PacketsIn, time.Now().Add(2*time.Minute)
	require.NoError(t, l.node(t, on).ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for port := range n {
			p := packet.New(64)
			packet.BuildUDP(p, netip.AddrPortFrom(own, uint16(1024+port)), dst, fmt.Append(nil, port))
			if err := unix.Sendto(fd, p.Bytes(), 0, &unix.SockaddrInet4{Addr: dst.Addr().As4()}); err != nil {
				return err
			}
			for port%burst == burst-1 && l.Router().Counters().PacketsIn < taken+uint64(port) {
				if time.Now().After(deadline) {
					return errors.New("the router does not take what is sent")
				}
				runtime.Gosched()
			}
		}
		return nil
	}))
}

// unplug takes the interface of an instance down, so that its port takes nothing.
func (l *Lab) unplug(t testing.TB, on string) {
	t.Helper()
	require.NoError(t, l.node(t, on).ns.Do(func() error {
		i, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		r, err := unix.NewIfreq(i.Name)
		if err != nil {
			return err
		}
		r.SetUint16(0)
		return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
	}))
}

// TestMinefield: the topology is one that AWS would take, also where there are no labs.
func TestMinefield(t *testing.T) {
	spec, src, err := topology.Parse("minefield.vpc.yml", []byte(minefield))
	require.NoError(t, err)
	_, err = topology.Resolve(spec, src)
	require.NoError(t, err)
}
