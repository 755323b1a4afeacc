package interop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/drop"
)

// python is a Python that has Scapy; empty if there is none.
var python = sync.OnceValue(func() string {
	for _, program := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(program, "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('scapy') is None)").Run() == nil {
			return program
		}
	}
	return ""
})

// scapy runs a Scapy script on an instance or internet host.
func (l lab) scapy(t testing.TB, on, script string) {
	t.Helper()
	if python() == "" {
		t.Skip("not installed: Scapy (python3-scapy)")
	}
	out := l.pipe(t, "from scapy.all import *\nconf.L3socket = L3RawSocket\n"+script+"\nprint('sent')\n", on, python(), "-")
	shows(t, out, `(?m)^sent$`)
}

// flow is UDP between an instance and the internet host peer, both ends connected.
type flow struct {
	instance, host *net.UDPConn
	public         netip.AddrPort // the instance's end as peer sees it
}

const hostPort = 9000

// udp opens a flow from an instance to a port of peer's. Its socket reports every ICMP error.
func (l lab) udp(t testing.TB, from string, port int) (f flow) {
	t.Helper()
	l.inside(t, "peer", func() (err error) { f.host, err = net.ListenUDP("udp4", &net.UDPAddr{Port: port}); return err })
	t.Cleanup(func() { f.host.Close() })
	l.inside(t, from, func() error {
		conn, err := net.Dial("udp4", fmt.Sprintf("203.0.113.10:%d", port))
		if err == nil {
			f.instance = conn.(*net.UDPConn)
		}
		return err
	})
	t.Cleanup(func() { f.instance.Close() })
	raw, err := f.instance.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1) }))
	require.NoError(t, err)
	_, err = f.instance.Write([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, f.host.SetReadDeadline(time.Now().Add(time.Minute)))
	_, f.public, err = f.host.ReadFromUDPAddrPort(make([]byte, 10))
	require.NoError(t, err)
	return f
}

// forged are ICMP errors about a flow of an instance's; QUOTE is the packet that the flow sent, as it looks on the internet.
var forged = []struct {
	name, icmp string
	want       error       // that the instance's socket reports
	reason     drop.Reason // if it is not to hear of it
}{
	{"port unreachable", "ICMP(type=3, code=3)/QUOTE", unix.ECONNREFUSED, drop.None},
	{"fragmentation needed", "ICMP(type=3, code=4, nexthopmtu=1200)/QUOTE", unix.EMSGSIZE, drop.None},
	{"time exceeded", "ICMP(type=11, code=0)/QUOTE", unix.EHOSTUNREACH, drop.None},
	{"prohibited", "ICMP(type=3, code=13)/QUOTE", unix.EHOSTUNREACH, drop.None},
	{"parameter problem", "ICMP(type=12, code=0, ptr=1)/QUOTE", unix.EPROTO, drop.None},
	{"quoting 8 bytes of UDP", "ICMP(type=3, code=3)/Raw(bytes(QUOTE)[:28])", unix.ECONNREFUSED, drop.None},
	{"with a wrong checksum", "ICMP(type=3, code=3, chksum=0x1234)/QUOTE", nil, drop.ICMPChecksum},
	{"quoting a header with a wrong checksum", "ICMP(type=3, code=3)/Raw(bytes(QUOTE)[:10]+b'\\x12\\x34'+bytes(QUOTE)[12:])", nil, drop.ICMPChecksum},
	{"quoting half a header", "ICMP(type=3, code=3)/Raw(bytes(QUOTE)[:12])", nil, drop.ICMPNotTranslated},
	{"a redirect", "ICMP(type=5, code=1, gw='192.0.2.1')/QUOTE", nil, drop.ICMPNotTranslated},
	{"a source quench", "ICMP(type=4, code=0)/QUOTE", nil, drop.ICMPNotTranslated},
	{"a router advertisement", "ICMP(type=9, code=0)", nil, drop.ICMPNotTranslated},
}

// TestForgedICMPErrors come from a router on the way, which rival plays, to instances behind each gateway (RFC 5508 REQ-3, 4,
// 10; RFC 4787 REQ-12).
func TestForgedICMPErrors(t *testing.T) {
	t.Parallel()
	for _, instance := range []string{"app", "web"} {
		t.Run(instance, func(t *testing.T) {
			t.Parallel()
			l := start(t, office)
			var script strings.Builder
			var flows []flow
			want := map[drop.Reason]uint64{}
			for n, e := range forged {
				f := l.udp(t, instance, hostPort+n)
				fmt.Fprintf(&script, "QUOTE = IP(src='%s', dst='203.0.113.10', ttl=60)/UDP(sport=%d, dport=%d)/b'hello'\nsend(IP(dst='%s')/%s, verbose=0)\n",
					f.public.Addr(), f.public.Port(), hostPort+n, f.public.Addr(), e.icmp)
				flows = append(flows, f)
				want[e.reason]++
			}
			delete(want, drop.None)
			l.scapy(t, "rival", script.String())
			for reason, n := range want {
				require.Eventually(t, func() bool { return l.drops(reason) == n }, time.Minute, 5*time.Millisecond, "not %d dropped as %s: %v", n, reason, l.Router().Counters())
			}
			for n, e := range forged {
				if err := flows[n].hears(t, e.reason == drop.None); !errors.Is(err, e.want) {
					t.Errorf("%s: the instance's socket says %v, want %v", e.name, err, e.want)
				}
			}
		})
	}
}

// hears returns what the instance's socket reports: an error if there is to be one, or that a datagram arrives now.
func (f flow) hears(t testing.TB, anError bool) error {
	t.Helper()
	if !anError {
		_, err := f.host.WriteToUDPAddrPort([]byte("still here"), f.public)
		require.NoError(t, err)
	}
	require.NoError(t, f.instance.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err := f.instance.Read(make([]byte, 10))
	return err
}

// TestForgedMTU: what a router on the way says of the MTU gets to the instance's kernel through both gateways, about a
// connection that it has (RFC 5382 REQ-9).
func TestForgedMTU(t *testing.T) {
	t.Parallel()
	tool(t, "ip")
	for _, instance := range []string{"app", "web"} {
		t.Run(instance, func(t *testing.T) {
			t.Parallel()
			l := start(t, office)
			a, seq := l.tcp(t, instance)
			route := func() string { return l.run(t, instance, "ip", "route", "get", "203.0.113.10") }
			hides(t, route(), `mtu`)
			l.scapy(t, "rival", fmt.Sprintf("send(IP(dst='%s')/ICMP(type=3, code=4, nexthopmtu=1200)/IP(src='%s', dst='203.0.113.10', flags='DF')/TCP(sport=%d, dport=%d, seq=%d, flags='A'), verbose=0)",
				a.Addr(), a.Addr(), a.Port(), hostPort, seq))
			require.Eventually(t, func() bool { return strings.Contains(route(), " mtu 1200") }, time.Minute, 20*time.Millisecond, "%s", route())
		})
	}
}

// tcp opens a connection from an instance to peer, and returns the instance's end as peer sees it, and the sequence number
// that it sends next.
func (l lab) tcp(t testing.TB, from string) (public netip.AddrPort, seq int) {
	t.Helper()
	var listener net.Listener
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	l.inside(t, "peer", func() (err error) {
		listener, err = config.Listen(context.Background(), "tcp4", fmt.Sprintf(":%d", hostPort))
		return err
	})
	t.Cleanup(func() { listener.Close() })
	var conn net.Conn
	l.inside(t, from, func() (err error) { conn, err = net.Dial("tcp4", fmt.Sprintf("203.0.113.10:%d", hostPort)); return err })
	t.Cleanup(func() { conn.Close() })
	accepted, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { accepted.Close() })
	raw, err := conn.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { seq, err = nextSeq(int(fd)) }))
	require.NoError(t, err)
	return accepted.RemoteAddr().(*net.TCPAddr).AddrPort(), seq
}

// nextSeq asks the kernel for the sequence number of a connection by way of its interface for checkpoints (TCP_REPAIR).
func nextSeq(fd int) (int, error) {
	const sendQueue, offWithoutProbe = 2, -1
	err := errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR_QUEUE, sendQueue))
	seq, seqErr := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUEUE_SEQ)
	return int(uint32(seq)), errors.Join(err, seqErr, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_REPAIR, offWithoutProbe))
}
