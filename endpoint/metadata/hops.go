package metadata

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// How many hops an answer goes: one if it carries a token, which is AWS's default (Amazon EC2 User Guide, "Configure the Instance
// Metadata Service options").
const (
	usualHops = 64
	tokenHops = 1
)

// setHops decides how far what is written to a connection from now on may go: a token, or anything else. A connection that has
// ended may refuse.
func setHops(c net.Conn, isToken bool) {
	hops := usualHops
	if isToken {
		hops = tokenHops
	}
	sc, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, hops)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, hops) // of an IPv6 socket; others do not know it
	})
}
