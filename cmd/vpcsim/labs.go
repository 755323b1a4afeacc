package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vpcsim/internal/control"
)

// A standing lab has a directory, which only its user may enter:
//
//	$XDG_RUNTIME_DIR/vpcsim/NAME/lock    held (flock) by every process of the lab; says which process that is (record)
//	                            /socket  the control socket
//	                            /log     what a lab in the background has to say
//
// The kernel lets go of the lock when the last process of the lab has ended, however that came about. So whoever gets the
// lock knows that no such lab runs, that what else lies there is a leftover, and that nobody else is about to change that.
// The lock file is removed last, and only by the one who holds it.

// place is where a lab of this user is, or was, or would be.
type place struct {
	name, dir string
}

func (p place) lock() string   { return filepath.Join(p.dir, "lock") }
func (p place) socket() string { return filepath.Join(p.dir, "socket") }
func (p place) log() string    { return filepath.Join(p.dir, "log") }

// record is what the lock file says.
type record struct {
	Pid          int       `json:"Pid"`          // its end is the end of the lab
	PidNamespace string    `json:"PidNamespace"` // in which Pid counts
	Started      time.Time `json:"Started"`
	File         string    `json:"File"` // the topology, as it was named
}

var labName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,62}$`)

// placeOf returns the place of the lab with the given name.
func placeOf(name string) (place, error) {
	if !labName.MatchString(name) {
		return place{}, usage("lab name %q: must be letters, digits and dashes, at most 63", name)
	}
	base, err := baseDir()
	return place{name: name, dir: filepath.Join(base, name)}, err
}

// baseDir returns the directory of this user's labs, which may not be there yet. One that is there must be nobody else's.
func baseDir() (string, error) {
	base := fmt.Sprintf("/tmp/vpcsim-%d", os.Getuid())
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); runtime != "" {
		base = filepath.Join(runtime, "vpcsim")
	} else if os.Getuid() == 0 {
		base = "/run/vpcsim"
	}
	fi, err := os.Lstat(base)
	if errors.Is(err, fs.ErrNotExist) {
		return base, nil
	}
	if err != nil {
		return "", fileError(err)
	}
	if stat := fi.Sys().(*syscall.Stat_t); !fi.IsDir() || int(stat.Uid) != os.Getuid() || fi.Mode().Perm()&0o077 != 0 {
		return "", usage("%s: must be a directory of uid %d that nobody else may enter (it is %s of uid %d); remove it, or set XDG_RUNTIME_DIR",
			base, os.Getuid(), fi.Mode(), stat.Uid)
	}
	return base, nil
}

// places returns the places that there are, running or not.
func places() ([]place, error) {
	base, err := baseDir()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError(err)
	}
	var all []place
	for _, e := range entries {
		if labName.MatchString(e.Name()) && e.IsDir() {
			all = append(all, place{name: e.Name(), dir: filepath.Join(base, e.Name())})
		}
	}
	return all, nil
}

// running returns this user's labs that run.
func running() ([]place, error) {
	all, err := places()
	var alive []place
	for _, p := range all {
		if p.occupied() {
			alive = append(alive, p)
		}
	}
	return alive, err
}

// occupied reports whether a lab holds the place.
func (p place) occupied() bool {
	f, err := os.Open(p.lock())
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}

// take makes the place ours: its directory and its lock, which is ours until the returned file and all its duplicates are
// closed. What an earlier lab left is removed. wait makes it wait for a lab that is ending; without, a running lab is an
// error.
func (p place) take(wait bool) (*os.File, error) {
	how := unix.LOCK_EX
	if !wait {
		how |= unix.LOCK_NB
	}
	for {
		f, err := p.openLock()
		if errors.Is(err, fs.ErrNotExist) {
			continue // a lab that ended took its directory along just now
		}
		if err != nil {
			return nil, fileError(err)
		}
		switch err := unix.Flock(int(f.Fd()), how); {
		case err == unix.EWOULDBLOCK:
			defer f.Close()
			return nil, p.occupiedError(f)
		case err == unix.EINTR:
		case err != nil:
			return nil, errors.Join(fmt.Errorf("%s: %w", p.lock(), err), f.Close())
		case p.isLock(f):
			return f, errors.Join(ignoreMissing(os.Remove(p.socket())), ignoreMissing(os.Remove(p.log())))
		}
		_ = f.Close() // it was removed, and perhaps made anew, between opening and locking
	}
}

// openLock opens the lock file, making it and its directories.
func (p place) openLock() (*os.File, error) {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(p.lock(), os.O_RDWR|os.O_CREATE, 0o600)
}

// isLock reports whether f is what the lock's name leads to.
func (p place) isLock(f *os.File) bool {
	named, err := os.Stat(p.lock())
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(named, opened)
}

// clear removes the place, if the lock that the caller holds is still its lock: else it is another's by now, or nobody's. Once the
// lock file has gone the place is anybody's who makes a new one, so the directories go only if they are empty.
func (p place) clear(lock *os.File) error {
	if !p.isLock(lock) {
		return nil
	}
	err := errors.Join(ignoreMissing(os.Remove(p.socket())), ignoreMissing(os.Remove(p.log())), ignoreMissing(os.Remove(p.lock())))
	_ = os.Remove(p.dir)
	_ = os.Remove(filepath.Dir(p.dir))
	return err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// write says in the lock file who holds the lock.
func (r record) write(lock *os.File) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err = lock.WriteAt(append(text, '\n'), 0)
	return err
}

// readRecord reads what the lock file says; the zero record if it says nothing yet.
func readRecord(lock io.ReaderAt) (r record) {
	text, _ := io.ReadAll(io.NewSectionReader(lock, 0, 1<<16))
	_ = json.Unmarshal(text, &r)
	return r
}

func pidNamespace() string {
	name, _ := os.Readlink("/proc/self/ns/pid")
	return name
}

func (p place) occupiedError(lock io.ReaderAt) error {
	r := readRecord(lock)
	if r.Pid == 0 {
		return usage("lab %s is just starting or ending; try again", p.name)
	}
	return usage("lab %s is running already: process %d, up for %s, from %s; end it with: vpcsim down -n %s",
		p.name, r.Pid, time.Since(r.Started).Round(time.Second), r.File, p.name)
}

// client returns the way to the lab with the given name, or to the only one that runs.
func (a *app) client(name string) (control.Client, error) {
	p, err := a.lab(name)
	return control.Client{Socket: p.socket()}, err
}

// lab finds the running lab with the given name, or the only one.
func (a *app) lab(name string) (place, error) {
	all, err := running()
	if err != nil {
		return place{}, err
	}
	var names []string
	for _, p := range all {
		if p.name == name || name == "" && len(all) == 1 {
			a.detail("in lab %s", p.name)
			return p, nil
		}
		names = append(names, p.name)
	}
	switch {
	case len(all) == 0:
		return place{}, usage("no lab is running; start one with: vpcsim up -d FILE")
	case name == "":
		return place{}, usage("several labs are running; choose one with -n: %s", strings.Join(names, ", "))
	}
	return place{}, usage("no lab %q is running; running: %s", name, strings.Join(names, ", "))
}

// labFlag adds -n.
func labFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVarP(name, "name", "n", "", "the lab (default: the only one that runs)")
	_ = cmd.RegisterFlagCompletionFunc("name", func(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
		all, _ := running()
		for _, p := range all {
			names = append(names, p.name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}
