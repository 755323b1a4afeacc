package s3

import (
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint"
	"vpcsim/internal/monotonic"
)

// closedRecord returns the record of a client's connection once S3 itself has closed its end.
func closedRecord(t *testing.T, s *Service, e *testEdge, client net.Addr) Connection {
	t.Helper()
	s.mu.Lock()
	edges := slices.Collect(maps.Keys(s.edges))
	s.mu.Unlock()
	require.Len(t, edges, 1)
	edges[0].connections.Wait()
	found := s.Lookup(e.addr, client.(*net.TCPAddr).AddrPort().Port())
	require.Len(t, found, 1)
	return found[0]
}

func TestARecordTellsWhatS3Saw(t *testing.T) {
	s := newService(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "k", Content: make([]byte, 5000)}}}}})
	e := serve(t, s, endpoint.Origin{})
	before := monotonic.Now()
	c, err := net.Dial("tcp", e.addr.String())
	require.NoError(t, err)
	defer c.Close()
	const request = "GET /k HTTP/1.1\r\nHost: data.s3.us-east-1.amazonaws.com\r\n\r\n"
	const last = "GET /k HTTP/1.1\r\nHost: data.s3.us-east-1.amazonaws.com\r\nConnection: close\r\n\r\n"
	_, err = io.WriteString(c, request+last)
	require.NoError(t, err)
	answer, err := io.ReadAll(c)
	require.NoError(t, err)

	got := closedRecord(t, s, e, c.LocalAddr())
	if got.Peer != c.LocalAddr().(*net.TCPAddr).AddrPort() || got.Local != e.addr {
		t.Errorf("peer %v, local %v; want %v, %v", got.Peer, got.Local, c.LocalAddr(), e.addr)
	}
	if got.Requests != 2 || got.BytesIn != int64(len(request+last)) || got.BytesOut != int64(len(answer)) || got.Error != "" {
		t.Errorf("got %+v, want 2 requests, %d bytes in, %d out, no error", got, len(request+last), len(answer))
	}
	if got.Opened < before || got.Closed < got.Opened {
		t.Errorf("opened %d, closed %d, dialled after %d", got.Opened, got.Closed, before)
	}
}

func TestAResetIsRecorded(t *testing.T) {
	s := newService(t, Config{Buckets: []Bucket{{Name: "data", Objects: []Object{{Key: "huge", Content: make([]byte, 24<<20)}}}}})
	e := serve(t, s, endpoint.Origin{})
	c, err := net.Dial("tcp", e.addr.String())
	require.NoError(t, err)
	_, err = io.WriteString(c, "GET /data/huge HTTP/1.1\r\nHost: s3.amazonaws.com\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(c, make([]byte, 1000))
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).SetLinger(0))
	require.NoError(t, c.Close())

	// the reset finds S3 writing, since the response is larger than all buffers between
	if got := closedRecord(t, s, e, c.LocalAddr()); got.Error != "ECONNRESET" && got.Error != "EPIPE" {
		t.Errorf("Error = %q, want ECONNRESET", got.Error)
	}
}

func TestLookupKnowsTheMappedFormOfAnAddress(t *testing.T) {
	s := newService(t, Config{})
	e := serve(t, s, endpoint.Origin{})
	e.do(t, "GET", "http://s3.amazonaws.com/", "")
	peer := s.Connections()[0].Peer
	mapped := netip.AddrPortFrom(netip.AddrFrom16(e.addr.Addr().As16()), e.addr.Port())
	if got := s.Lookup(mapped, peer.Port()); len(got) != 1 {
		t.Errorf("Lookup(%v) found %d records, want 1", mapped, len(got))
	}
	if got := s.Lookup(e.addr, peer.Port()+1); len(got) != 0 {
		t.Errorf("Lookup of another port found %+v", got)
	}
}

func TestTheLogForgetsTheOldestClosedConnectionsFirst(t *testing.T) {
	log := connectionLog{limit: 20}
	var records []*record
	for port := range uint16(20) {
		records = append(records, log.add(netip.AddrPortFrom(netip.IPv4Unspecified(), port), netip.AddrPort{}, endpoint.Origin{}))
	}
	for _, port := range []int{1, 3, 5} {
		records[port].closed.Store(1)
	}
	log.add(netip.AddrPortFrom(netip.IPv4Unspecified(), 99), netip.AddrPort{}, endpoint.Origin{})

	all := log.find(func(*record) bool { return true })
	if len(all) != 19 {
		t.Fatalf("%d records, want 19: 20, less the oldest 2 closed, and the new one", len(all))
	}
	for i, want := range []uint16{0, 2, 4, 5} {
		if got := all[i].Peer.Port(); got != want {
			t.Errorf("record %d is of port %d, want %d", i, got, want)
		}
	}
	if got := all[18].Peer.Port(); got != 99 {
		t.Errorf("the newest is of port %d, want 99", got)
	}
}

func TestAllOpenConnectionsAreRemembered(t *testing.T) {
	log := connectionLog{limit: 10}
	for range 25 {
		log.add(netip.AddrPort{}, netip.AddrPort{}, endpoint.Origin{})
	}
	if got := len(log.find(func(*record) bool { return true })); got != 25 {
		t.Errorf("%d records, want all 25 open ones", got)
	}
}
