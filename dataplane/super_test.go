package dataplane

import (
	"bytes"
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/internal/packettest"
)

// feed is a pipe whose Read hands up packets as a kernel with offloads does.
type feed struct {
	*port.Pipe
	super  chan *packet.Packet
	closed chan struct{}
}

func (f *feed) Read(batch []*packet.Packet) (int, error) {
	select {
	case p := <-f.super:
		batch[0].CopyFrom(p)
		return 1, nil
	case <-f.closed:
		return 0, net.ErrClosed
	}
}

func (f *feed) Close() error {
	close(f.closed)
	return f.Pipe.Close()
}

// superWire is a wire on which eni-far, in a subnet whose internet gateway takes 1,500 bytes, has offloads; what crosses is captured.
type superWire struct {
	*wire
	feed     *feed
	pcap     bytes.Buffer
	recorder *capture.Recorder
}

func newSuperWire(t *testing.T) *superWire {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	s := &superWire{
		wire: &wire{lab: newLab(t, Natural), ports: map[string]*port.Pipe{}, ctx: ctx},
		feed: &feed{Pipe: port.NewPipe(64), super: make(chan *packet.Packet), closed: make(chan struct{})},
	}
	s.recorder = capture.NewRecorder(closer{&s.pcap}, 0, 0)
	_, err := s.router.Capture(Capturing{
		Points: []Point{{Port: true}}, Recorder: s.recorder,
		Describe: func(at Place) (string, string) { return at.Where, "" },
		Explain:  func(o *Observation) string { return o.End().Drop.String() },
	})
	require.NoError(t, err)
	s.ports["eni-far"] = s.feed.Pipe
	s.router.Attach("eni-far", s.checker.Watch(s.feed, packettest.Instance, far))
	s.ports["host"] = port.NewPipe(64)
	s.router.Attach("host", s.checker.Watch(s.ports["host"], packettest.Internet))
	s.commit(options{change: withNAT(natGateway())})
	return s
}

type closer struct{ io.Writer }

func (closer) Close() error { return nil }

// captured returns the transport payloads' lengths of all that was recorded, each with right checksums, by interface: that which
// the packet entered by, and that which it left by.
func (s *superWire) captured() (sizes [2][]int) {
	s.close()
	require.NoError(s.t, s.recorder.Close())
	r, err := pcapgo.NewNgReader(&s.pcap, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	require.NoError(s.t, err)
	for {
		b, info, err := r.ReadPacketData()
		if err == io.EOF {
			return sizes
		}
		require.NoError(s.t, err)
		require.Equal(s.t, layers.LinkTypeRaw, layers.LinkType(info.AncillaryData[0].(layers.LinkType)))
		p := packet.New(len(b))
		p.SetBytes(b)
		if f := p.Decode(); f != packet.OK || !p.ValidChecksum() {
			s.t.Errorf("captured a packet of which %s, its checksum valid: %v", f, p.ValidChecksum())
		}
		sizes[info.InterfaceIndex] = append(sizes[info.InterfaceIndex], p.PayloadLen())
	}
}

// super is a super-packet from eni-far to the internet.
func super(protocol uint8, payload int, size uint16) *packet.Packet {
	p, data := packet.New(packet.MaxSize), make([]byte, payload)
	for i := range data {
		data[i] = byte(i >> 8) // so that no two segments are alike
	}
	from, to := at(far, 5000), at(internet, 53)
	if protocol == packet.UDP {
		packet.BuildUDP(p, from, to, data)
	} else {
		packet.BuildTCP(p, from, to, packet.ACK|packet.PSH, 1, 1, data)
	}
	p.SegmentSize = size
	return p
}

func TestASuperPacketCrossesAndIsCutForAPortWithoutOffload(t *testing.T) {
	for _, protocol := range []uint8{packet.TCP, packet.UDP} {
		s := newSuperWire(t)
		s.feed.super <- super(protocol, 2500, 1000)
		for i, want := range []int{1000, 1000, 500} {
			if p := s.receive("host"); p.Src != farIP || p.PayloadLen() != want {
				t.Errorf("segment %d: %d bytes from %s", i, p.PayloadLen(), p.Src)
			}
		}
		header := 3 * (super(protocol, 0, 0).Len())
		if c := s.counters(); c.PacketsIn != 3 || c.PacketsOut != 3 || c.BytesIn != uint64(2500+header) || c.BytesOut != uint64(2500+header) {
			t.Errorf("counters %+v", c)
		}
		want := []int{1000, 1000, 500}
		if got := s.captured(); !slices.Equal(got[0], want) || !slices.Equal(got[1], want) {
			t.Errorf("captured %v", got)
		}
	}
}

func TestASuperPacketWhoseSegmentsAreTooLargeIsAnsweredAboutTheFirst(t *testing.T) {
	s := newSuperWire(t)
	s.feed.super <- super(packet.TCP, 5000, 2000)
	p := s.receive("eni-far")
	quoted, _ := p.EmbeddedSrc()
	if p.ICMPType != packet.ICMPDestinationUnreachable || p.ICMPCode != packet.CodeFragmentationNeeded || quoted != far || p.QuoteFault() != packet.OK {
		t.Errorf("answer % x", p.Bytes())
	}
	if total := int(p.Bytes()[30])<<8 | int(p.Bytes()[31]); total != 2040 {
		t.Errorf("it quotes a datagram of %d bytes, want the first segment's 2040", total)
	}
	if c := s.counters(); c.ICMPErrors != 1 || c.Drops[drop.MTUExceeded] != 3 {
		t.Errorf("counters %+v", c)
	}
}

func TestSegmentsThatMayBeFragmentedAre(t *testing.T) {
	s := newSuperWire(t)
	p := super(packet.UDP, 5000, 2000)
	clearDF(p)
	p.SegmentSize = 2000 // which clearDF took away
	s.feed.super <- p
	got := map[uint16]int{} // bytes after the IP header, by identification
	for range 5 {           // two of each segment, and the last fits
		f := s.receive("host")
		if f.Len() > 1500 || f.Src != farIP {
			t.Errorf("%d bytes from %s", f.Len(), f.Src)
		}
		got[uint16(f.Bytes()[4])<<8|uint16(f.Bytes()[5])] += f.Len() - 20
	}
	if len(got) != 3 || got[0] != 2008 || got[1] != 2008 || got[2] != 1008 {
		t.Errorf("by identification there arrived %v", got)
	}
	s.checker = packettest.NewChecker(t) // fragments of segments are not what it can put together
	s.closed = true
	require.NoError(t, s.router.Close())
	if c := s.router.Counters(); c.PacketsIn != 3 || c.PacketsOut != 3 {
		t.Errorf("counters %+v", c)
	}
}
