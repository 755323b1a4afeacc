package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/port"
)

// hurdle is a switch by which a kernel or a distribution keeps processes from making namespaces.
type hurdle struct {
	errno      unix.Errno // what the attempt then gives
	file       string     // below /proc
	value      string     // the value that forbids
	what, cure string
}

// hurdles in the order in which they are met.
var hurdles = []hurdle{
	{unix.ENOSPC, "sys/user/max_user_namespaces", "0",
		"user namespaces are switched off (user.max_user_namespaces is 0)",
		"sudo sysctl -w user.max_user_namespaces=15000"},
	{unix.ENOSPC, "sys/user/max_net_namespaces", "0",
		"network namespaces are switched off (user.max_net_namespaces is 0)",
		"sudo sysctl -w user.max_net_namespaces=15000"},
	{unix.ENOSPC, "sys/user/max_mnt_namespaces", "0",
		"mount namespaces are switched off (user.max_mnt_namespaces is 0)",
		"sudo sysctl -w user.max_mnt_namespaces=15000"},
	{unix.ENOSPC, "sys/user/max_pid_namespaces", "0",
		"pid namespaces are switched off (user.max_pid_namespaces is 0)",
		"sudo sysctl -w user.max_pid_namespaces=15000"},
	{unix.EPERM, "sys/kernel/unprivileged_userns_clone", "0",
		"user namespaces are kept from ordinary users (kernel.unprivileged_userns_clone is 0)",
		"sudo sysctl -w kernel.unprivileged_userns_clone=1"},
	{unix.EPERM, "sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		"AppArmor takes the capabilities from ordinary users' namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)",
		"sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run vpcsim with sudo"},
}

// namespaceKinds, as /proc/self/ns names them, and the kernel's build option for each.
var namespaceKinds = [][2]string{{"user", "CONFIG_USER_NS"}, {"net", "CONFIG_NET_NS"}, {"pid", "CONFIG_PID_NS"}, {"mnt", "CONFIG_NAMESPACES"}}

// diagnose explains why making namespaces failed with err, from what the machine says of itself below proc ("/proc").
// What has nothing to do with permission or limits comes back as it is.
func diagnose(proc string, err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return err
	}
	u := &port.Unsupported{Err: err}
	switch errno {
	case unix.EINVAL, unix.ENOSYS:
		u.What, u.Cure = missingKind(proc, err)
	case unix.ENOSPC, unix.EUSERS:
		u.What, u.Cure = forbidden(proc, unix.ENOSPC,
			"a limit of namespaces is reached (user.max_*_namespaces), or they are nested 32 deep",
			"end programs that hold namespaces, or sudo sysctl -w user.max_net_namespaces=100000")
	case unix.EPERM, unix.EACCES:
		what, cure := fmt.Sprintf("namespaces cannot be made: %v", err), "run vpcsim with sudo; in a container, start it with --privileged"
		if filtered(proc) {
			what, cure = "namespaces cannot be made: a seccomp filter forbids it (a container's, most likely)", unconfinedContainer
		}
		u.What, u.Cure = forbidden(proc, unix.EPERM, what, cure)
	default:
		return err
	}
	return u
}

// unconfinedContainer is what a container runtime must be told for namespaces, /proc and TAPs inside.
const unconfinedContainer = "run vpcsim outside this container, or start the container with --security-opt seccomp=unconfined " +
	"--security-opt apparmor=unconfined --security-opt systempaths=unconfined --device /dev/net/tun"

// missingKind names the kind of namespace that this kernel does not have.
func missingKind(proc string, err error) (what, cure string) {
	for _, kind := range namespaceKinds {
		if _, statErr := os.Lstat(filepath.Join(proc, "self/ns", kind[0])); statErr != nil {
			return fmt.Sprintf("this kernel has no %s namespaces", kind[0]), "use a kernel built with " + kind[1]
		}
	}
	return fmt.Sprintf("namespaces cannot be made: %v", err), "use a kernel built with user, network, mount and pid namespaces"
}

// forbidden finds the switch that makes attempts end with errno; if there is none, it returns what and cure.
func forbidden(proc string, errno unix.Errno, what, cure string) (string, string) {
	for _, h := range hurdles {
		text, err := os.ReadFile(filepath.Join(proc, h.file))
		if err == nil && h.errno == errno && strings.TrimSpace(string(text)) == h.value {
			return h.what, h.cure
		}
	}
	return what, cure
}

// filtered reports whether a seccomp filter is on this process (proc(5), "Seccomp": 2 is SECCOMP_MODE_FILTER).
func filtered(proc string) bool {
	status, _ := os.ReadFile(filepath.Join(proc, "self/status"))
	return strings.Contains(string(status), "\nSeccomp:\t2\n")
}
