package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// ask exchanges bytes over one connection for a time.
func ask(s Spec) (Result, error) {
	pin(last)
	fd, err := dial(s, unix.SOCK_STREAM, PortAnswer)
	if err != nil {
		return Result{}, err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return Result{}, err
	}
	var times []time.Duration
	one, began, last := make([]byte, 1), time.Now(), time.Duration(0)
	for last < s.Lasting {
		if err := exchange(fd, one); err != nil {
			return Result{}, err
		}
		now := time.Since(began)
		times = append(times, now-last)
		last = now
	}
	return Result{Count: int64(len(times)), Took: last}.timed(times)
}

// exchange sends a byte and reads one.
func exchange(fd int, one []byte) error {
	if _, err := write(fd, one); err != nil {
		return err
	}
	n, err := read(fd, one)
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// connect opens connections one after the other, several at a time. Each carries a byte there and back and is then reset: an orderly
// end would keep its port for a minute.
func connect(s Spec) (Result, error) {
	var count atomic.Int64
	began := time.Now()
	err := atOnce(s.Streams, func() error {
		one := make([]byte, 1)
		for some := false; !some || time.Since(began) < s.Lasting; some = true {
			fd, err := dial(s, unix.SOCK_STREAM, PortGuest)
			if err != nil {
				return err
			}
			err = errors.Join(unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), exchange(fd, one))
			unix.Close(fd)
			if err != nil {
				return err
			}
			count.Add(1)
		}
		return nil
	})
	return Result{Count: count.Load(), Took: time.Since(began)}, err
}

// atOnce does something several times at once.
func atOnce(n int, do func() error) error {
	var all sync.WaitGroup
	errs := make([]error, max(1, n))
	for i := range errs {
		all.Go(func() { errs[i] = do() })
	}
	all.Wait()
	return errors.Join(errs...)
}

// The stream's first byte says who sends. Whoever gets it all ends with how much that was, if it is the server.
const (
	forward  = 'f'
	backward = 'b'
	block    = 128 << 10 // as iperf3's
)

// stream fills connections for a time.
func stream(s Spec) (Result, error) {
	var bytes atomic.Int64
	began := time.Now()
	err := atOnce(s.Streams, func() error {
		fd, err := dial(s, unix.SOCK_STREAM, PortStream)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		n, err := send(fd, s, began)
		bytes.Add(n)
		return err
	})
	return Result{Count: bytes.Load(), Took: time.Since(began)}, err
}

// send is one connection of a stream, and returns how many bytes arrived at its far end.
func send(fd int, s Spec, began time.Time) (arrived int64, err error) {
	buf := make([]byte, block)
	direction := byte(forward)
	if s.Backward {
		direction = backward
	}
	if _, err := write(fd, []byte{direction}); err != nil {
		return 0, err
	}
	for some := false; !some || time.Since(began) < s.Lasting; some = true {
		if !s.Backward {
			if _, err := write(fd, buf); err != nil {
				return 0, err
			}
			continue
		}
		n, err := read(fd, buf)
		if err != nil || n == 0 {
			return 0, fmt.Errorf("the server ended the stream: %w", errors.Join(err, io.ErrUnexpectedEOF))
		}
		arrived += int64(n)
	}
	if s.Backward {
		return arrived, nil
	}
	if err := unix.Shutdown(fd, unix.SHUT_WR); err != nil {
		return 0, err
	}
	if n, err := read(fd, buf); err != nil || n != 8 {
		return 0, fmt.Errorf("%d bytes in place of how much arrived: %w", n, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return int64(binary.BigEndian.Uint64(buf)), nil
}

// fill is the server's end of a connection of a stream.
func fill(fd int) {
	buf := make([]byte, block)
	if n, err := read(fd, buf[:1]); err != nil || n == 0 {
		return
	}
	if buf[0] == backward {
		for {
			if _, err := write(fd, buf); err != nil {
				return
			}
		}
	}
	arrived := uint64(0)
	for {
		n, err := read(fd, buf)
		if err != nil {
			return
		}
		if n == 0 {
			break
		}
		arrived += uint64(n)
	}
	_, _ = write(fd, binary.BigEndian.AppendUint64(nil, arrived)) // who does not wait for it does not miss it
}

// get reads an object over and over, over several connections.
func get(s Spec) (Result, error) {
	var bytes atomic.Int64
	client := &http.Client{Transport: &http.Transport{ReadBufferSize: block, MaxIdleConnsPerHost: max(1, s.Streams), DisableCompression: true}}
	url := "http://" + netip.AddrPortFrom(s.To, 80).String() + s.Path
	began := time.Now()
	err := atOnce(s.Streams, func() error {
		buf := make([]byte, block)
		for some := false; !some || time.Since(began) < s.Lasting; some = true {
			n, err := getOnce(client, url, s, began, buf)
			bytes.Add(n)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return Result{Count: bytes.Load(), Took: time.Since(began)}, err
}

// getOnce reads the object, or as much of it as time allows.
func getOnce(client *http.Client, url string, s Spec, began time.Time, buf []byte) (bytes int64, err error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Host = s.Host
	resp, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	for some := false; !some || time.Since(began) < s.Lasting; some = true {
		n, err := resp.Body.Read(buf)
		bytes += int64(n)
		if errors.Is(err, io.EOF) {
			return bytes, nil
		}
		if err != nil && !errors.Is(err, net.ErrClosed) {
			return bytes, err
		}
	}
	return bytes, nil
}
