// Package host gives instances a place to live on this Linux machine: anonymous network namespaces, configured over
// netlink; processes inside them; and confinement, by which the whole program owns all of it in namespaces of its own
// (rootless for an ordinary user), so that nothing of it is visible outside and nothing survives it.
//
//	P0  what the user started: forwards signals, waits, hands the exit status on          Confine
//	└─ init  PID 1 of the new pid namespace: reaps, passes signals on                     Init
//	   └─ P2  the command itself, root inside; makes instance namespaces, TAPs, processes PrivateMounts, NewNamespace, …
//
// The program's main begins, before all else:
//
//	if host.IsInit() {
//		host.Init() // does not return
//	}
//
// and where the command at hand needs namespaces:
//
//	if !host.Confined() {
//		code, err := host.Confine(host.Options{}) // runs this very command again, confined
//		if err != nil { … } // a *port.Unsupported: exit with 3
//		os.Exit(code)
//	}
//	warnings, err := host.PrivateMounts()
package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is an anonymous network namespace, held by a file descriptor only: the kernel frees it with everything in it
// once that is closed and the last process and port in it are gone. Any goroutine may use it.
type Namespace struct {
	file *os.File
}

// threadNetns is the network namespace of the thread that opens it.
const threadNetns = "/proc/thread-self/ns/net"

var errGoexit = errors.New("host: the function did not return")

// NewNamespace makes a network namespace and sets its kernel parameters as an instance needs them (see sysctls), before
// any interface is there. If the machine does not permit it, the error is a *port.Unsupported.
func NewNamespace() (*Namespace, error) {
	ns := &Namespace{}
	err := onThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return diagnose("/proc", err)
		}
		if err := setSysctls(); err != nil {
			return err
		}
		ns.file, err = os.Open(threadNetns)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("new network namespace: %w", err)
	}
	return ns, nil
}

// Do runs f in the namespace, on another goroutine whose thread it has to itself, and returns f's error. Sockets and
// devices that f opens, and processes it starts, belong to the namespace; goroutines that f starts do not. If f ends its
// goroutine (t.FailNow), Do returns an error.
func (ns *Namespace) Do(f func() error) error {
	defer runtime.KeepAlive(ns) // its descriptor must stay open
	return onThread(func() error {
		if err := unix.Setns(int(ns.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering a network namespace: %w", err)
		}
		return f()
	})
}

// Start starts cmd inside the namespace and, unless m is nil, in a mount namespace of [NewMounts]. All else about the process is
// cmd's own business, waiting for it included. Cmd cannot ask for a parent-death signal: that would come with the end of a thread
// which means nothing to the caller.
func (ns *Namespace) Start(cmd *exec.Cmd, m *Mounts) (err error) {
	defer runtime.KeepAlive(ns)
	if m == nil {
		return ns.Do(cmd.Start)
	}
	if cmd.Dir == "" { // who enters a mount namespace is at its root
		if cmd.Dir, err = os.Getwd(); err != nil {
			return err
		}
	}
	defer runtime.KeepAlive(m)
	return onLostThread(func() error {
		if err := m.enter(); err != nil {
			return err
		}
		if err := unix.Setns(int(ns.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering a network namespace: %w", err)
		}
		return cmd.Start()
	})
}

// Close lets go of the namespace.
func (ns *Namespace) Close() error { return ns.file.Close() }

// onThread runs f on a thread of its own and then brings that thread back to the network namespace it came from. A thread
// that cannot come back is never used again: its goroutine ends while locked to it, and the runtime ends the thread.
func onThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() { done <- err }()
		runtime.LockOSThread()
		origin, openErr := os.Open(threadNetns)
		if openErr != nil {
			err = openErr
			return
		}
		defer func() {
			if unix.Setns(int(origin.Fd()), unix.CLONE_NEWNET) == nil {
				runtime.UnlockOSThread()
			}
			_ = origin.Close()
		}()
		err = f()
	}()
	return <-done
}
