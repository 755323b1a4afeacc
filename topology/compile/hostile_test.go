package compile_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/packet"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// everything is a router of testdata/everything.vpc.yml with a wire at every interface that can have one.
type everything struct {
	t         testing.TB
	router    *dataplane.Router
	state     *compile.State
	clock     atomic.Int64
	wires     []*wire
	delivered []datagram // the last ones that the router wrote, to answer to
	addresses []netip.Addr
}

type datagram struct {
	wire *wire
	b    []byte
}

// wire is a port at which a datagram is through when send returns. The one goroutine that reads also writes.
type wire struct {
	lab  *everything
	id   string
	next chan []byte
	done chan struct{}
	busy bool // the one that is being forwarded came from here; of the reader alone
}

func (w *wire) Read(batch []*packet.Packet) (int, error) {
	if w.busy {
		w.busy = false
		w.done <- struct{}{}
	}
	b, ok := <-w.next
	if !ok {
		return 0, net.ErrClosed
	}
	w.busy = true
	batch[0].SetBytes(b)
	return 1, nil
}

func (w *wire) Write(batch []*packet.Packet) (int, error) {
	for _, p := range batch {
		q := packet.New(packet.MaxSize)
		q.SetBytes(p.Bytes())
		if f := q.Decode(); f != packet.OK {
			w.lab.t.Errorf("%s got a packet of which %s: % x", w.id, f, p.Bytes())
		}
		if w.lab.delivered = append(w.lab.delivered, datagram{w, q.Bytes()}); len(w.lab.delivered) > 64 {
			w.lab.delivered = w.lab.delivered[1:]
		}
	}
	return len(batch), nil
}

func (w *wire) Close() error {
	close(w.next)
	return nil
}

func (w *wire) send(b []byte) {
	w.next <- b
	<-w.done
}

func newEverything(t testing.TB) *everything {
	lab, err := os.ReadFile("testdata/everything.vpc.yml")
	require.NoError(t, err)
	spec, src, err := topology.Parse("everything.vpc.yml", lab)
	require.NoError(t, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(t, err)
	s, state, err := compile.Snapshot(n, nil)
	require.NoError(t, err)
	e := &everything{t: t, state: state}
	e.router = dataplane.NewRouter(dataplane.Config{Mode: dataplane.Reset, Now: e.clock.Load})
	for _, i := range s.Interfaces {
		e.addresses = append(append(e.addresses, i.Addrs...), i.Public...)
		if i.Gateway == nil {
			w := &wire{lab: e, id: i.ID, next: make(chan []byte), done: make(chan struct{})}
			e.wires = append(e.wires, w)
			e.router.Attach(i.ID, w)
		}
	}
	for _, a := range []string{
		"52.216.1.2", "203.0.113.99", "10.0.2.99", "10.9.9.9", "169.254.169.253", "255.255.255.255", "224.0.0.1", "127.0.0.1",
		"2001:db8:1:2::99", "::1", "ff02::1", "fe80::1", "fd00:ec2::254", "::ffff:10.0.2.10", "2001:db8:9::1",
	} {
		e.addresses = append(e.addresses, netip.MustParseAddr(a))
	}
	e.router.Commit(s)
	t.Cleanup(func() { require.NoError(t, e.router.Close()) })
	return e
}

// balanced says that every packet went out or has a reason.
func (e *everything) balanced() {
	c := e.router.Counters()
	sum := c.PacketsOut
	for _, n := range c.Drops {
		sum += n
	}
	if c.PacketsIn != sum {
		e.t.Errorf("%d packets in, %d out or dropped", c.PacketsIn, sum)
	}
}

// TestHostilePackets: whatever comes from whatever side, through every kind of gateway, what leaves is well formed, and nothing
// is lost without a reason.
func TestHostilePackets(t *testing.T) {
	e := newEverything(t)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 25_000 {
		w, b := e.hostile(r)
		e.clock.Add(r.Int64N(50_000_000))
		w.send(b)
		if n%1000 == 0 {
			e.state.Expire(e.clock.Load())
		}
	}
	e.balanced()
	seen := 0
	c := e.router.Counters()
	for reason, n := range c.ByReason() {
		seen++
		t.Logf("%6d %s", n, reason)
	}
	if seen < 20 || c.PacketsOut < 2000 || c.Resets == 0 || c.ICMPErrors == 0 {
		t.Errorf("too little happened: %d reasons, %d packets out, %d resets, %d ICMP errors", seen, c.PacketsOut, c.Resets, c.ICMPErrors)
	}
}

// hostile draws a datagram and where it comes from.
func (e *everything) hostile(r *rand.Rand) (*wire, []byte) {
	w := e.wires[r.IntN(len(e.wires))]
	p := packet.New(packet.MaxSize)
	if len(e.delivered) > 0 && r.IntN(2) == 0 {
		d := e.delivered[r.IntN(len(e.delivered))]
		w = d.wire
		p.SetBytes(d.b)
		p.Decode()
		p = e.answer(r, p)
	} else {
		e.draw(r, p, w)
	}
	b := append([]byte{}, p.Bytes()...)
	for range r.IntN(3) * r.IntN(2) {
		b[r.IntN(min(len(b), 80))] = byte(r.Uint32())
	}
	if r.IntN(16) > 0 {
		repair(b)
	}
	return w, b
}

func (e *everything) draw(r *rand.Rand, p *packet.Packet, w *wire) {
	src, dst := e.addresses[r.IntN(len(e.addresses))], e.addresses[r.IntN(len(e.addresses))]
	if own := e.router.Snapshot().Interface(w.id).Addrs; len(own) > 0 && r.IntN(4) > 0 {
		src = own[r.IntN(len(own))]
	}
	for !src.IsValid() || !dst.IsValid() || src.Is4() != dst.Is4() {
		dst = e.addresses[r.IntN(len(e.addresses))]
		if !src.IsValid() {
			src = dst
		}
	}
	from, to := netip.AddrPortFrom(src, uint16(r.IntN(4)+1000)), netip.AddrPortFrom(dst, []uint16{25, 80, 443}[r.IntN(3)])
	payload := make([]byte, []int{0, 8, 100, 1500, 8490, 9000, 9150}[r.IntN(7)])
	switch r.IntN(4) {
	case 0:
		packet.BuildTCP(p, from, to, byte(r.Uint32()), r.Uint32(), r.Uint32(), payload)
	case 1:
		packet.BuildTCP(p, from, to, packet.SYN, r.Uint32(), 0, nil)
	case 2:
		packet.BuildUDP(p, from, to, payload)
	case 3:
		packet.BuildICMPEcho(p, src, dst, from.Port(), 1, payload)
	}
	b := p.Bytes()
	switch {
	case src.Is4() && r.IntN(3) == 0: // a fragment, or one that may become some
		binary.BigEndian.PutUint16(b[4:], uint16(r.IntN(8)))
		binary.BigEndian.PutUint16(b[6:], []uint16{0, 0x2000, 0x2001, 0x0100, 0x2100}[r.IntN(5)])
	case r.IntN(16) == 0 && src.Is4():
		b[8] = byte(r.IntN(3))
	case r.IntN(16) == 0 && !src.Is4():
		b[7] = byte(r.IntN(3))
	case r.IntN(8) == 0 && !src.Is4() && len(b) > 60: // extension headers where the transport was
		b[6] = []byte{0, 43, 44, 51, 60, 1, 6, 17}[r.IntN(8)]
		b[40], b[41], b[42], b[43] = []byte{6, 17, 58, 44, 1}[r.IntN(5)], byte(r.IntN(2)), 0, byte(r.IntN(10))
	}
}

// answer is what the receiver of p may send: what belongs to the connection, or an ICMP error about it.
func (e *everything) answer(r *rand.Rand, p *packet.Packet) *packet.Packet {
	a := packet.New(packet.MaxSize)
	a.SetBytes(p.Bytes())
	a.Decode()
	from, to := netip.AddrPortFrom(p.Dst, p.DstPort), netip.AddrPortFrom(p.Src, p.SrcPort)
	typ := []uint8{3, 11, 12, 4, 5}[r.IntN(5)]
	if from.Addr().Is6() {
		typ = uint8(r.IntN(6))
	}
	switch {
	case r.IntN(3) == 0:
		packet.BuildICMPError(a, p, p.Dst, typ, uint8(r.IntN(5)), uint16(r.Uint32()))
	case p.Protocol == packet.TCP:
		packet.BuildTCP(a, from, to, []byte{packet.SYN | packet.ACK, packet.ACK, packet.RST, packet.FIN | packet.ACK}[r.IntN(4)], r.Uint32(), r.Uint32(), nil)
	case p.Protocol == packet.UDP:
		packet.BuildUDP(a, from, to, make([]byte, r.IntN(200)))
	default:
		packet.BuildICMPEchoReply(a, p.Dst, p.Src, p.SrcPort, 1, nil)
	}
	return a
}

// repair makes the length and the checksum of an IPv4 header right, so that the router looks further.
func repair(b []byte) {
	n := int(b[0]&0xf) * 4
	if b[0]>>4 != 4 || n < 20 || n > len(b) {
		return
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[10:], 0)
	var sum uint32
	for i := 0; i < n; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
}

// FuzzForward sends one datagram after another, of one and the same state, from any side.
func FuzzForward(f *testing.F) {
	e := newEverything(f)
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		w, b := e.hostile(r)
		for n := range e.wires {
			if e.wires[n] == w && len(b) < 2000 {
				f.Add(uint8(n), b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, from uint8, b []byte) {
		if len(b) < 1 || len(b) > 9216 {
			return
		}
		e.t = t
		repair(b)
		e.clock.Add(1_000_000)
		e.wires[int(from)%len(e.wires)].send(b)
		e.balanced()
	})
}
