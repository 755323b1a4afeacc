package tap

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/port"
)

const devicePath = "/dev/net/tun"

// ifreq is the kernel's struct ifreq: a name and a union, of which flags, an int and a sockaddr are used here.
type ifreq struct {
	name  [unix.IFNAMSIZ]byte
	union [24]byte
}

func newIfreq(name string) *ifreq {
	r := &ifreq{}
	copy(r.name[:unix.IFNAMSIZ-1], name)
	return r
}

func (r *ifreq) ioctl(fd int, request uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(r))); errno != 0 {
		return errno
	}
	return nil
}

// attach returns a non-blocking descriptor of the TAP called name in the calling thread's network namespace, which is
// made if it is not there.
func attach(name string) (int, error) {
	fd, err := unix.Open(devicePath, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, openError(err)
	}
	r := newIfreq(name)
	*(*uint16)(unsafe.Pointer(&r.union)) = unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR
	if err := r.ioctl(fd, unix.TUNSETIFF); err != nil {
		_ = unix.Close(fd)
		return -1, attachError(name, err)
	}
	return fd, nil
}

// setMAC sets the device's own address, which is the guest's. The TAP takes it through its descriptor.
func setMAC(fd int, name string, mac [6]byte) error {
	r := newIfreq(name)
	*(*uint16)(unsafe.Pointer(&r.union)) = unix.ARPHRD_ETHER
	copy(r.union[2:8], mac[:])
	if err := r.ioctl(fd, unix.SIOCSIFHWADDR); err != nil {
		return fmt.Errorf("tap %s: setting MAC address %x: %w", name, mac, err)
	}
	return nil
}

// setMTU needs a socket: the TAP's descriptor takes no such request.
func setMTU(name string, mtu int) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("tap %s: setting MTU %d: %w", name, mtu, err)
	}
	defer unix.Close(s)
	r := newIfreq(name)
	*(*int32)(unsafe.Pointer(&r.union)) = int32(mtu)
	if err := r.ioctl(s, unix.SIOCSIFMTU); err != nil {
		return fmt.Errorf("tap %s: setting MTU %d: %w", name, mtu, err)
	}
	return nil
}

// openError explains why the TUN device cannot be opened.
func openError(err error) error {
	u := &port.Unsupported{Err: err, Cure: "sudo modprobe tun; in a container, start it with --device " + devicePath}
	switch {
	case errors.Is(err, unix.ENOENT):
		u.What = devicePath + " does not exist"
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		u.What = devicePath + " has no driver behind it in this kernel"
	case errors.Is(err, unix.EPERM):
		u.What = devicePath + " is forbidden to this container (its device cgroup)"
		u.Cure = "start the container with --device " + devicePath
	case errors.Is(err, unix.EACCES):
		u.What, u.Cure = accessDenied()
	default:
		u.What = fmt.Sprintf("%s cannot be opened: %v", devicePath, err)
	}
	return u
}

// accessDenied tells a device whose mode refuses us from one on a file system that has no devices at all.
func accessDenied() (what, cure string) {
	var st unix.Stat_t
	uid := outerUID(os.Getuid())
	if err := unix.Stat(devicePath, &st); err != nil {
		return fmt.Sprintf("%s cannot be reached by uid %d: %v", devicePath, uid, err), "sudo chmod 0755 /dev /dev/net"
	}
	if st.Mode&0o006 == 0o006 {
		return fmt.Sprintf("%s cannot be opened by uid %d though its mode is %04o: its file system is mounted nodev, or a security module forbids it",
			devicePath, uid, st.Mode&0o777), "run vpcsim outside this container, or start the container with --device " + devicePath
	}
	return fmt.Sprintf("%s cannot be opened by uid %d (mode %04o, owner %s)", devicePath, uid, st.Mode&0o777, owner(st.Uid)),
		"sudo chmod 0666 " + devicePath
}

// outerUID is uid as the user knows it, outside the user namespace we may be in (user_namespaces(7), "uid_map").
func outerUID(uid int) int {
	text, _ := os.ReadFile("/proc/self/uid_map")
	for line := range strings.Lines(string(text)) {
		var inside, outside, n int
		if _, err := fmt.Sscan(line, &inside, &outside, &n); err == nil && uid >= inside && uid-inside < n {
			return outside + uid - inside
		}
	}
	return uid
}

// owner names the device's owner. In a user namespace that does not map it, it shows as the overflow uid.
func owner(uid uint32) string {
	switch uid {
	case 0:
		return "root"
	case 65534:
		return "another user"
	}
	return fmt.Sprint("uid ", uid)
}

// attachError explains why a TAP called name cannot be had in this namespace.
func attachError(name string, err error) error {
	u := &port.Unsupported{Err: err}
	switch {
	case errors.Is(err, unix.EPERM):
		u.What = fmt.Sprintf("TAP %s cannot be made: no CAP_NET_ADMIN over this network namespace", name)
		u.Cure = "run vpcsim in namespaces of its own (see vpcsim doctor), or as root"
	case errors.Is(err, unix.EBUSY):
		u.What = fmt.Sprintf("network interface %s is in use: another process, or another port, holds it in this namespace", name)
		u.Cure = "close the one that holds it, or choose another name"
	case errors.Is(err, unix.EINVAL):
		u.What = fmt.Sprintf("TAP %s cannot be made: a network interface of that name is there and is no TAP", name)
		u.Cure = "choose another name"
	default:
		u.What = fmt.Sprintf("TAP %s cannot be made: %v", name, err)
		u.Cure = "sudo modprobe tun, and see the kernel's log"
	}
	return u
}
