package control

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// TestExactness cuts real connections: of 600 kernel TCP connections, half of them to S3 from the endpoint's subnet, exactly
// that half is lost, with an event each, and the rest still carries data.
func TestExactness(t *testing.T) {
	l := start(t, Options{})
	l.echo(t, "peer", 7)
	l.echo(t, "other", 7)
	l.echo(t, "app", 7)
	const lost, each = 300, 75
	groups := []struct {
		from, to string
		n        int
		conns    []*net.TCPConn
	}{
		{from: "app", to: s3Address, n: lost},
		{from: "other", to: s3Address, n: each},
		{from: "app", to: "203.0.113.10:7", n: each},
		{from: "peer", to: "198.51.100.10:7", n: each},
		{from: "app", to: "10.0.2.10:7", n: each},
	}
	for i := range groups {
		for range groups[i].n {
			groups[i].conns = append(groups[i].conns, l.dial(t, groups[i].from, groups[i].to))
		}
	}
	for _, conn := range groups[0].conns {
		require.NoError(t, ask(conn))
	}
	done, err := l.Change(createEndpoint)
	require.NoError(t, err)
	want := map[netip.AddrPort]bool{}
	for _, conn := range groups[0].conns {
		want[conn.LocalAddr().(*net.TCPAddr).AddrPort()] = true
	}
	for _, e := range done.Flows {
		local, _ := e.Flow()
		if e.Event != FlowDropped || !want[local] {
			t.Fatalf("cut %s %s -> %s", e.Instance, e.Local, e.Remote)
		}
		delete(want, local)
	}
	if len(done.Flows) != lost || len(want) != 0 {
		t.Errorf("%d connections cut, want %d; %d missing", len(done.Flows), lost, len(want))
	}
	t.Logf("%d connections, %d cut, the first %v after the commit", lost+4*each, len(done.Flows), time.Duration(done.Flows[0].AfterCommit))
	survive(t, groups[1].conns, ask)
	for _, g := range groups[2:] {
		survive(t, g.conns, echoes)
	}
	for _, conn := range groups[0].conns {
		if err := ask(conn); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("a cut connection: %v, want ECONNRESET", err)
		}
	}
}

func survive(t *testing.T, conns []*net.TCPConn, use func(net.Conn) error) {
	t.Helper()
	for _, conn := range conns {
		if err := use(conn); err != nil {
			t.Errorf("%s -> %s did not survive: %v", conn.LocalAddr(), conn.RemoteAddr(), err)
		}
	}
}

// TestFirstDropIsPrompt: the first connection is cut at most 1 ms after the commit. The best of several commits counts: the bound
// is on the simulator and not on when a loaded machine runs it.
func TestFirstDropIsPrompt(t *testing.T) {
	l := start(t, Options{})
	best := time.Hour
	for range 5 {
		conn := l.dial(t, "app", s3Address)
		require.NoError(t, ask(conn))
		done, err := l.Change(createEndpoint)
		require.NoError(t, err)
		require.Len(t, done.Flows, 1)
		best = min(best, time.Duration(done.Flows[0].AfterCommit))
		_, err = l.Change(deleteEndpoint)
		require.NoError(t, err)
	}
	t.Logf("first drop %v after the commit", best)
	if best > time.Millisecond {
		t.Errorf("first drop %v after the commit, want at most 1ms", best)
	}
}

// TestNaturalResets measures what the client of a cut connection sees in natural mode: ECONNRESET, at most 5 ms after the first
// segment that it sends after the commit. The best of several connections counts: the bound is on the simulator and not on
// when a loaded machine runs the client.
func TestNaturalResets(t *testing.T) {
	l := start(t, Options{})
	var conns []*net.TCPConn
	for range 20 {
		conn := l.dial(t, "app", s3Address)
		require.NoError(t, ask(conn))
		conns = append(conns, conn)
	}
	_, err := l.Change(createEndpoint)
	require.NoError(t, err)
	best := time.Hour
	for _, conn := range conns {
		sent := time.Now()
		if err := ask(conn); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("got %v, want ECONNRESET", err)
		}
		best = min(best, time.Since(sent))
	}
	t.Logf("ECONNRESET %v after the first segment", best)
	if best > 5*time.Millisecond {
		t.Errorf("ECONNRESET %v after the first segment, want at most 5ms", best)
	}
	again := l.dial(t, "app", s3Address)
	if err := ask(again); err != nil {
		t.Errorf("a new connection: %v", err)
	}
	local := again.LocalAddr().(*net.TCPAddr).AddrPort()
	seen := l.S3Connections(netip.MustParseAddrPort(s3Address), local.Port())
	if len(seen) != 1 || seen[0].Peer != local || seen[0].Origin.Endpoint == "" {
		t.Errorf("S3 saw %+v, want the private address through the endpoint", seen)
	}
}

// TestSilentStalls: in silent mode the client of a cut connection hears nothing, neither data nor an error, for as long as it
// cares to wait.
func TestSilentStalls(t *testing.T) {
	l := start(t, Options{Mode: dataplane.Silent})
	conn := l.dial(t, "app", s3Address)
	require.NoError(t, ask(conn))
	_, err := l.Change(createEndpoint)
	require.NoError(t, err)
	_, err = io.WriteString(conn, getHello)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Second)))
	_, err = conn.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v, want nothing at all until our own deadline", err)
	}
	require.Eventually(t, func() bool { return l.Router().Counters().Drops[drop.StaleFlow] > 0 }, patience, time.Millisecond, "no packet was counted")
}

func TestRstModeAnswersBothEnds(t *testing.T) {
	l := start(t, Options{Mode: dataplane.Reset})
	conn := l.dial(t, "app", s3Address)
	require.NoError(t, ask(conn))
	_, err := l.Change(createEndpoint)
	require.NoError(t, err)
	if err := ask(conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want ECONNRESET", err)
	}
	if n := l.Router().Counters().Resets; n == 0 {
		t.Error("the router sent no RST")
	}
}

// TestPublicIPScope reads the launch announcement literally: every connection of the affected subnet that uses a public IP is
// lost, those of another subnet and those inside the VPC are not.
func TestPublicIPScope(t *testing.T) {
	for _, mode := range []dataplane.Mode{dataplane.Natural, dataplane.Reset} {
		t.Run(mode.String(), func(t *testing.T) {
			l := start(t, Options{Scope: ScopePublicIP, Mode: mode})
			l.echo(t, "peer", 7)
			l.echo(t, "app", 7)
			l.echo(t, "other", 7)
			out, in := l.dial(t, "app", "203.0.113.10:7"), l.dial(t, "peer", "198.51.100.10:7")
			kept := []*net.TCPConn{l.dial(t, "app", "10.0.2.10:7"), l.dial(t, "other", "203.0.113.10:7")}
			survive(t, append([]*net.TCPConn{out, in}, kept...), echoes)
			_, err := l.Change(createEndpoint)
			require.NoError(t, err)
			survive(t, kept, echoes)
			for _, conn := range []net.Conn{out, in} {
				if err := echoes(conn); !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("%s -> %s: got %v, want ECONNRESET", conn.LocalAddr(), conn.RemoteAddr(), err)
				}
			}
			survive(t, []*net.TCPConn{l.dial(t, "app", "203.0.113.10:7")}, echoes)
		})
	}
}

// TestCutInternetMarksOnlyNewRoutes: of two VPCs with an endpoint of the same name, the one whose endpoint is new is affected.
func TestCutInternetMarksOnlyNewRoutes(t *testing.T) {
	spec, src, err := topology.Parse("twins.vpc.yml", []byte("region: us-east-1\nname: twins\nvpcs:\n"+
		"  left: {cidr: 10.0.0.0/16, subnets: {a: {cidr: 10.0.1.0/24}}, instances: {l: {subnet: a}}, endpoints: {s3: {service: s3, route_tables: [main]}}}\n"+
		"  right: {cidr: 10.0.0.0/16, subnets: {a: {cidr: 10.0.1.0/24}}, instances: {r: {subnet: a}}}\n"))
	require.NoError(t, err)
	old, err := topology.Resolve(spec, src)
	require.NoError(t, err)
	create := Change{CreateEndpoint: &CreateEndpoint{VPC: "right", Name: "s3", Service: "s3", RouteTables: []string{"main"}}}
	_, now, err := create.On(spec)
	require.NoError(t, err)
	s, _, err := compile.Snapshot(now, nil)
	require.NoError(t, err)
	compile.CutInternet(s, old, now)
	marked := map[string]bool{}
	for _, i := range s.Interfaces {
		if i.Subnet != nil {
			marked[i.Name] = i.Subnet.Node.CutInternet
		}
	}
	if marked["l"] || !marked["r"] {
		t.Errorf("marked %v, want r's table only", marked)
	}
}
