package control

import (
	"io"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/topology/compile"
)

// waitFor returns the first event of a kind.
func (l *Lab) waitFor(t *testing.T, kind string) (found Event) {
	t.Helper()
	require.Eventually(t, func() bool {
		events, _, _ := l.Events.Since(0)
		for _, e := range events {
			if e.Event == kind {
				found = e
				return true
			}
		}
		return false
	}, patience, 10*time.Millisecond, "no event %s", kind)
	return found
}

const withNATGateway = `
name: test
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr: 10.0.1.0/24, route_table: public}
      private: {cidr: 10.0.2.0/24, route_table: private}
    route_tables:
      public: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}
      private: {routes: [{destination: 0.0.0.0/0, target: nat}]}
    nat_gateways:
      nat: {subnet: public, public_ip: 198.51.100.30}
    instances:
      app: {subnet: private, address: 10.0.2.10}
internet:
  hosts:
    peer: {address: 203.0.113.10}
s3:
  buckets:
    demo: {objects: {hello.txt: hello}}
`

// TestWhatS3StillHoldsIsTold: the connection of an instance that reaches S3 by its own public address, and of one behind a NAT gateway,
// whose port S3 knows. It ends when S3 is told.
func TestWhatS3StillHoldsIsTold(t *testing.T) {
	for name, row := range map[string]struct{ text, table, source string }{
		"by a public address":  {twoSubnets, "a", "198.51.100.10"},
		"behind a NAT gateway": {withNATGateway, "private", "198.51.100.30"},
	} {
		t.Run(name, func(t *testing.T) {
			l := startText(t, row.text, Options{})
			conn := l.dial(t, "app", s3Address)
			require.NoError(t, ask(conn))
			opened := l.s3.Open()
			require.Len(t, opened, 1)
			done, err := l.Change(Change{CreateEndpoint: &CreateEndpoint{Name: "s3", Service: "s3", RouteTables: []string{row.table}}})
			require.NoError(t, err)
			require.Len(t, done.Flows, 1)
			require.Equal(t, "egress", done.Flows[0].Direction)
			e := l.waitFor(t, S3HalfOpen)
			require.Equal(t, opened[0].Peer.String(), e.Peer)
			require.Equal(t, row.source, opened[0].Peer.Addr().String())
			require.Equal(t, done.ID, e.ChangeID)
			require.Equal(t, conn.LocalAddr().String(), e.Local)
			require.Equal(t, s3Address, e.Remote)
			require.Empty(t, e.EndpointID, "S3 accepted it on the internet")
			require.Greater(t, e.Sequence, done.Flows[0].Sequence)

			l.mu.Lock()
			l.nodes[compile.S3Internet].sockets = nil // closed with the edge
			l.mu.Unlock()
			l.s3.CloseEdge(opened[0].Origin) // as if its kernel had given up
			ended := l.waitFor(t, S3HalfOpenEnded)
			require.Equal(t, e.Peer, ended.Peer)
		})
	}
}

// TestAConnectionThatEndsIsNoOrphan: what was closed before the change is not told of.
func TestAConnectionThatEndsIsNoOrphan(t *testing.T) {
	l := start(t, Options{})
	conn, stays := l.dial(t, "app", s3Address), l.dial(t, "app", s3Address)
	require.NoError(t, ask(conn))
	require.NoError(t, ask(stays))
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return len(l.s3.Open()) == 1 }, patience, time.Millisecond)
	_, err := l.Change(createEndpoint)
	require.NoError(t, err)
	l.waitFor(t, S3HalfOpen)
	events, _, _ := l.Events.Since(0)
	for _, e := range events {
		if e.Event == S3HalfOpen && e.Local != stays.LocalAddr().String() {
			t.Errorf("told of %s, which S3 has closed", e.Local)
		}
	}
}

// TestNATExhaustionIsTold: an instance sends to one destination from more ports than a NAT gateway has for it.
func TestNATExhaustionIsTold(t *testing.T) {
	l := startText(t, withNATGateway, Options{})
	to := netip.MustParseAddrPort("203.0.113.10:53")
	// Somebody listens: the errors of a closed port would use up what the kernel allows of ICMP, which other labs share.
	var host net.PacketConn
	l.inside(t, "peer", func() (err error) { host, err = net.ListenPacket("udp4", to.String()); return err })
	defer host.Close()
	sent := 0
	require.Eventually(t, func() bool {
		l.inside(t, "app", func() error { return burst(to, &sent) })
		events, _, _ := l.Events.Since(0)
		return len(events) > 0
	}, 5*time.Minute, time.Millisecond)
	e := l.waitFor(t, ErrorPortAllocation)
	require.Equal(t, to.String(), e.Remote)
	require.Equal(t, "udp", e.Protocol)
	require.Equal(t, l.Network().VPCs[0].NATGateways[0].ID, e.NATGatewayID)
	require.NotZero(t, e.ErrorPortAllocation)
	events, _, _ := l.Events.Since(0)
	require.Len(t, events, 1, "there is one event a minute for a destination")
}

// burst sends from many ports of the namespace to a destination.
func burst(to netip.AddrPort, sent *int) error {
	for range 1000 {
		*sent++
		conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 0, 2, 10), Port: 1024 + *sent%64000}, net.UDPAddrFromAddrPort(to))
		if err != nil {
			continue
		}
		_, _ = io.WriteString(conn, "x")
		_ = conn.Close()
	}
	return nil
}

// TestTheDocumentHasEveryEvent that is no API action, and the fields of all of them.
func TestTheDocumentHasEveryEvent(t *testing.T) {
	text, err := os.ReadFile("../../docs/counters.md")
	require.NoError(t, err)
	for _, kind := range []string{
		FlowDropped, FlowRerouted, S3HalfOpen, S3HalfOpenEnded, ErrorPortAllocation, CaptureStopped, LabStarted, LabStopped, EventsLost,
	} {
		require.Contains(t, string(text), "`"+kind+"`", kind)
	}
	for f := range reflect.TypeFor[Event]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[Event]().Field(f).Tag.Get("json"), ",")
		if name == "Time" || name == "MonotonicNs" || name == "Event" || name == "" {
			continue // every event has these
		}
		require.Contains(t, string(text), "`"+name+"`")
	}
}
