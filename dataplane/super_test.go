package dataplane

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/pcapfilter"
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

func newSuperWire(t *testing.T) *superWire { return newSuperWireOf(t, Filter{}) }

// newSuperWireOf is newSuperWire, but only what the filter wants is captured.
func newSuperWireOf(t *testing.T, captured Filter) *superWire {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s := &superWire{
		wire: &wire{lab: newLab(t, Natural), ports: map[string]*port.Pipe{}, ctx: ctx},
		feed: &feed{Pipe: port.NewPipe(64), super: make(chan *packet.Packet), closed: make(chan struct{})},
	}
	s.recorder = capture.NewRecorder(closer{&s.pcap}, 0, 0)
	_, err := s.router.Capture(Capturing{
		Filter: captured, Points: []Point{{Port: true}}, Recorder: s.recorder,
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

// numbers are all that is counted of a packet and its segments.
type numbers struct {
	total  Counters
	counts map[Counted]Count
	rates  []FlowRate
	logged map[aggregation.Flow]int
}

// count sends packets, and returns what the router and a flow log then say.
func (s *superWire) count(packets ...*packet.Packet) numbers {
	n := numbers{logged: map[aggregation.Flow]int{}}
	s.commit(options{change: func(to *Snapshot) {
		withNAT(natGateway())(to)
		filtered(to)
		from, i := to.Interface("eni-app"), to.Interface("eni-far")
		i.Groups, i.Subnet.ACL = from.Groups, from.Subnet.ACL
	}})
	log, _ := s.router.OpenFlowLog(FlowLogConfig{}, 1)
	s.router.WatchFlows(5 * time.Second)
	for _, p := range packets {
		s.feed.super <- p
	}
	s.feed.super <- packet.New(0) // malformed; when it is taken, all before have been dealt with
	s.clock.Add(int64(Window))
	n.rates = s.router.FlowRates(10)
	for i := range n.rates {
		n.rates[i].Interface = nil // which is of this router alone
	}
	s.close()
	u := s.router.Usage()
	n.total, n.counts = u.Total, u.Counts
	n.total.ICMPErrors = 0 // one for all segments
	aggregation.Merge(log.Close().Tables, func(f *aggregation.Flow) { n.logged[*f]++ })
	return n
}

// TestNoNumberDependsOnOffloads: a super-packet is counted by the router, at routes, gateways, rules and entries, in flow logs and in rates as
// its segments are when they come one by one; also where it is dropped.
func TestNoNumberDependsOnOffloads(t *testing.T) {
	for _, row := range []struct {
		name     string
		protocol uint8
		size     uint16
		change   func(*packet.Packet)
		dropped  drop.Reason
	}{
		{"TCP to the internet", packet.TCP, 1000, func(*packet.Packet) {}, drop.None},
		{"UDP to the internet", packet.UDP, 1000, func(*packet.Packet) {}, drop.None},
		{"segments larger than the path takes", packet.TCP, 2000, func(*packet.Packet) {}, drop.MTUExceeded},
		{"to where no route leads", packet.TCP, 1000, func(p *packet.Packet) { p.SetDst(netip.MustParseAddr("10.0.9.9")) }, drop.NoPossibleDestination},
		{"refused by the network ACL", packet.TCP, 1000, func(p *packet.Packet) { p.SetDstPort(23) }, drop.NetworkACL},
	} {
		t.Run(row.name, func(t *testing.T) {
			opens, whole := super(row.protocol, 1, 0), super(row.protocol, 5500, row.size)
			require.Equal(t, packet.OK, opens.Decode())
			require.Equal(t, packet.OK, whole.Decode())
			row.change(opens)
			row.change(whole)
			segments := []*packet.Packet{opens} // so that the group's rule need be asked no more
			for n, more := 0, true; more; n++ {
				p := packet.New(packet.MaxSize)
				more = whole.SegmentInto(p, n)
				segments = append(segments, p)
			}
			got, want := newSuperWire(t).count(opens, whole), newSuperWire(t).count(segments...)
			for thing, n := range want.counts {
				if got.counts[thing] != n {
					t.Errorf("%+v: %v, of the segments %v", thing, got.counts[thing], n)
				}
			}
			if got.total != want.total || !maps.Equal(got.logged, want.logged) || !slices.Equal(got.rates, want.rates) {
				t.Errorf("%+v %+v %+v, of the segments\n%+v %+v %+v", got.total, got.logged, got.rates, want.total, want.logged, want.rates)
			}
			if n := got.total.Drops[row.dropped]; row.dropped != drop.None && n < uint64(len(segments)-1) {
				t.Errorf("drops %v", got.total.Drops)
			}
			sum := got.total.BytesOut
			for _, bytes := range got.total.DropBytes {
				sum += bytes
			}
			if sum != got.total.BytesIn {
				t.Errorf("%d bytes in, %d out or dropped", got.total.BytesIn, sum)
			}
			if len(got.counts) < 10 || len(got.logged) == 0 || len(got.rates) == 0 {
				t.Errorf("too little was counted: %+v", got)
			}
		})
	}
}

// TestACaptureAsksAboutEachSegment, and not about the super-packet, of which no wire knows.
func TestACaptureAsksAboutEachSegment(t *testing.T) {
	for expression, want := range map[string][]int{
		"port 53":                            {1000, 1000, 500},
		"port 54":                            nil,
		"greater 1041":                       nil,
		"less 600":                           {500},
		"ip[2:2] = 1040":                     {1000, 1000},
		"tcp[tcpflags] & tcp-push != 0":      {500},
		"tcp[4:4] = 1001 and tcp[20] = 0x03": {1000},
	} {
		t.Run(expression, func(t *testing.T) {
			f, err := pcapfilter.Parse(expression)
			require.NoError(t, err)
			s := newSuperWireOf(t, Filter{Expression: f})
			s.feed.super <- super(packet.TCP, 2500, 1000)
			s.receive("host")
			if got := s.captured(); !slices.Equal(got[0], want) || !slices.Equal(got[1], want) {
				t.Errorf("captured %v, want %v at both ends", got, want)
			}
		})
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
