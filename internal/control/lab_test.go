package control

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/port"
	"vpcsim/internal/nstest"
	"vpcsim/internal/packettest"
	"vpcsim/topology"
)

func TestMain(m *testing.M) {
	beAnEnd()
	nstest.Main(m)
}

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
    security_groups:
      echo: {ingress: [{protocol: tcp, ports: 7, peer: 0.0.0.0/0}]}
    instances:
      app: {subnet: a, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [default, echo]}
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
	return startText(t, twoSubnets, o)
}

func startText(t *testing.T, text string, o Options) *Lab {
	t.Helper()
	nstest.RequireTAP(t)
	spec, src, err := topology.Parse("test.vpc.yml", []byte(text))
	require.NoError(t, err)
	c := packettest.NewChecker(t, netip.MustParsePrefix("198.51.100.0/24"))
	o.watch = func(d device, p port.Port) port.Port { return c.Watch(p, role(d), d.own()...) }
	l, err := Start(spec, src, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		n := l.router.Counters()
		c.Balanced(n.PacketsIn, n.PacketsOut, n.Resets+n.ICMPErrors, n.Drops[:])
	})
	return l
}

// role says what is at the far end of a device's port.
func role(d device) packettest.Role {
	switch {
	case d.subnet != nil:
		return packettest.Instance
	case strings.HasPrefix(d.id, "vpce-"), strings.HasPrefix(d.id, "services-"):
		return packettest.Endpoint // which private sources reach
	}
	return packettest.Internet
}

// own are the addresses that packets to the device must be for.
func (d device) own() (all []netip.Addr) {
	for _, a := range d.addrs {
		all = append(all, a.Addr())
	}
	return all
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
		conn, err = (&net.Dialer{Timeout: patience, KeepAlive: -1}).Dial("tcp4", to)
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
	_ = conn.SetDeadline(time.Now().Add(patience))
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

func echoes(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "hello"); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 5))
	return err
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
		_ = conn.SetReadDeadline(time.Now().Add(patience))
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
	_, err = l.Change(Change{PrefixList: &PrefixList{
		Name: "pl-63a5400a", PrefixListEdit: topology.PrefixListEdit{Entries: []string{"52.216.0.0/15", "3.4.0.0/16"}},
	}})
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
	require.LessOrEqual(t, len(l.nodes), 7)
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
