package host

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/port"
)

// sysctl is a kernel parameter below /proc/sys/net, which shows the namespace of the thread that looks.
type sysctl struct {
	path   string
	values []string // the first that the kernel takes
}

// sysctls makes a new namespace the same on every machine, since the kernel copies many parameters from the machine's
// own. In order: forwarding first, as setting it resets others.
var sysctls = []sysctl{
	// A TAP in a namespace with IPv6 sends half a dozen frames on its own: Configure enables it where there are addresses. The
	// interfaces to come then have those, and a link-local one made of the MAC address, at once; no router tells them of others.
	{"ipv6/conf/all/disable_ipv6", []string{"1"}},
	{"ipv6/conf/default/disable_ipv6", []string{"1"}},
	{"ipv6/conf/default/addr_gen_mode", []string{"0"}},
	{"ipv6/conf/default/accept_dad", []string{"0"}},
	{"ipv6/conf/default/accept_ra", []string{"0"}},
	{"ipv6/conf/default/autoconf", []string{"0"}},
	{"ipv6/conf/default/accept_redirects", []string{"0"}},
	{"ipv4/ip_forward", []string{"0"}},
	// Filtering is the simulator's, by AWS's rules; a service edge answers from addresses its routes do not lead to.
	{"ipv4/conf/all/rp_filter", []string{"0"}},
	{"ipv4/conf/default/rp_filter", []string{"0"}},
	{"ipv4/conf/all/accept_redirects", []string{"0"}},
	{"ipv4/conf/default/accept_redirects", []string{"0"}},
	{"ipv4/ip_unprivileged_port_start", []string{"0"}},
	// Who may ping without privilege: everybody, or the one group that an ordinary user's namespace knows.
	{"ipv4/ping_group_range", []string{"0 2147483647", "0 0"}},
	// Amazon Linux has cubic; reno where the kernel does not let a namespace have it. Never the machine's choice.
	{"ipv4/tcp_congestion_control", []string{"cubic", "reno"}},
}

// setSysctls sets the parameters in the calling thread's network namespace.
func setSysctls() error {
	for _, s := range sysctls {
		if err := s.set(); err != nil {
			return err
		}
	}
	return nil
}

// ignorePings makes the calling thread's network namespace answer no echo request.
func ignorePings() error {
	return errors.Join(
		sysctl{"ipv4/icmp_echo_ignore_all", []string{"1"}}.set(),
		sysctl{"ipv6/icmp/echo_ignore_all", []string{"1"}}.set(), // Linux 4.20; older ones have no IPv6 that ignores
	)
}

func (s sysctl) set() error {
	var err error
	for _, value := range s.values {
		if err = writeFile("/proc/sys/net/"+s.path, value); err == nil {
			return nil
		}
	}
	switch {
	case errors.Is(err, unix.ENOENT) && s.path[:4] == "ipv6": // a kernel without IPv6 needs no switching off
		return nil
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES):
		return &port.Unsupported{Err: err,
			What: fmt.Sprintf("/proc/sys/net/%s cannot be written: %v", s.path, err),
			Cure: "run vpcsim outside this container, or start the container with --security-opt systempaths=unconfined"}
	}
	return fmt.Errorf("setting /proc/sys/net/%s to %q: %w", s.path, s.values, err)
}

// enableIPv6 enables IPv6 on an interface of the calling thread's network namespace.
func enableIPv6(name string) error {
	err := writeFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", "0")
	if errors.Is(err, unix.ENOENT) {
		return &port.Unsupported{Err: err, What: "this kernel has no IPv6", Cure: "start it without ipv6.disable=1, or leave IPv6 out of the topology"}
	}
	return err
}

// writeFile writes to a file that is there. Unlike os.WriteFile it does not involve the runtime's poller, which would be
// half the time a namespace takes.
func writeFile(path, text string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(text))
	return err
}
