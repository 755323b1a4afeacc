package tap_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/topology/host"
)

// rawSocket sends whole frames out of the guest's eth0.
func rawSocket(t testing.TB, ns *host.Namespace) (send func(frame []byte) error) {
	t.Helper()
	return writer(packetSocket(t, ns))
}

// vnetSocket is rawSocket for frames with a virtio header before each.
func vnetSocket(t testing.TB, ns *host.Namespace) (send func(frame []byte) error) {
	t.Helper()
	s := packetSocket(t, ns)
	require.NoError(t, unix.SetsockoptInt(s, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1))
	return writer(s)
}

func writer(s int) func(b []byte) error {
	return func(b []byte) error {
		_, err := unix.Write(s, b)
		return err
	}
}

func packetSocket(t testing.TB, ns *host.Namespace) (s int) {
	t.Helper()
	var index int
	require.NoError(t, ns.Do(func() (err error) {
		ifc, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		index = ifc.Index
		s, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	t.Cleanup(func() { _ = unix.Close(s) })
	require.NoError(t, unix.Bind(s, &unix.SockaddrLinklayer{Ifindex: index, Protocol: 0}))
	return s
}
