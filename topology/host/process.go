package host

import (
	"fmt"
	"os"
	"os/signal"
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
	// From here on signals wait in the channel for the program to be there.
	signals := make(chan os.Signal, 64)
	for _, s := range forwarded {
		signal.Notify(signals, s, carrier+s.(syscall.Signal))
	}
	attached := stage == stageAttached
	if attached {
		unix.CloseOnExec(3 + extra)
	}
	child, err := startConfined(extra)
	if err != nil {
		fail(err)
	}
	go passSignals(signals, child, attached)
	if attached {
		go watch(os.NewFile(uintptr(3+extra), "lifeline"))
	}
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
	return syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{Env: os.Environ(), Files: files})
}

// passSignals sends child what P0 reports and init has not been sent itself: what init has been sent went to the whole
// process group, child included, before P0 could report it. Without P0 there is but init to send signals to.
func passSignals(signals <-chan os.Signal, child int, attached bool) {
	direct := map[syscall.Signal]bool{}
	for s := range signals {
		sig := s.(syscall.Signal)
		switch {
		case sig < carrier && attached:
			direct[sig] = true
		case sig < carrier:
			_ = unix.Kill(child, sig)
		case direct[sig-carrier]:
			delete(direct, sig-carrier)
		default:
			_ = unix.Kill(child, sig-carrier)
		}
	}
}

// watch tells P0 that init is ready, and ends all when P0 is gone.
func watch(lifeline *os.File) {
	_, _ = lifeline.Write([]byte{1})
	_, _ = lifeline.Read(make([]byte, 1)) // nothing comes but the end
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
