package host

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Confinement. Confine runs this program again, with the same arguments, in new network, mount and pid namespaces; for
// who may not make those, in a user namespace too, as its root. Two processes come of it: init and below it the command.
// When init dies the kernel kills all others of the pid namespace, and namespaces that no process holds are freed. Init
// dies with P0, for two reasons: the kernel's parent-death signal, which is lost if P0 dies before it is asked for; and
// the lifeline, a pipe whose other end only P0 has.
//
// The environment variable stageVariable tells a process which of the three it is. A process counts itself as init or
// confined only if its place in the pid namespace fits, too: the variable is inherited by whatever runs in instances.

const (
	stageVariable = "VPCSIM_STAGE"
	stageAttached = "init"     // followed by the number of extra files; the lifeline is the file after them
	stageDetached = "detached" // the same without a lifeline
	stageProbe    = "probe"    // see Checks
	stageConfined = "confined"
)

// Options say how to run the confined program. The zero value means: as this process.
type Options struct {
	Args                  []string   // without the program's name; nil: those of this process
	Env                   []string   // added to this process's environment, "KEY=value"
	Stdin, Stdout, Stderr *os.File   // nil: this process's own for Confine, the null device for Detach
	ExtraFiles            []*os.File // file i becomes descriptor 3+i of the confined program
}

// Confined reports whether this process is the confined program, run by Init.
func Confined() bool { return os.Getppid() == 1 && os.Getenv(stageVariable) == stageConfined }

// Confine runs this program again, confined, and returns its exit code when it has ended: 128 + n if signal n ended it.
// It returns an error if the program could not be started; that is a *port.Unsupported if the machine does not permit it.
// Meanwhile it passes SIGHUP, SIGINT, SIGQUIT and SIGTERM on. If this process dies, so does all that is confined.
func Confine(opts Options) (exitCode int, err error) {
	// The parent-death signal comes when the thread that forked dies, so that thread must stay.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	far, near, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("pipe to the confined program: %w", err)
	}
	defer near.Close()
	cmd := command(opts, fmt.Sprint(stageAttached, " ", len(opts.ExtraFiles)))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = orElse(opts.Stdin, os.Stdin), orElse(opts.Stdout, os.Stdout), orElse(opts.Stderr, os.Stderr)
	cmd.ExtraFiles = append(cmd.ExtraFiles, far)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	signals, stop := catch()
	defer stop()
	err = start(cmd)
	_ = far.Close()
	if err != nil {
		return 0, err
	}
	go forward(signals, cmd.Process)
	if err = cmd.Wait(); err != nil && cmd.ProcessState == nil {
		return 0, fmt.Errorf("waiting for the confined program: %w", err)
	}
	return exitStatus(cmd.ProcessState.Sys().(syscall.WaitStatus)), nil
}

// Detach starts this program again, confined, in a session of its own, and returns its init. It lives on when this
// process ends; killing init ends all of it, and the signals that Confine forwards reach the program through init.
func Detach(opts Options) (*os.Process, error) {
	cmd := command(opts, fmt.Sprint(stageDetached, " ", len(opts.ExtraFiles)))
	// Not to be assigned if nil: a nil file in an interface is no nil interface.
	if opts.Stdin != nil {
		cmd.Stdin = opts.Stdin
	}
	if opts.Stdout != nil {
		cmd.Stdout = opts.Stdout
	}
	if opts.Stderr != nil {
		cmd.Stderr = opts.Stderr
	}
	cmd.SysProcAttr.Setsid = true
	if err := start(cmd); err != nil {
		return nil, err
	}
	return cmd.Process, nil
}

// command is this program in new namespaces, at the given stage.
func command(opts Options, stage string) *exec.Cmd {
	args := opts.Args
	if args == nil {
		args = os.Args[1:]
	}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = slices.Concat(os.Environ(), opts.Env, []string{stageVariable + "=" + stage})
	cmd.ExtraFiles = slices.Clone(opts.ExtraFiles)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID}
	if !privileged() {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// start starts init.
func start(cmd *exec.Cmd) error {
	if err := withBlocked(carriers(), cmd.Start); err != nil {
		return diagnose("/proc", err)
	}
	return nil
}

// privileged reports whether namespaces can be made without a user namespace: with CAP_SYS_ADMIN (capabilities(7)).
func privileged() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// exitStatus is how a shell puts the end of a process into one number.
func exitStatus(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

func orElse(f, other *os.File) *os.File {
	if f == nil {
		return other
	}
	return f
}
