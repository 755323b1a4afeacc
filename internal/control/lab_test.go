package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/internal/nstest"
	"vpcsim/topology"
)

func TestMain(m *testing.M) { nstest.Main(m) }

const twoSubnets = `
name: test
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr: 10.0.1.0/24, route_table: a}
      b: {cidr: 10.0.2.0/24, route_table: b}
    route_tables:
      a: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}
      b: {routes: [{destination: 0.0.0.0/0, target: igw}]}
    instances:
      app: {subnet: a, address: 10.0.1.10, public_ip: 198.51.100.10}
      neighbour: {subnet: a, address: 10.0.1.11}
      other: {subnet: b, address: 10.0.2.10, public_ip: 198.51.100.20}
internet:
  hosts:
    peer: {address: 203.0.113.10}
s3:
  buckets:
    demo: {objects: {hello.txt: hello}}
`

func start(t *testing.T, o Options) *Lab {
	t.Helper()
	nstest.RequireTAP(t)
	spec, src, err := topology.Parse("test.vpc.yml", []byte(twoSubnets))
	require.NoError(t, err)
	l, err := Start(spec, src, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// inside runs f in the network namespace of an instance or host.
func (l *Lab) inside(t testing.TB, name string, f func() error) {
	t.Helper()
	l.mu.Lock()
	n := l.find(name)
	l.mu.Unlock()
	require.NotNil(t, n, name)
	require.NoError(t, n.ns.Do(f))
}

func (l *Lab) dial(t testing.TB, from, to string) *net.TCPConn {
	t.Helper()
	var conn net.Conn
	l.inside(t, from, func() (err error) {
		conn, err = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: -1}).Dial("tcp4", to)
		return err
	})
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

// echo serves TCP echo in an instance or host.
func (l *Lab) echo(t testing.TB, on string, port int) {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	var listener net.Listener
	l.inside(t, on, func() (err error) {
		listener, err = config.Listen(context.Background(), "tcp4", fmt.Sprintf(":%d", port))
		return err
	})
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
}

var (
	createEndpoint = Change{CreateEndpoint: &CreateEndpoint{Name: "s3", Service: "s3", RouteTables: []string{"a"}}}
	deleteEndpoint = Change{DeleteEndpoint: &DeleteEndpoint{Name: "s3"}}
)

const (
	s3Address = "52.216.1.80:80"
	getHello  = "GET /demo/hello.txt HTTP/1.1\r\nHost: s3.us-east-1.amazonaws.com\r\n\r\n"
)

// ask makes one request on the connection.
func ask(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, getHello); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err == nil && !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 200") {
		return fmt.Errorf("answered %q", answer[:n])
	}
	return err
}

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

func echoes(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, "hello"); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 5))
	return err
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
	for range 5 {
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
	if n := l.Router().Counters().Drops[drop.StaleFlow]; n == 0 {
		t.Error("no packet was counted as " + drop.StaleFlow.String())
	}
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

func TestAChangeThatFailsChangesNothing(t *testing.T) {
	l := start(t, Options{})
	conn := l.dial(t, "app", s3Address)
	for name, c := range map[string]Change{
		"an endpoint on a table that is not there":    {CreateEndpoint: &CreateEndpoint{Name: "s3", Service: "s3", RouteTables: []string{"c"}}},
		"an endpoint for a service that is not there": {CreateEndpoint: &CreateEndpoint{Name: "s3", Service: "s4", RouteTables: []string{"a"}}},
		"the deletion of nothing":                     deleteEndpoint,
		"nothing":                                     {},
		"two things at once":                          {CreateEndpoint: createEndpoint.CreateEndpoint, DeleteEndpoint: deleteEndpoint.DeleteEndpoint},
	} {
		before := l.Router().Snapshot().Generation
		if _, err := l.Change(c); err == nil {
			t.Errorf("%s: no error", name)
		}
		if l.Router().Snapshot().Generation != before {
			t.Errorf("%s: committed all the same", name)
		}
	}
	if err := ask(conn); err != nil {
		t.Errorf("the connection did not survive: %v", err)
	}
}

// TestPingS3: a gateway endpoint carries ICMP echo, and a ping, which is no connection, simply goes the new way; it carries no
// UDP (aws-semantics 3.2).
func TestPingS3(t *testing.T) {
	l := start(t, Options{})
	ping := l.pinger(t, "app")
	if err := ping("52.216.1.80", 1); err != nil {
		t.Errorf("over the internet gateway: %v", err)
	}
	done, err := l.Change(createEndpoint)
	require.NoError(t, err)
	if len(done.Flows) != 1 || done.Flows[0].Event != FlowRerouted || done.Flows[0].SourceAfter != "10.0.1.10" {
		t.Errorf("events %+v, want the one flow rerouted", done.Flows)
	}
	if err := ping("52.216.1.80", 2); err != nil {
		t.Errorf("through the endpoint: %v", err)
	}
	var udp net.Conn
	l.inside(t, "app", func() (err error) { udp, err = net.Dial("udp4", "52.216.1.80:443"); return err })
	defer udp.Close()
	_, err = udp.Write([]byte("quic?"))
	require.NoError(t, err)
	require.NoError(t, ping("52.216.1.80", 3)) // behind it on the same way, so that it has been judged
	if n := l.Router().Counters().Drops[drop.EndpointProtocol]; n != 1 {
		t.Errorf("%d packets dropped as %s, want the one datagram", n, drop.EndpointProtocol)
	}
}

// pinger returns a function that sends one echo request from an instance and waits for the reply.
func (l *Lab) pinger(t *testing.T, from string) func(to string, seq int) error {
	var conn *icmp.PacketConn
	l.inside(t, from, func() (err error) { conn, err = icmp.ListenPacket("ip4:icmp", "0.0.0.0"); return err })
	t.Cleanup(func() { conn.Close() })
	return func(to string, seq int) error {
		request := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: 7, Seq: seq, Data: []byte("vpcsim")}}
		b, err := request.Marshal(nil)
		if err != nil {
			return err
		}
		if _, err := conn.WriteTo(b, &net.IPAddr{IP: net.ParseIP(to)}); err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		answer := make([]byte, 1500)
		n, peer, err := conn.ReadFrom(answer)
		if err != nil {
			return err
		}
		m, err := icmp.ParseMessage(1, answer[:n])
		if err != nil {
			return err
		}
		if echo, ok := m.Body.(*icmp.Echo); m.Type != ipv4.ICMPTypeEchoReply || !ok || echo.Seq != seq || peer.String() != to {
			return fmt.Errorf("answered by %s with %+v", peer, m)
		}
		return nil
	}
}

// TestPrefixListGrows: addresses that S3 did not own when the lab began are its own as soon as the list has them, at the edges
// that are there already.
func TestPrefixListGrows(t *testing.T) {
	l := start(t, Options{})
	_, err := l.Change(createEndpoint)
	require.NoError(t, err)
	_, err = l.Change(Change{PrefixList: &PrefixList{Name: "pl-63a5400a", Entries: []string{"52.216.0.0/15", "3.4.0.0/16"}}})
	require.NoError(t, err)
	for _, from := range []string{"neighbour", "other"} { // through the endpoint, and over the internet
		if err := ask(l.dial(t, from, "3.4.5.6:80")); err != nil {
			t.Errorf("%s: %v", from, err)
		}
	}
}

// TestEndpointsComeAndGo repeats creation and deletion: every time connections are cut exactly, nothing leaks, and S3 answers.
func TestEndpointsComeAndGo(t *testing.T) {
	l := start(t, Options{})
	for range 12 {
		for _, c := range []Change{createEndpoint, deleteEndpoint} {
			conn := l.dial(t, "app", s3Address)
			require.NoError(t, ask(conn))
			done, err := l.Change(c)
			require.NoError(t, err)
			require.Len(t, done.Flows, 1)
			conn.Close()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	require.LessOrEqual(t, len(l.nodes), 6)
}

// TestChangesUnderTraffic is for the race detector: commits while packets flow from several sides.
func TestChangesUnderTraffic(t *testing.T) {
	l := start(t, Options{})
	l.echo(t, "other", 7)
	var traffic sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		conn := l.dial(t, "app", "10.0.2.10:7")
		traffic.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := echoes(conn); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		for _, c := range []Change{createEndpoint, deleteEndpoint} {
			_, err := l.Change(c)
			require.NoError(t, err)
		}
	}
	close(stop)
	traffic.Wait()
}

func TestRunStartsProcessesInside(t *testing.T) {
	l := start(t, Options{})
	cmd := exec.Command("cat", "/proc/self/net/fib_trie")
	var out strings.Builder
	cmd.Stdout = &out
	require.NoError(t, l.Run("app", cmd))
	require.NoError(t, cmd.Wait())
	if !strings.Contains(out.String(), "10.0.1.10") {
		t.Errorf("the process does not see the instance's address:\n%s", out.String())
	}
	if err := l.Run("nobody", exec.Command("true")); err == nil || !strings.Contains(err.Error(), "app, neighbour, other, peer") {
		t.Errorf("got %v, want an error that names who is there", err)
	}
}
