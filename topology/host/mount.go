package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// scratchDirs are directories that the file system standard (FHS 3.0) promises and that the program keeps nothing in: on
// the first that is there BindFile mounts for a moment.
var scratchDirs = []string{"/srv", "/media", "/mnt", "/tmp"}

// PrivateMounts makes the confined mount namespace the program's own: nothing mounted from now on shows outside. It also
// mounts a /proc that shows the confined processes only. Some containers forbid that; it is a warning then, and all works
// but for tools that look for processes by number. To be called first thing in the confined process.
func PrivateMounts() (warnings []string, err error) {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, diagnose("/proc", fmt.Errorf("making the mounts private: %w", err))
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		warnings = append(warnings, fmt.Sprintf("/proc still shows the processes outside: mounting a new one: %v", err))
	}
	return warnings, nil
}

// BindFile makes path, which must be there, show content instead of what it holds, for this mount namespace only; only
// after PrivateMounts. The content lives in memory that goes with the namespace: no file is left anywhere, however the
// program ends. Instances see it, as they share the mount namespace.
func BindFile(path string, content []byte) error {
	dir, err := scratchDir()
	if err != nil {
		return fmt.Errorf("replacing %s: %w", path, err)
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("vpcsim", dir, "tmpfs", flags, "size=1m,mode=0755"); err != nil {
		return fmt.Errorf("replacing %s: tmpfs on %s: %w", path, dir, err)
	}
	file := filepath.Join(dir, filepath.Base(path))
	err = os.WriteFile(file, content, 0o644)
	if err == nil {
		err = unix.Mount(file, path, "", unix.MS_BIND, "")
	}
	// The bound file keeps its file system; only the way to the rest of it goes.
	if err := errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH)); err != nil {
		return fmt.Errorf("replacing %s: %w", path, err)
	}
	return nil
}

func scratchDir() (string, error) {
	for _, dir := range scratchDirs {
		if fi, err := os.Lstat(dir); err == nil && fi.IsDir() {
			return dir, nil
		}
	}
	return "", fmt.Errorf("none of the directories %q is there to mount on", scratchDirs)
}
