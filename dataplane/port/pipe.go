package port

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"vpcsim/dataplane/packet"
)

// Pipe is a Port in memory: what a test injects is what Read returns, and what is written the test receives, in order
// and byte for byte. Each direction holds a bounded number of datagrams, in buffers that go round between two channels:
// one holds the free buffers, the other the datagrams waiting. A buffer is thus always in one of three places, and once
// all have grown to the size of the traffic the pipe allocates nothing.
//
// All methods are safe for many goroutines at once.
type Pipe struct {
	in, out queue // in: Inject to Read; out: Write to Receive
	done    chan struct{}
	close   sync.Once
	dropped atomic.Uint64
}

// NewPipe returns a pipe that holds up to depth datagrams (at least 1) in each direction.
func NewPipe(depth int) *Pipe {
	return &Pipe{in: newQueue(depth), out: newQueue(depth), done: make(chan struct{})}
}

// Inject makes datagram, copied, the next one that Read returns. It waits while the pipe is full, so that nothing a test
// injects is lost, and returns net.ErrClosed once the pipe is closed.
func (p *Pipe) Inject(datagram []byte) error {
	if p.closed() {
		return net.ErrClosed
	}
	select {
	case buf := <-p.in.free:
		p.in.full <- append(buf[:0], datagram...)
		return nil
	case <-p.done:
		return net.ErrClosed
	}
}

// Receive returns a copy of the next datagram that was written, waiting for it until ctx is done or the pipe is closed
// (net.ErrClosed). Datagrams written before Close can still be received after it.
func (p *Pipe) Receive(ctx context.Context) ([]byte, error) {
	if b, ok := p.out.take(); ok {
		return b, nil
	}
	select {
	case buf := <-p.out.full:
		return p.out.copyOut(buf), nil
	case <-p.done:
		if b, ok := p.out.take(); ok {
			return b, nil
		}
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Dropped is how many datagrams were lost: written while the pipe was full, or injected but too large for the packet
// they were to be read into.
func (p *Pipe) Dropped() uint64 { return p.dropped.Load() }

// Read implements Port.
func (p *Pipe) Read(batch []*packet.Packet) (int, error) {
	for {
		if p.closed() {
			return 0, net.ErrClosed
		}
		select {
		case buf := <-p.in.full:
			if n := p.fillAll(batch, buf); n > 0 {
				return n, nil
			}
		case <-p.done:
		}
	}
}

// fillAll fills the batch with the datagram in buf and those that wait behind it, and returns how many it filled.
func (p *Pipe) fillAll(batch []*packet.Packet, buf []byte) int {
	n := p.fill(batch, 0, buf)
	for n < len(batch) {
		select {
		case buf = <-p.in.full:
			n = p.fill(batch, n, buf)
		default:
			return n
		}
	}
	return n
}

// fill moves the datagram in buf to batch[n] and returns how many of the batch are filled then.
func (p *Pipe) fill(batch []*packet.Packet, n int, buf []byte) int {
	if len(buf) > len(batch[n].Buffer(0)) {
		p.dropped.Add(1)
	} else {
		batch[n].SetBytes(buf)
		n++
	}
	p.in.free <- buf
	return n
}

// Write implements Port.
func (p *Pipe) Write(batch []*packet.Packet) (int, error) {
	if p.closed() {
		return 0, net.ErrClosed
	}
	sent := 0
	for i, pkt := range batch {
		if pkt.CompleteChecksum(); pkt.SegmentSize == 0 && p.send(pkt) || pkt.SegmentSize != 0 && p.sendSegments(pkt) {
			batch[sent], batch[i] = pkt, batch[sent]
			sent++
		}
	}
	return sent, nil
}

// send reports whether there was room for the datagram.
func (p *Pipe) send(pkt *packet.Packet) bool {
	select {
	case buf := <-p.out.free:
		p.out.full <- append(buf[:0], pkt.Bytes()...)
		return true
	default:
		p.dropped.Add(1)
		return false
	}
}

// sendSegments sends a super-packet as a wire would and reports whether there was room for all of it.
func (p *Pipe) sendSegments(pkt *packet.Packet) bool {
	all := true
	for segment := range pkt.Cut(packet.New(pkt.WireLen())) {
		all = p.send(segment) && all
	}
	return all
}

// Close implements Port. It always returns nil.
func (p *Pipe) Close() error {
	p.close.Do(func() { close(p.done) })
	return nil
}

func (p *Pipe) closed() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// queue is one direction. Both channels have room for all its buffers, so that returning one never waits.
type queue struct{ free, full chan []byte }

func newQueue(depth int) queue {
	q := queue{free: make(chan []byte, depth), full: make(chan []byte, depth)}
	for range depth {
		q.free <- nil
	}
	return q
}

// take returns a copy of the next datagram, if there is one now.
func (q queue) take() ([]byte, bool) {
	select {
	case buf := <-q.full:
		return q.copyOut(buf), true
	default:
		return nil, false
	}
}

// copyOut gives the buffer back and returns a copy of what it held.
func (q queue) copyOut(buf []byte) []byte {
	b := append([]byte{}, buf...)
	q.free <- buf
	return b
}
