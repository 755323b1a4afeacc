package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"github.com/creack/pty"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"vpcsim/internal/control"
)

func (a *app) exec() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "exec INSTANCE -- CMD [ARG…]", Short: "run a command in an instance or internet host", ValidArgsFunction: a.completeInstance(&name),
		Long: "Runs a command with the network of an instance or internet host, and with the files, folder and environment of the\n" +
			"caller. Ends with the command's exit code; 127 if there is no such command, 126 if it cannot be run, 128 + n if signal n\n" +
			"ended it.",
		Example: "  vpcsim exec app -- curl -s http://s3.us-east-1.amazonaws.com/demo/hello.txt",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 || cmd.ArgsLenAtDash() > 1 {
				return usage("give an instance and a command: vpcsim exec INSTANCE -- CMD")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			command := args[1:]
			if command[0] == "--" {
				command = command[1:]
			}
			if len(command) == 0 {
				return usage("give a command: vpcsim exec %s -- CMD", args[0])
			}
			return a.runIn(cmd.Context(), name, args[0], command)
		},
	}
	cmd.Flags().SetInterspersed(false)
	labFlag(cmd, &name)
	return cmd
}

// completeInstance completes the name of an instance from the running lab.
func (a *app) completeInstance(lab *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		client, err := a.client(*lab)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveDefault
		}
		d, err := client.Describe(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		for _, i := range d.Instances {
			names = append(names, i.Name)
		}
		for _, h := range d.InternetHosts {
			names = append(names, h.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// runIn runs a command in an instance. It always returns an exit, also with 0's nil.
func (a *app) runIn(ctx context.Context, lab, instance string, command []string) error {
	client, err := a.client(lab)
	if err != nil {
		return err
	}
	e := control.Exec{Instance: instance, Args: command, Env: append(os.Environ(), "VPCSIM_INSTANCE="+instance)}
	if e.Path, err = program(command[0]); err != nil {
		return err
	}
	if e.Dir, err = os.Getwd(); err != nil {
		return err
	}
	ctx, cancel := a.within(ctx, 0)
	defer cancel()
	run := execPlain
	if isTerminal(a.stdin) && isTerminal(a.stdout) {
		run = execTerminal
	}
	code, err := run(ctx, client, e)
	if err == nil && code != 0 {
		err = &exit{code: code}
	}
	return err
}

// program finds the program as the caller's shell would, since the lab's own PATH and folder are others.
func program(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || errors.Is(err, exec.ErrDot) {
		return filepath.Abs(path)
	}
	code := 126
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		code = 127
	}
	return "", &exit{code, err}
}

// execPlain gives the command our own standard input, output and error, and passes signals on: to end it is then the
// command's business.
func execPlain(_ context.Context, client control.Client, e control.Exec) (int, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2)
	defer signal.Stop(signals)
	return client.Exec(context.Background(), e, [3]*os.File{os.Stdin, os.Stdout, os.Stderr}, signals)
}

// execTerminal gives the command a terminal of its own, and ties that to ours: keys and window size one way, output the other.
func execTerminal(ctx context.Context, client control.Client, e control.Exec) (int, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return 0, err
	}
	defer master.Close()
	state, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return 0, errors.Join(err, slave.Close())
	}
	defer func() { _ = term.Restore(int(os.Stdin.Fd()), state) }()
	defer followSize(master)()
	go func() { _, _ = io.Copy(master, os.Stdin) }()
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		_, _ = io.Copy(os.Stdout, master) // ends with EIO when the terminal has no user any more
	}()
	e.TTY = true
	code, err := client.Exec(ctx, e, [3]*os.File{slave, slave, slave}, nil)
	_ = slave.Close()
	<-shown
	return code, err
}

// followSize gives a terminal the size of ours, now and whenever ours changes, until stop. That it may have another is no reason
// to end.
func followSize(master *os.File) (stop func()) {
	_ = pty.InheritSize(os.Stdin, master)
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	go func() {
		for range resized {
			_ = pty.InheritSize(os.Stdin, master)
		}
	}()
	return func() {
		signal.Stop(resized)
		close(resized)
	}
}
