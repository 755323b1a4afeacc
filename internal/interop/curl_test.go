package interop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// web serves HTTP on an instance or internet host: the address that it sees of its client, /large with a megabyte, and what
// is sent to it counted.
func (l lab) web(t testing.TB, on string) {
	t.Helper()
	var listener net.Listener
	l.inside(t, on, func() (err error) {
		config := net.ListenConfig{}
		config.SetMultipathTCP(false)
		listener, err = config.Listen(context.Background(), "tcp", ":80")
		return err
	})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		client, _, _ := net.SplitHostPort(r.RemoteAddr)
		switch {
		case r.URL.Path == "/large":
			_, _ = w.Write(bytes.Repeat([]byte("vpcsim\n\n"), 1<<17))
		case n > 0:
			fmt.Fprintf(w, "%d bytes", n)
		default:
			fmt.Fprintf(w, "you are %s", client)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// curl asks for a page, and says so if there is no answer in time.
func (l lab) curl(t testing.TB, from, url string, args ...string) string {
	t.Helper()
	return l.run(t, from, "curl", curlArgs(url, args)...)
}

// upload posts a megabyte.
func (l lab) upload(t testing.TB, from, url string) string {
	t.Helper()
	return l.pipe(t, strings.Repeat("0123456789abcdef", 1<<16), from, "curl", curlArgs(url, []string{"--data-binary", "@-"})...)
}

func curlArgs(url string, more []string) []string {
	return append(append([]string{"-gsS", "--noproxy", "*", "--connect-timeout", "10", "-m", "60"}, more...), url)
}

// megabyte makes curl tell of a page only how large it was.
var megabyte = []string{"-o", "/dev/null", "-w", "%{http_code} %{size_download}"}

// TestCurlTellsWhoYouAre: the address that the far side sees (aws-semantics 0.1, 3.6, 4).
func TestCurlTellsWhoYouAre(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	l := start(t, office)
	for _, on := range []string{"peer", "web", "neighbour", "app"} {
		l.web(t, on)
	}
	for _, c := range []struct{ name, from, to, want string }{
		{"through the NAT gateway the Elastic IP", "app", "203.0.113.10", "you are 198.51.100.5"},
		{"through the internet gateway the public address", "web", "203.0.113.10", "you are 198.51.100.10"},
		{"the internet host its own", "peer", "198.51.100.10", "you are 203.0.113.10"},
		{"inside the VPC the private one", "web", "10.0.1.10", "you are 10.0.0.10"},
		{"in the subnet the private one", "web", "10.0.0.11", "you are 10.0.0.10"},
		{"by a neighbour's public address the public one", "web", "198.51.100.11", "you are 198.51.100.10"},
		{"by the own public address the public one", "web", "198.51.100.10", "you are 198.51.100.10"},
		{"by a public address from behind the NAT gateway the Elastic IP", "app", "198.51.100.10", "you are 198.51.100.5"},
		{"nobody by the NAT gateway's Elastic IP", "peer", "198.51.100.5", `curl: \(28\)`},
		{"nobody by it from behind it either", "app", "198.51.100.5", `curl: \(28\)`},
		{"nobody without a way out", "inner", "203.0.113.10", `curl: \(28\)`},
		{"nobody where the group is closed", "peer", "198.51.100.12", `curl: \(28\)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shows(t, l.curl(t, c.from, "http://"+c.to), `^`+c.want)
		})
	}
}

// TestCurlMovesMegabytes: large segments find their way, whatever the MTUs on it (aws-semantics 5.2, 8.5).
func TestCurlMovesMegabytes(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	l := start(t, office)
	for _, on := range []string{"peer", "web", "app"} {
		l.web(t, on)
	}
	for _, c := range []struct{ name, from, to string }{
		{"through the NAT gateway", "app", "203.0.113.10"},
		{"through the internet gateway", "web", "203.0.113.10"},
		{"from the internet", "peer", "198.51.100.10"},
		{"inside the VPC", "web", "10.0.1.10"},
		{"through both gateways and back", "app", "198.51.100.10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			shows(t, l.curl(t, c.from, "http://"+c.to+"/large", megabyte...), `^200 1048576$`)
			shows(t, l.upload(t, c.from, "http://"+c.to), `^1048576 bytes$`)
		})
	}
}

// TestCurlGetsFromS3 by name, over each of the ways there are; S3 sees who it is that comes (aws-semantics 3.6).
func TestCurlGetsFromS3(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	l := start(t, office)
	for _, c := range []struct{ name, from, peer, path string }{
		{"through the NAT gateway, behind which S3 does not know the port", "app", "", ""},
		{"over the internet", "web", "198.51.100.10", "internet"},
		{"through the endpoint", "inner", "10.0.2.10", l.Network().VPCs[0].Endpoints[0].ID},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out := l.curl(t, c.from, "http://s3.us-east-1.amazonaws.com/demo/hello.txt", "-w", " %{http_code} %{remote_ip}:%{remote_port} %{local_port}")
			shows(t, out, `^hello 200 [0-9.]+:80 \d+$`)
			var body, code, remote string
			var port uint16
			_, err := fmt.Sscan(out, &body, &code, &remote, &port)
			require.NoError(t, err)
			seen := l.S3Connections(netip.MustParseAddrPort(remote), port)
			if c.peer != "" && (len(seen) != 1 || seen[0].Peer.Addr().String() != c.peer || seen[0].Origin.Path() != c.path) {
				t.Errorf("S3 saw %+v, want %s by %s", seen, c.peer, c.path)
			}
		})
	}
}
