package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/port"
	"vpcsim/dataplane/port/tap"
)

// Check is one thing the machine must, or should, be able to do.
type Check struct {
	Name   string // "user namespaces"
	OK     bool
	Detail string // what was found
	Cure   string // what to do about it if not OK
}

// What an instance takes of the machine, and the least that makes a lab of some size.
const (
	filesPerInstance = 2 // namespace and TAP
	filesWanted      = 4096
)

// Checks tries on this machine what the simulator needs of it. Nothing is left of it. It runs this program again, as
// PID 1 of new namespaces: main must call IsInit and Init (see the package's doc).
func Checks() []Check {
	return append([]Check{checkKernel(), checkFiles(), checkNeighbours()}, checkConfined()...)
}

// checked makes a Check of what trying gave. A *port.Unsupported brings its cure along.
func checked(name, found string, err error) Check {
	c := Check{Name: name, OK: err == nil, Detail: found}
	if err == nil {
		return c
	}
	c.Detail, c.Cure = err.Error(), "run vpcsim with sudo; in a container, start it with --privileged"
	if u, ok := errors.AsType[*port.Unsupported](err); ok {
		c.Detail, c.Cure = u.What, u.Cure
	}
	return c
}

// checkKernel wants Linux 4.17, the first whose routing rules know ports (see quiet). Low ports can be freed since 4.11
// (ip_unprivileged_port_start).
func checkKernel() Check {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return checked("kernel", "", err)
	}
	release := unix.ByteSliceToString(uts.Release[:])
	var major, minor int
	_, err := fmt.Sscanf(release, "%d.%d", &major, &minor)
	if err == nil && (major < 4 || major == 4 && minor < 17) {
		err = &port.Unsupported{What: "Linux " + release + " is older than 4.17", Cure: "use a newer kernel"}
	}
	return checked("kernel", "Linux "+release, err)
}

// checkFiles looks at the hard limit: Go programs raise the soft one to it by themselves.
func checkFiles() Check {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	found := fmt.Sprintf("%d, enough for some %d instances", limit.Max, limit.Max/filesPerInstance)
	if limit.Max == unix.RLIM_INFINITY {
		found = "unlimited"
	}
	if err == nil && limit.Max < filesWanted {
		err = &port.Unsupported{What: found, Cure: fmt.Sprintf("raise the hard limit to %d: ulimit -Hn, /etc/security/limits.conf, or LimitNOFILE= of the service", filesWanted)}
	}
	return checked("open files", found, err)
}

// neighbourLimit is how many neighbours all network namespaces of the machine together may know: their kernels share one table
// (arp(7), gc_thresh3). Each instance takes a place in it for each other one of its subnet that it talks to; its router takes none (Interface.RouterMAC).
const neighbourLimit = "/proc/sys/net/ipv4/neigh/default/gc_thresh3"

// NeighbourLimit returns how many neighbours there may be in the table that the kernels of all instances share. Only a process in the machine's
// own network namespace can see it. When it is full, packets are lost until neighbours make room that have not been heard of for up to 45 seconds.
func NeighbourLimit() (int, error) {
	text, err := os.ReadFile(neighbourLimit)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// RaiseNeighbours is the command that makes room for so many neighbours, and then some.
func RaiseNeighbours(wanted int) string {
	return fmt.Sprintf("sudo sysctl net.ipv4.neigh.default.gc_thresh3=%d", max(4*filesWanted, 2*wanted))
}

// checkNeighbours tells how many instances of a subnet may talk to each other before packets are lost for want of a place in that table, of
// which nobody is told but the kernel's log. Smaller labs don't mind, so it is no failure.
func checkNeighbours() Check {
	limit, err := NeighbourLimit()
	if err != nil { // not in the machine's own network namespace
		return Check{Name: "neighbour table", OK: true, Detail: "its size can't be seen from here"}
	}
	all := 1
	for all*(all+1) <= limit {
		all++
	}
	found := fmt.Sprintf("%d places, enough for %d instances of one subnet that all talk to each other", limit, all)
	if limit < filesWanted/filesPerInstance {
		found += ": for more, " + RaiseNeighbours(0)
	}
	return Check{Name: "neighbour table", OK: true, Detail: found}
}

// checkConfined runs probe in new namespaces. If those cannot be had there is nothing to say of what needs them.
func checkConfined() []Check {
	kinds := "network, mount and pid namespaces as root"
	if !privileged() {
		kinds = fmt.Sprintf("user, network, mount and pid namespaces for uid %d", os.Getuid())
	}
	cmd := command(Options{Args: []string{}}, stageProbe)
	out, err := cmd.Output()
	if cmd.Process == nil {
		return []Check{checked("namespaces", "", diagnose("/proc", err))}
	}
	var checks []Check
	if err == nil {
		err = json.Unmarshal(out, &checks)
	}
	return append([]Check{checked("namespaces", kinds, err)}, checks...)
}

// probe is the part of Checks that runs as PID 1 in new namespaces. It writes its checks to standard output and exits.
func probe() {
	warnings, err := PrivateMounts()
	found := strings.Join(append(warnings, "enough for the simulator"), "; ")
	if len(warnings) == 0 {
		found = "shows the confined processes only"
	}
	checks := []Check{checked("/proc", found, err)}
	offload, err := TryTAP()
	checks = append(checks, checked("TAP device", "/dev/net/tun opens and gives a TAP", err))
	if err == nil {
		checks = append(checks, checkOffload(offload), checkRing(), checkPrecedence())
	}
	if err := json.NewEncoder(os.Stdout).Encode(checks); err != nil {
		fail(err)
	}
	os.Exit(0)
}

// checkOffload tells what TAPs take whole. All works without, and more slowly.
func checkOffload(o tap.Offload) Check {
	found := o.String()
	switch {
	case o&tap.TCPSegments == 0:
		found += ": TCP crosses the router segment by segment, several times slower"
	case o&tap.UDPSegments == 0:
		found += ": UDP segmentation needs Linux 6.2, and programs that use it send datagram by datagram"
	}
	return Check{Name: "TAP offload", OK: true, Detail: found}
}

// checkRing tells how TAPs are read and written. All works without io_uring, and more slowly.
func checkRing() Check {
	found := "packets are read and written in batches"
	if err := tap.TryRing(); err != nil {
		found = err.Error() + ": packets are read and written one by one"
	}
	return Check{Name: "io_uring", OK: true, Detail: found}
}

// checkPrecedence never fails: all works without precedence.
func checkPrecedence() Check {
	return Check{Name: "precedence", OK: true, Detail: Precedence()}
}

// Precedence says whether the router's threads go before instances' programs in this process, and what it means if they don't.
func Precedence() string {
	if err := tap.TryPrecedence(); err != nil {
		return err.Error() + ": the router waits for a processor like instances' programs, and is slower when they need all"
	}
	return "the router goes before instances' programs"
}

// TryTAP makes a network namespace with a TAP in it, and lets go of both: whether this process, as it runs now, can have
// instances, and what their kernel leaves to the router. If the machine does not permit it, the error is a *port.Unsupported.
func TryTAP() (offload tap.Offload, err error) {
	ns, err := NewNamespace()
	if err != nil {
		return 0, err
	}
	defer ns.Close()
	err = ns.Do(func() error {
		p, err := tap.Open(tap.Config{
			Name: "eth0", MTU: 1500, MAC: [6]byte{2, 0, 0, 0, 0, 1},
			Neighbour: func(netip.Addr) (mac [6]byte, ok bool) { return mac, false },
		})
		if err != nil {
			return err
		}
		offload = p.Offload()
		return p.Close()
	})
	return offload, err
}
