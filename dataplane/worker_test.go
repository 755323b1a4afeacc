package dataplane

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// offload is a port that hands up its datagrams one after the other in the same slot, as super-packets where segment says so.
type offload struct {
	datagrams [][]byte
	segment   []uint16
	idle      chan struct{} // closed when all have been dealt with
	closed    chan struct{}
}

func (o *offload) Read(batch []*packet.Packet) (int, error) {
	if len(o.datagrams) == 0 {
		close(o.idle)
		<-o.closed
		return 0, net.ErrClosed
	}
	batch[0].SetBytes(o.datagrams[0])
	batch[0].SegmentSize = o.segment[0]
	o.datagrams, o.segment = o.datagrams[1:], o.segment[1:]
	return 1, nil
}

func (o *offload) Write(batch []*packet.Packet) (int, error) { return len(batch), nil }

func (o *offload) Close() error {
	close(o.closed)
	return nil
}

// TestSuperPacketsCountAsTheirSegments: whatever the slot held before. The sequence number stands where UDP has its length.
func TestSuperPacketsCountAsTheirSegments(t *testing.T) {
	udp, tcp := packet.New(4096), packet.New(4096)
	packet.BuildUDP(udp, at(app, 5000), at(internet, 53), make([]byte, 100))
	packet.BuildTCP(tcp, at(app, 5001), at(internet, 80), packet.SYN|packet.ACK, 1, 1, make([]byte, 3000))
	l := newLab(t, Natural)
	o := &offload{
		datagrams: [][]byte{udp.Bytes(), tcp.Bytes(), make([]byte, 3000)}, segment: []uint16{0, 1000, 1000},
		idle: make(chan struct{}), closed: make(chan struct{}),
	}
	l.router.Attach("nobody", o)
	<-o.idle
	c := l.router.Counters()
	if c.PacketsIn != 1+3+3 || c.Drops[drop.NoPort] != 1+3 || c.Drops[drop.Malformed] != 3 {
		t.Errorf("%d packets in, %d for nobody, %d malformed; want 7, 4 and 3", c.PacketsIn, c.Drops[drop.NoPort], c.Drops[drop.Malformed])
	}
	require.NoError(t, l.router.Close())
	l.closed = true // its packets were not the checker's to see
}
