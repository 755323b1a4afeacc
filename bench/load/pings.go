package load

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Of ICMP echo (RFC 792).
const (
	echoRequest = 8
	echoReply   = 0
	echoLength  = 16
)

// pings asks everybody once, several at a time, and those that did not answer once more. Result.Lost is who did not answer then either.
func pings(s Spec) (Result, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return Result{}, err
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(s.Lasting.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return Result{}, err
	}
	answered := make([]bool, len(s.Targets))
	began := time.Now()
	for range 2 {
		if err := pingAll(fd, s.Targets, max(1, s.Streams), answered); err != nil {
			return Result{}, err
		}
	}
	result := Result{Took: time.Since(began)}
	for _, a := range answered {
		if a {
			result.Count++
		} else {
			result.Lost++
		}
	}
	return result, nil
}

// pingAll pings those that have not answered, and notes who does. When for a while nobody answers, who was asked is given up.
func pingAll(fd int, targets []netip.Addr, atOnce int, answered []bool) error {
	pending := 0
	for i, to := range targets {
		if answered[i] {
			continue
		}
		request := make([]byte, echoLength)
		request[0] = echoRequest
		binary.BigEndian.PutUint16(request[6:], uint16(i)) // the sequence number; identifier and checksum are the kernel's business
		err := again(func() error { return unix.Sendto(fd, request, 0, &unix.SockaddrInet4{Addr: to.As4()}) })
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EHOSTUNREACH) {
			return err
		}
		for pending++; pending >= atOnce; {
			if err := pong(fd, answered, &pending); err != nil {
				return err
			}
		}
	}
	for pending > 0 {
		if err := pong(fd, answered, &pending); err != nil {
			return err
		}
	}
	return nil
}

// pong reads an answer, or finds that there is none for nobody that is waited for.
func pong(fd int, answered []bool, pending *int) error {
	buf := make([]byte, 256)
	n, err := read(fd, buf)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EHOSTUNREACH):
		*pending = 0
		return nil
	case err != nil:
		return err
	}
	if i := int(binary.BigEndian.Uint16(buf[6:])); n == echoLength && buf[0] == echoReply && i < len(answered) && !answered[i] {
		answered[i] = true
		*pending = max(0, *pending-1)
	}
	return nil
}

// pingable says what is wrong with targets.
func pingable(targets []netip.Addr) error {
	if len(targets) == 0 || len(targets) > 1<<16 || slices.ContainsFunc(targets, func(a netip.Addr) bool { return !a.Is4() }) {
		return errors.New("targets must be 1 to 65536 IPv4 addresses")
	}
	return nil
}
