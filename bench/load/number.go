package load

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A numbered datagram: its flow, its number, from 1, both of them mixed, by which one is known that was changed on its way, and the number's end.
//
//	0      4        12    16    18
//	| flow | number | mix | low | payload
//
// All that was sent is found again: what the sender's system calls took is what Check counts, what the two kernels say they dropped, and
// what whoever is in between says of it.
const (
	numberAt = 4
	mixAt    = 12
	lowAt    = 16
)

// put writes a numbered datagram.
func put(b *[receiving]byte, flow uint32, number uint64) {
	binary.BigEndian.PutUint32(b[:], flow)
	binary.BigEndian.PutUint64(b[numberAt:], number)
	binary.BigEndian.PutUint32(b[mixAt:], mix(flow, number))
	binary.BigEndian.PutUint16(b[lowAt:], uint16(number))
}

func mix(flow uint32, number uint64) uint32 {
	return uint32((number ^ uint64(flow)<<32) * 0x9e3779b97f4a7c15 >> 32)
}

// number sends numbered datagrams of several flows in turns, at a rate or as fast as it can. Two senders in one process namespace have no
// flow in common.
func number(s Spec) (Result, error) {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // it paces worse without
	flows := make([]int, max(1, s.Streams))
	for i := range flows {
		fd, err := dial(s, unix.SOCK_DGRAM, PortNumber)
		if err != nil {
			return Result{}, err
		}
		defer unix.Close(fd)
		flows[i] = fd
	}
	before, err := kernelDrops()
	if err != nil {
		return Result{}, err
	}
	result, err := s.numbers(flows)
	if err != nil {
		return Result{}, err
	}
	after, err := kernelDrops()
	result.Dropped = since(before, after)
	return result, err
}

// numbers sends over sockets, one of each flow.
func (s Spec) numbers(flows []int) (Result, error) {
	b, last := newBatch(payload), make([]uint64, len(flows))
	result, began := Result{Flows: len(flows)}, time.Now()
	for turn := 0; ; turn = (turn + 1) % len(flows) {
		if result.Took = time.Since(began); result.Took >= s.Lasting {
			return result, nil
		}
		n := int64(batchSize)
		for s.Rate > 0 {
			if n = min(batchSize, int64(s.Rate*time.Since(began).Seconds())-result.Count); n > 0 {
				break
			}
			nap(pace)
		}
		for i := range n {
			put(&b.bytes[i], uint32(os.Getpid())<<8|uint32(turn), last[turn]+1+uint64(i))
		}
		done, err := b.call(unix.SYS_SENDMMSG, flows[turn], int(n), 0)
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.ECONNREFUSED) { // who is refused asks again
			return Result{}, err
		}
		last[turn] += uint64(done)
		result.Count += int64(done)
	}
}

// checker takes numbered datagrams.
type checker struct {
	before map[string]int64

	mu     sync.Mutex
	result Result            // guarded by mu
	last   map[uint32]uint64 // guarded by mu; by flow
}

// check takes numbered datagrams until its standard input ends, and tells for each line that it reads how it stands.
func check(in io.Reader, out io.Writer) error {
	fd, err := listen(unix.SOCK_DGRAM, PortNumber)
	if err != nil {
		return fmt.Errorf("port %d: %w", PortNumber, err)
	}
	c := checker{last: map[uint32]uint64{}}
	if c.before, err = kernelDrops(); err != nil {
		return err
	}
	failed, asked := make(chan error, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		failed <- c.receive(fd)
	}()
	go func() { asked <- c.answer(in, out) }()
	if _, err := fmt.Fprintln(out, ready); err != nil {
		return err
	}
	select {
	case err = <-failed:
	case err = <-asked:
	}
	return err
}

func (c *checker) answer(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		now, err := kernelDrops()
		if err != nil {
			return err
		}
		c.mu.Lock()
		result := c.result
		result.Flows = len(c.last)
		c.mu.Unlock()
		result.Dropped = since(c.before, now)
		if err := json.NewEncoder(out).Encode(result); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (c *checker) receive(fd int) error {
	b := newBatch(receiving)
	for {
		n, err := b.call(unix.SYS_RECVMMSG, fd, batchSize, unix.MSG_WAITFORONE)
		if err != nil {
			return err
		}
		c.mu.Lock()
		for i := range n {
			c.take(b.bytes[i][:b.messages[i].length])
		}
		c.mu.Unlock()
	}
}

// take is one datagram. mu is held.
func (c *checker) take(d []byte) {
	c.result.Count++
	var want [receiving]byte
	if len(d) == payload {
		put(&want, binary.BigEndian.Uint32(d), binary.BigEndian.Uint64(d[numberAt:]))
	}
	if string(d) != string(want[:payload]) {
		c.result.Damaged++
		return
	}
	flow, number := binary.BigEndian.Uint32(d), binary.BigEndian.Uint64(d[numberAt:])
	last := c.last[flow]
	if number <= last {
		c.result.Disordered++
		return
	}
	c.result.Lost += int64(number - last - 1)
	c.last[flow] = number
}

// since is what has been counted between two readings.
func since(before, after map[string]int64) map[string]int64 {
	all := maps.Clone(after)
	maps.DeleteFunc(all, func(name string, n int64) bool { return n == before[name] })
	for name := range all {
		all[name] -= before[name]
	}
	return all
}

// Of UDP datagrams that a kernel drops: where, and what /proc/net/snmp calls it. No datagram is in two of them.
var udpDrops = map[string]string{
	"SndbufErrors": "sender's queue full", "RcvbufErrors": "receiver's socket full", "MemErrors": "no memory for sockets", "InCsumErrors": "wrong checksum",
	"NoPorts": "nobody listens",
}

// kernelDrops is what the kernel has dropped in this process's network namespace, by where.
func kernelDrops() (map[string]int64, error) {
	text, err := os.ReadFile("/proc/self/net/snmp") // a line of names before each line of numbers
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if fields[0] != "Udp:" {
			continue
		}
		for i, name := range names {
			if where := udpDrops[name]; where != "" {
				if all[where], err = strconv.ParseInt(fields[i], 10, 64); err != nil {
					return nil, fmt.Errorf("/proc/net/snmp: %w", err)
				}
			}
		}
		names = fields
	}
	return all, deviceDrops(all)
}

// deviceDrops adds what network interfaces have dropped.
func deviceDrops(all map[string]int64) error {
	text, err := os.ReadFile("/proc/self/net/dev")
	if err != nil {
		return err
	}
	const receiveDropped, sendDropped = 3, 11
	for line := range strings.Lines(string(text)) {
		name, counts, ok := strings.Cut(line, ":")
		fields := strings.Fields(counts)
		if !ok || len(fields) <= sendDropped {
			continue // a heading
		}
		for at, where := range map[int]string{receiveDropped: "dropped on receiving", sendDropped: "queue full"} {
			n, err := strconv.ParseInt(fields[at], 10, 64)
			if err != nil {
				return fmt.Errorf("/proc/net/dev: %w", err)
			}
			all[strings.TrimSpace(name)+" "+where] = n
		}
	}
	return nil
}
