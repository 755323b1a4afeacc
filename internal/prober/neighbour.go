package prober

import (
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Neighbour is somebody on a link of the instance.
type Neighbour struct {
	Address netip.Addr `json:"address"` // IPv4
	MAC     string     `json:"mac"`
	Device  string     `json:"device"`
}

// arpRequest is struct arpreq of the kernel (arp(7)).
type arpRequest struct {
	family   uint16
	port     uint16
	address  [4]byte
	_        [8]byte
	hardware uint16
	mac      [14]byte
	flags    int32
	_        [16]byte // netmask
	device   [unix.IFNAMSIZ]byte
}

const (
	arpComplete  = 0x02 // ATF_COM
	arpPermanent = 0x04 // ATF_PERM
)

// know makes neighbours known to the kernel as they are. The kernel has one table for the neighbours of all namespaces and keeps a
// thousand of those that it asked for itself, but any number that it was told of. forget takes them back.
func know(all []Neighbour) (forget func(), err error) {
	var known []arpRequest
	forget = func() {
		for _, r := range known {
			_ = r.ioctl(unix.SIOCDARP) // fails only if somebody else has done it
		}
	}
	for _, n := range all {
		mac, err := net.ParseMAC(n.MAC)
		if err != nil || !n.Address.Is4() {
			return forget, fmt.Errorf("neighbour %s: its MAC address is %q: %w", n.Address, n.MAC, err)
		}
		r := arpRequest{family: unix.AF_INET, address: n.Address.As4(), hardware: unix.ARPHRD_ETHER, flags: arpComplete | arpPermanent}
		copy(r.mac[:], mac)
		copy(r.device[:unix.IFNAMSIZ-1], n.Device)
		if err := r.ioctl(unix.SIOCSARP); err != nil {
			return forget, fmt.Errorf("neighbour %s: %w", n.Address, err)
		}
		known = append(known, r)
	}
	return forget, nil
}

func (r *arpRequest) ioctl(request uintptr) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), request, uintptr(unsafe.Pointer(r))); errno != 0 {
		return errno
	}
	return nil
}
