package control

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/topology/host"
)

// endVariable has the test binary be one end of a measurement: a process of its own in a namespace, as what is measured must not share
// the scheduler of the router's process. Its value is the end's name and arguments. What it found it prints when its input ends, or
// when it is through.
const endVariable = "VPCSIM_TEST_END"

// programs are the ends that there are.
var programs = map[string]func(args []string) (found, error){
	"flood": flood, "count": count, "ask": askOften, "answer": giveBack, "push": push, "pull": pull,
}

// found is what an end found.
type found struct {
	Packets uint64
	Bytes   uint64
	RTT     time.Duration // median
}

// beAnEnd does not return if the process is to be an end.
func beAnEnd() {
	args := strings.Fields(os.Getenv(endVariable))
	if len(args) == 0 {
		return
	}
	f, err := programs[args[0]](args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, args, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// end is an end that runs.
type end struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.Closer
	out *json.Decoder
}

// startEnd starts an end. It is ready when it has written a line.
func startEnd(t testing.TB, where *host.Namespace, args ...any) *end {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), endVariable+"="+strings.TrimSpace(fmt.Sprintln(args...)))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, where.Start(cmd, nil))
	e := &end{t, cmd, in, json.NewDecoder(out)}
	e.next()
	return e
}

func (e *end) next() (f found) {
	require.NoError(e.t, e.out.Decode(&f))
	return f
}

// stop ends its input, and returns what it found.
func (e *end) stop() found {
	require.NoError(e.t, e.in.Close())
	return e.wait()
}

// wait returns what it found when it is through.
func (e *end) wait() found {
	f := e.next()
	require.NoError(e.t, e.cmd.Wait())
	return f
}

// kill ends it before it is through.
func (e *end) kill() {
	require.NoError(e.t, e.cmd.Process.Kill())
	_ = e.cmd.Wait() // killed
}

func ready() { fmt.Println("{}") }

// untilTold returns when the input has ended.
func untilTold() { _, _ = io.Copy(io.Discard, os.Stdin) }

// flood ADDRESS SECONDS sends datagrams that make frames of 60 bytes.
func flood(args []string) (f found, err error) {
	conn, err := net.Dial("udp4", args[0])
	if err != nil {
		return f, err
	}
	raw, err := conn.(*net.UDPConn).File()
	if err != nil {
		return f, err
	}
	seconds, err := time.ParseDuration(args[1])
	if err != nil {
		return f, err
	}
	fd, messages := int(raw.Fd()), messagesOf(18) // Fd makes it blocking
	ready()
	for begun := time.Now(); time.Since(begun) < seconds; {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), 0, 0, 0)
		if errno == 0 {
			f.Packets += uint64(n)
		}
	}
	return f, nil
}

// multiMessage is struct mmsghdr.
type multiMessage struct {
	unix.Msghdr
	n uint32
	_ uint32
}

func messagesOf(size int) []multiMessage {
	all := make([]multiMessage, 64)
	for i := range all {
		b := &unix.Iovec{Base: &make([]byte, size)[0]}
		b.SetLen(size)
		all[i].Iov = b
		all[i].SetIovlen(1)
	}
	return all
}

// count PORT counts datagrams.
func count(args []string) (f found, err error) {
	conn, err := net.ListenPacket("udp4", ":"+args[0])
	if err != nil {
		return f, err
	}
	udp := conn.(*net.UDPConn)
	if err := udp.SetReadBuffer(1 << 20); err != nil {
		return f, err
	}
	raw, err := udp.File()
	if err != nil {
		return f, err
	}
	told := make(chan struct{})
	go func() { untilTold(); close(told) }()
	fd, messages := int(raw.Fd()), messagesOf(64)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		return f, err
	}
	ready()
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&messages[0])), uintptr(len(messages)), unix.MSG_WAITFORONE, 0, 0)
		if errno == 0 {
			f.Packets += uint64(n)
		}
		select {
		case <-told:
			return f, nil
		default:
		}
	}
}

// giveBack PORT sends back every datagram.
func giveBack(args []string) (f found, err error) {
	conn, err := net.ListenPacket("udp4", ":"+args[0])
	if err != nil {
		return f, err
	}
	go func() { untilTold(); _ = conn.Close() }()
	ready()
	for b := make([]byte, 2048); ; f.Packets++ {
		n, from, err := conn.ReadFrom(b)
		if err != nil {
			return f, nil
		}
		if _, err := conn.WriteTo(b[:n], from); err != nil {
			return f, err
		}
	}
}

// askOften ADDRESS DURATION GAP asks one question after the other, with gaps between.
func askOften(args []string) (f found, err error) {
	conn, err := net.Dial("udp4", args[0])
	if err != nil {
		return f, err
	}
	length, err1 := time.ParseDuration(args[1])
	gap, err2 := time.ParseDuration(args[2])
	if err1 != nil || err2 != nil {
		return f, fmt.Errorf("durations: %v", args)
	}
	ready()
	var all []time.Duration
	b := make([]byte, 64)
	for begun := time.Now(); time.Since(begun) < length; time.Sleep(gap) {
		asked := time.Now()
		_ = conn.SetReadDeadline(asked.Add(time.Second))
		if _, err := conn.Write(b); err != nil {
			continue // refused, as long as nobody is there
		}
		if _, err := conn.Read(b); err == nil {
			all = append(all, time.Since(asked))
		}
	}
	if len(all) == 0 {
		return f, fmt.Errorf("%s never answered", args[0])
	}
	slices.Sort(all)
	return found{Packets: uint64(len(all)), RTT: all[len(all)/2]}, nil
}

// pull PORT reads what connections bring.
func pull(args []string) (f found, err error) {
	ln, err := net.Listen("tcp4", ":"+args[0])
	if err != nil {
		return f, err
	}
	ready()
	bytes := make(chan uint64)
	for range 4 { // of which the last ones may not come
		go func() {
			conn, err := ln.Accept()
			if err != nil {
				bytes <- 0
				return
			}
			got := uint64(0)
			for b := make([]byte, 1<<20); ; {
				n, err := conn.Read(b)
				if got += uint64(n); err != nil {
					bytes <- got
					return
				}
			}
		}()
	}
	untilTold()
	_ = ln.Close()
	for range 4 {
		f.Bytes += <-bytes
	}
	return f, nil
}

// push ADDRESS DURATION STREAMS writes.
func push(args []string) (f found, err error) {
	length, err := time.ParseDuration(args[1])
	if err != nil {
		return f, err
	}
	streams := 0
	if _, err := fmt.Sscan(args[2], &streams); err != nil {
		return f, err
	}
	ready()
	errs := make(chan error)
	for range streams {
		go func() {
			conn, err := net.Dial("tcp4", args[0])
			if err != nil {
				errs <- err
				return
			}
			b := make([]byte, 256<<10)
			for begun := time.Now(); err == nil && time.Since(begun) < length; {
				_, err = conn.Write(b)
			}
			errs <- conn.Close()
		}()
	}
	for range streams {
		if e := <-errs; e != nil {
			err = e
		}
	}
	return f, err
}
