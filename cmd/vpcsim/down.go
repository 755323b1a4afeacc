package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"vpcsim/internal/control"
)

// downLimit is how long a lab may take to end by itself. After that it is killed, which leaves nothing behind either.
const downLimit = 10 * time.Second

func (a *app) down() *cobra.Command {
	var name string
	var all bool
	cmd := &cobra.Command{
		Use: "down", Short: "end a standing lab", Args: cobra.NoArgs,
		Long: "Asks the lab to end, waits until it is gone, and removes what a killed lab has left. A lab that does not end within\n" +
			"--timeout (default 10s) is killed. --all means all labs of this user, and nothing else.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			which, err := a.toEnd(name, all)
			if err != nil {
				return err
			}
			for _, p := range which {
				err = errors.Join(err, a.end(cmd.Context(), p))
			}
			return err
		},
	}
	labFlag(cmd, &name)
	cmd.Flags().BoolVar(&all, "all", false, "all labs of this user")
	cmd.MarkFlagsMutuallyExclusive("name", "all")
	return cmd
}

// toEnd returns the labs to end, those included that were killed and left something.
func (a *app) toEnd(name string, all bool) ([]place, error) {
	present, err := places()
	if err != nil {
		return nil, err
	}
	if all || name == "" && len(present) == 1 {
		return present, nil
	}
	for _, p := range present {
		if p.name == name {
			return []place{p}, nil
		}
	}
	p, err := a.lab(name) // says which there are
	return []place{p}, err
}

// end ends one lab, and returns when nothing of it is left.
func (a *app) end(ctx context.Context, p place) error {
	ctx, cancel := a.within(ctx, downLimit)
	defer cancel()
	if p.occupied() {
		if err := a.stop(ctx, p); err != nil {
			return fmt.Errorf("lab %s: %w", p.name, err)
		}
	}
	lock, err := p.take(true)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := p.clear(lock); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "lab %s is down\n", p.name)
	return nil
}

// stop ends the processes of a lab. The descriptor of the process is opened before the lab is asked, while the lab holds its
// lock: the number cannot be another's.
func (a *app) stop(ctx context.Context, p place) error {
	lock, err := os.Open(p.lock())
	if err != nil {
		return nil // gone already
	}
	defer lock.Close()
	r := readRecord(lock)
	if r.PidNamespace != pidNamespace() {
		return usage("it was started in another pid namespace: end it from there")
	}
	fd, err := unix.PidfdOpen(r.Pid, 0)
	if err != nil || !p.occupied() {
		return nil // it has ended meanwhile
	}
	process := os.NewFile(uintptr(fd), "process")
	defer process.Close()
	err = control.Client{Socket: p.socket()}.Down(ctx)
	if err == nil && waitFor(ctx, fd) {
		return nil
	}
	a.say("lab %s does not end by itself, killing it", p.name)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && err != unix.ESRCH {
		return err
	}
	if !waitFor(context.Background(), fd) {
		return errors.New("could not be killed")
	}
	return nil
}

// waitFor waits until the process behind a descriptor has ended (pidfd_open(2): it becomes readable); false if ctx ended first.
func waitFor(ctx context.Context, pidfd int) bool {
	const look = 100 // milliseconds between looks at ctx
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, look)
		switch {
		case n > 0:
			return true
		case err != nil && err != unix.EINTR, ctx.Err() != nil:
			return false
		}
	}
}
