package control

import (
	"net"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/internal/nstest"
)

// TestWhoSendsSegmentsTooLargeForThePathLearnsOfIt: a kernel hands over a super-packet of UDP whose segments fit its own interface and not the path
// beyond. What is answered quotes a datagram that was never on a wire by itself; still the kernel finds its socket by it, also where a
// NAT gateway has to translate the quote.
func TestWhoSendsSegmentsTooLargeForThePathLearnsOfIt(t *testing.T) {
	nstest.RequireTAP(t)
	nstest.RequireIPv6(t)
	l := startText(t, everyPath, Options{})
	for _, row := range []struct{ name, from, to string }{
		{"through the internet gateway", "web", "203.0.113.10"},
		{"through the internet gateway, IPv6", "web", "2600:1f00::10"},
		{"through the NAT gateway", "app", "203.0.113.10"},
		{"through the egress-only internet gateway", "app", "2600:1f00::10"},
	} {
		t.Run(row.name, func(t *testing.T) {
			to := netip.MustParseAddr(row.to)
			var conn *net.UDPConn
			l.inside(t, row.from, func() error {
				c, err := net.Dial("udp", netip.AddrPortFrom(to, 9).String())
				if err == nil {
					conn = c.(*net.UDPConn)
				}
				return err
			})
			defer conn.Close()
			require.Equal(t, 9001, pathMTU(t, conn, to))
			data, control := noise(6000), segmentsOf(2000)
			require.Eventually(t, func() bool {
				_, _, _ = conn.WriteMsgUDP(data, control, nil) // fails when the answer is there
				return pathMTU(t, conn, to) == 1500
			}, patience, 10*time.Millisecond)
			_, _, err := conn.WriteMsgUDP(data, control, nil)
			require.Error(t, err, "the kernel cuts segments that it knows to be too large")
		})
	}
	c := l.router.Counters()
	require.NotZero(t, c.ICMPErrors)
}

// segmentsOf is the control message that has the kernel cut what is sent into datagrams of a size (udp(7), UDP_SEGMENT).
func segmentsOf(size uint16) []byte {
	control := make([]byte, unix.CmsgSpace(2))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
	header.Level, header.Type = unix.SOL_UDP, unix.UDP_SEGMENT
	header.SetLen(unix.CmsgLen(2))
	*(*uint16)(unsafe.Pointer(&control[unix.CmsgLen(0)])) = size
	return control
}

// pathMTU is what the kernel takes for the MTU of a connected socket's path.
func pathMTU(t *testing.T, conn *net.UDPConn, to netip.Addr) (mtu int) {
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	level, option := unix.IPPROTO_IP, unix.IP_MTU
	if to.Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU
	}
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) { mtu, failed = unix.GetsockoptInt(int(fd), level, option) }))
	require.NoError(t, failed)
	return mtu
}
