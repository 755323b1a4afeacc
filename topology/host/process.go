package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// IsInit reports whether this process is PID 1 of a pid namespace that Confine, Detach or Checks made. Such a process
// must call Init and do nothing else.
func IsInit() bool {
	stage, _, _ := strings.Cut(os.Getenv(stageVariable), " ")
	return os.Getpid() == 1 && (stage == stageAttached || stage == stageDetached || stage == stageProbe)
}

// Init is the life of PID 1: it starts the confined program, passes signals on to it, reaps whatever processes are left to
// it, and exits with the program's status, upon which the kernel ends all other processes of the namespace. It does not
// return.
func Init() {
	stage, n, _ := strings.Cut(os.Getenv(stageVariable), " ")
	if stage == stageProbe {
		probe()
	}
	extra, err := strconv.Atoi(n)
	if err != nil {
		fail(fmt.Errorf("%s=%q: no number of files: %w", stageVariable, n, err))
	}
	attached := stage == stageAttached
	if attached {
		unix.CloseOnExec(3 + extra)
		go watch(os.NewFile(uintptr(3+extra), "lifeline"))
	}
	signals := takeSignals()
	child, err := startConfined(extra)
	if err != nil {
		fail(err)
	}
	go passSignals(signals, child, attached)
	reap(child)
}

// startConfined starts the program itself with the standard and the extra files. Not by os/exec, which would wait for it
// on its own, as reap does for every process.
func startConfined(extra int) (pid int, err error) {
	if err := os.Setenv(stageVariable, stageConfined); err != nil {
		return 0, err
	}
	files := make([]uintptr, 3+extra)
	for i := range files {
		files[i] = uintptr(i)
	}
	err = withBlocked(unix.Sigset_t{}, func() (err error) {
		pid, err = syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{Env: os.Environ(), Files: files})
		return err
	})
	return pid, err
}

// watch ends all when P0 is gone, and with it the only one to write to the lifeline.
func watch(lifeline *os.File) {
	_, _ = lifeline.Read(make([]byte, 1))
	os.Exit(128 + int(unix.SIGKILL))
}

// reap waits for every process there is, until child ends.
func reap(child int) {
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			fail(fmt.Errorf("waiting: %w", err))
		case pid == child:
			os.Exit(exitStatus(ws))
		}
	}
}

// fail ends init with what a shell says of a command it cannot run.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "vpcsim: init:", err)
	os.Exit(126)
}
