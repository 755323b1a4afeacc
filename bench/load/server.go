package load

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// serve runs every service until its standard input ends.
func serve(in io.Reader, out io.Writer) error {
	var arrived atomic.Int64
	failed := make(chan error, 5)
	for port, service := range map[int]struct {
		kind int
		run  func(fd int) error
	}{
		PortAnswer: {unix.SOCK_STREAM, func(fd int) error { return accept(fd, func(conn int) { pin(first); answer(conn) }) }},
		PortGuest:  {unix.SOCK_STREAM, func(fd int) error { return accept(fd, answer) }},
		PortStream: {unix.SOCK_STREAM, func(fd int) error { return accept(fd, fill) }},
		PortEcho:   {unix.SOCK_DGRAM, func(fd int) error { pin(first); return echo(fd) }},
		PortSink:   {unix.SOCK_DGRAM, func(fd int) error { return sink(fd, &arrived) }},
	} {
		fd, err := listen(service.kind, port)
		if err != nil {
			return fmt.Errorf("port %d: %w", port, err)
		}
		go func() {
			runtime.LockOSThread()
			failed <- service.run(fd)
		}()
	}
	asked := make(chan error)
	go func() {
		lines := bufio.NewScanner(in)
		for lines.Scan() {
			fmt.Fprintln(out, arrived.Load())
		}
		asked <- lines.Err()
	}()
	if _, err := fmt.Fprintln(out, ready); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case err := <-asked:
		return err
	}
}

// Places to pin a thread to.
const (
	first = iota
	last
)

// pin has the calling goroutine a thread of its own, on the first or the last processor that the process may use. Where that cannot be, the
// scheduler decides.
func pin(place int) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	var all, one unix.CPUSet
	if unix.SchedGetaffinity(0, &all) != nil {
		return
	}
	for cpu := range len(all) * 64 {
		if all.IsSet(cpu) && (place == last || one.Count() == 0) {
			one.Zero()
			one.Set(cpu)
		}
	}
	_ = unix.SchedSetaffinity(0, &one)
}

// sinkBuffer is what the sink's socket may hold: the receiver's kernel is not what is measured.
const sinkBuffer = 16 << 20

// listen makes a socket that is bound to a port and, if it is one for connections, accepts them.
func listen(kind, port int) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, sinkBuffer) != nil && kind == unix.SOCK_DGRAM {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, sinkBuffer) // as much as this user may have
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil || kind == unix.SOCK_DGRAM {
		return fd, err
	}
	return fd, unix.Listen(fd, 4096)
}

// accept serves every connection on a thread of its own.
func accept(fd int, service func(fd int)) error {
	for {
		var conn int
		if err := again(func() (err error) { conn, _, err = unix.Accept4(fd, unix.SOCK_CLOEXEC); return err }); err != nil {
			return err
		}
		go func() {
			defer unix.Close(conn)
			service(conn)
		}()
	}
}

// again repeats a system call that a signal has interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// answer sends every byte back.
func answer(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // it is only slower without
	one := make([]byte, 1)
	for {
		n, err := read(fd, one)
		if err != nil || n == 0 {
			return
		}
		if _, err := write(fd, one); err != nil {
			return
		}
	}
}

// echo sends every datagram back.
func echo(fd int) error {
	buf := make([]byte, 2048)
	for {
		var n int
		var from unix.Sockaddr
		if err := again(func() (err error) { n, from, err = unix.Recvfrom(fd, buf, 0); return err }); err != nil {
			return err
		}
		_ = again(func() error { return unix.Sendto(fd, buf[:n], 0, from) }) // who gets no answer asks again
	}
}

func read(fd int, buf []byte) (n int, err error) {
	err = again(func() (err error) { n, err = unix.Read(fd, buf); return err })
	return n, err
}

func write(fd int, buf []byte) (n int, err error) {
	err = again(func() (err error) { n, err = unix.Write(fd, buf); return err })
	return n, err
}
