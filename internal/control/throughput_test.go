package control

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"vpcsim/endpoint"
	"vpcsim/internal/nstest"
	"vpcsim/topology"
	"vpcsim/topology/host"
)

const oneGiB = `
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    endpoints: {s3: {service: s3, route_tables: [main]}}
    subnets: {a: {cidr: 10.0.1.0/24}}
    route_tables: {main: {main: true}}
    instances: {app: {subnet: a}}
s3: {buckets: {demo: {objects: {movie: "size:1GiB"}}}}
`

// BenchmarkS3 gets 1 GiB from the same S3 service through a gateway endpoint, and over a kernel that forwards between two veth pairs
// of the same MTU: what the router costs. A veth carries up to 64 KiB as one packet; without its offloads it carries what a wire does.
func BenchmarkS3(b *testing.B) {
	nstest.RequireTAP(b)
	spec, src, err := topology.Parse("test.vpc.yml", []byte(oneGiB))
	require.NoError(b, err)
	lab, err := Start(spec, src, Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, lab.Close()) })
	var app *host.Namespace
	for _, n := range lab.nodes {
		if n.name == "app" {
			app = n.ns
		}
	}
	b.Run("endpoint", func(b *testing.B) { download(b, app, "52.216.1.80:80") })
	for name, segments := range map[string]int{"kernel": 65535, "kernel-without-offloads": 1} {
		b.Run(name, func(b *testing.B) {
			client, server := forwarded(b, segments)
			var listener net.Listener
			require.NoError(b, server.Do(func() (err error) {
				listener, err = plainTCP().Listen(context.Background(), "tcp4", ":80")
				return err
			}))
			b.Cleanup(func() { _ = listener.Close() })
			go func() { _ = lab.s3.Serve(listener, endpoint.Origin{}) }()
			download(b, client, "192.0.2.2:80")
		})
	}
}

func plainTCP() *net.ListenConfig {
	config := &net.ListenConfig{}
	config.SetMultipathTCP(false)
	return config
}

// download gets the object from a namespace, over one connection.
func download(b *testing.B, from *host.Namespace, addr string) {
	transport := &http.Transport{ReadBufferSize: 256 << 10, DialContext: func(context.Context, string, string) (conn net.Conn, err error) {
		return conn, from.Do(func() error {
			dialer := net.Dialer{}
			dialer.SetMultipathTCP(false)
			conn, err = dialer.Dial("tcp4", addr)
			return err
		})
	}}
	defer transport.CloseIdleConnections()
	b.SetBytes(1 << 30)
	for b.Loop() {
		resp, err := (&http.Client{Transport: transport}).Get("http://s3.us-east-1.amazonaws.com/demo/movie")
		require.NoError(b, err)
		n, err := io.Copy(io.Discard, resp.Body)
		require.NoError(b, err)
		require.NoError(b, resp.Body.Close())
		require.EqualValues(b, 1<<30, n)
	}
}

// forwarded makes two namespaces and a third between them that forwards. Segments is how many of them a packet may hold until it leaves
// an end.
func forwarded(b *testing.B, segments int) (client, server *host.Namespace) {
	var all [3]*host.Namespace
	for i := range all {
		ns, err := host.NewNamespace()
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, ns.Close()) })
		all[i] = ns
	}
	client, router, server := all[0], all[1], all[2]
	for i, end := range []*host.Namespace{client, server} {
		ours, theirs := fmt.Sprintf("192.0.%d.1", 2*i), fmt.Sprintf("192.0.%d.2", 2*i)
		wire(b, router, fmt.Sprintf("veth%d", i), ours, end, theirs, segments)
	}
	require.NoError(b, router.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) }))
	return client, server
}

// wire joins two namespaces by a veth pair; the far end's default route leads to the near one.
func wire(b *testing.B, near *host.Namespace, name, nearAddr string, far *host.Namespace, farAddr string, segments int) {
	var fd *os.File
	require.NoError(b, far.Do(func() (err error) { fd, err = os.Open("/proc/thread-self/ns/net"); return err }))
	defer fd.Close()
	require.NoError(b, near.Do(func() error {
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, MTU: edgeMTU}, PeerName: name, PeerNamespace: netlink.NsFd(fd.Fd())}
		if err := netlink.LinkAdd(pair); err != nil {
			return err
		}
		return address(name, nearAddr, segments)
	}))
	require.NoError(b, far.Do(func() error {
		if err := address(name, farAddr, segments); err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(nearAddr)})
	}))
}

func address(name, addr string, segments int) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(addr + "/24")
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, a); err != nil {
		return err
	}
	if err := netlink.LinkSetGSOMaxSegs(link, segments); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}
