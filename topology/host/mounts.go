package host

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// Mounts is a mount namespace in which some files hold something else than in the program's own; all others are the same. It is held
// by a file descriptor only: the kernel frees it once that is closed and the last process in it is gone.
type Mounts struct {
	file *os.File
}

// threadMounts is the mount namespace of the thread that opens it.
const threadMounts = "/proc/thread-self/ns/mnt"

// NewMounts makes a mount namespace in which files, by their paths, which must be there, have the given contents (see [BindFile]).
// Only after PrivateMounts.
func NewMounts(files map[string][]byte) (*Mounts, error) {
	m := &Mounts{}
	err := onLostThread(func() (err error) {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return diagnose("/proc", err)
		}
		for _, path := range slices.Sorted(maps.Keys(files)) {
			if err := BindFile(path, files[path]); err != nil {
				return err
			}
		}
		m.file, err = os.Open(threadMounts)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("new mount namespace: %w", err)
	}
	return m, nil
}

// Close lets go of the mount namespace.
func (m *Mounts) Close() error { return m.file.Close() }

// enter makes the calling thread's file system that of m. There is no way back: threads of a process share where in the file system
// they are, and one that does not cannot be made to again.
func (m *Mounts) enter() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	if err := unix.Setns(int(m.file.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("entering a mount namespace: %w", err)
	}
	return nil
}

// onLostThread runs f on a thread of its own, which ends with it. The process's first thread cannot end, and is left in peace.
func onLostThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() { done <- err }()
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			err = onLostThread(f) // on another, as this one is taken
			return
		}
		err = f()
	}()
	return <-done
}
