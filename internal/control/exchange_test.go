package control

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// exchange is what two programs say to each other, by all protocols, so that each gets what the other sent.
type exchange struct {
	lab      *Lab
	t        *testing.T
	from, on string
	to       netip.Addr
	nat      bool // through a NAT gateway, which carries fragments of UDP only
}

// patience is how long a test waits for what must come. It decides nothing in a passing test.
const patience = time.Minute

func (x exchange) run(t *testing.T) {
	x.t = t
	t.Run("TCP in bulk", x.tcp)
	t.Run("UDP", x.udp)
	t.Run("ICMP", x.ping)
}

// tcp sends 3 MiB and gets them back, both at once.
func (x exchange) tcp(t *testing.T) {
	var listener net.Listener
	x.lab.inside(t, x.on, func() (err error) {
		listener, err = plainTCP().Listen(context.Background(), "tcp", net.JoinHostPort(x.to.String(), "7"))
		return err
	})
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_, _ = io.Copy(conn, conn)
			_ = conn.Close()
		}
	}()
	var conn net.Conn
	x.lab.inside(t, x.from, func() (err error) {
		dialer := net.Dialer{Timeout: patience}
		dialer.SetMultipathTCP(false)
		conn, err = dialer.Dial("tcp", netip.AddrPortFrom(x.to, 7).String())
		return err
	})
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	data, got := noise(3<<20), sha256.New()
	go func() {
		_, _ = conn.Write(data)
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	n, err := io.Copy(got, conn)
	require.NoError(t, err)
	if want := sha256.Sum256(data); !bytes.Equal(got.Sum(nil), want[:]) {
		t.Errorf("got %d bytes back, not those that were sent", n)
	}
}

func noise(n int) []byte {
	b, r := make([]byte, n), rand.NewPCG(1, uint64(n))
	for i := 0; i+8 <= n; i += 8 {
		binary.NativeEndian.PutUint64(b[i:], r.Uint64())
	}
	return b
}

// udp sends datagrams of all kinds, and gets the like of them back.
func (x exchange) udp(t *testing.T) {
	open := func(on, at string) (conn *net.UDPConn) {
		x.lab.inside(t, on, func() error {
			c, err := net.ListenPacket("udp", at)
			if err == nil {
				conn = c.(*net.UDPConn)
			}
			return err
		})
		return conn
	}
	server, client := open(x.on, net.JoinHostPort(x.to.String(), "7")), open(x.from, ":0")
	defer server.Close()
	defer client.Close()
	for _, c := range []struct {
		name    string
		n, size int // bytes, and how many in a datagram
	}{
		{"an empty datagram", 0, 0}, {"one byte", 1, 1}, {"a datagram", 1001, 1001},
		{"a super-packet", 5500, 1000}, {"a super-packet of odd segments", 29 * 1233, 1233}, {"a datagram in fragments", 20001, 20001},
	} {
		data := noise(c.n)
		asked, err := transmit(client, server, netip.AddrPortFrom(x.to, 7), data, c.size)
		if err != nil {
			t.Errorf("%s out: %v", c.name, err)
			continue
		}
		if _, err = transmit(server, client, asked, data, c.size); err != nil {
			t.Errorf("%s back: %v", c.name, err)
		}
	}
}

// transmit sends data from one socket to the other, in datagrams of the size in one call, until they arrive as they are: a path
// may first have to tell that a datagram is too large. It returns from where they came.
func transmit(from, to *net.UDPConn, addr netip.AddrPort, data []byte, size int) (sender netip.AddrPort, err error) {
	var control []byte
	if size < len(data) {
		control = segmentsOf(uint16(size))
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, _, err = from.WriteMsgUDPAddrPort(data, control, addr); err != nil {
			return sender, err
		}
		if sender, err = collect(to, data, size); err == nil || !os.IsTimeout(err) {
			return sender, err
		}
	}
	return sender, err
}

// collect receives data.
func collect(to *net.UDPConn, data []byte, size int) (sender netip.AddrPort, err error) {
	datagram := make([]byte, 1<<16)
	for first := true; first || len(data) > 0; first = false {
		_ = to.SetReadDeadline(time.Now().Add(2 * time.Second))
		var n int
		if n, sender, err = to.ReadFromUDPAddrPort(datagram); err != nil {
			return sender, err
		}
		if n != min(size, len(data)) || !bytes.Equal(datagram[:n], data[:n]) {
			return sender, fmt.Errorf("a datagram of %d bytes arrived that is not the next of %d bytes in datagrams of %d", n, len(data), size)
		}
		data = data[n:]
	}
	return sender, nil
}

// ping sends echo requests and gets the replies.
func (x exchange) ping(t *testing.T) {
	network, protocol := "ip4:icmp", 1
	request, reply := icmp.Type(ipv4.ICMPTypeEcho), icmp.Type(ipv4.ICMPTypeEchoReply)
	if x.to.Is6() {
		network, protocol, request, reply = "ip6:ipv6-icmp", 58, ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	var conn *icmp.PacketConn
	x.lab.inside(t, x.from, func() (err error) { conn, err = icmp.ListenPacket(network, ""); return err })
	defer conn.Close()
	sizes := []int{0, 7, 1400}
	if !x.nat {
		sizes = append(sizes, 20001) // in fragments
	}
	for seq, size := range sizes {
		message := icmp.Message{Type: request, Body: &icmp.Echo{ID: 99, Seq: seq, Data: noise(size)}}
		b, err := message.Marshal(nil) // the kernel makes ICMPv6's checksum
		require.NoError(t, err)
		got := false
		for deadline := time.Now().Add(patience); !got && time.Now().Before(deadline); {
			_, err = conn.WriteTo(b, &net.IPAddr{IP: x.to.AsSlice()})
			require.NoError(t, err)
			got = replied(conn, protocol, reply, b)
		}
		if !got {
			t.Errorf("no reply to an echo request with %d bytes", size)
		}
	}
}

// replied waits for the reply to an echo request, for a while.
func replied(conn *icmp.PacketConn, protocol int, reply icmp.Type, request []byte) bool {
	answer := make([]byte, 1<<16)
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	for {
		n, _, err := conn.ReadFrom(answer)
		if err != nil {
			return false
		}
		if m, err := icmp.ParseMessage(protocol, answer[:n]); err == nil && m.Type == reply && bytes.Equal(answer[4:n], request[4:]) {
			return true
		}
	}
}

// getMovie gets an object from S3, puts it under another name, and gets that.
func getMovie(t *testing.T, l *Lab) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (conn net.Conn, err error) {
		l.inside(t, "app", func() error { conn, err = net.Dial("tcp4", s3Address); return err })
		return conn, err
	}}}
	get := func(name string) []byte {
		resp, err := client.Get("http://s3.us-east-1.amazonaws.com/demo/" + name)
		require.NoError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode, "%s", b)
		return b
	}
	movie := get("movie")
	request, err := http.NewRequest(http.MethodPut, "http://s3.us-east-1.amazonaws.com/demo/copy", bytes.NewReader(movie))
	require.NoError(t, err)
	resp, err := client.Do(request)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	if copied := get("copy"); len(movie) != 5<<20 || !bytes.Equal(copied, movie) {
		t.Errorf("got %d bytes, and %d bytes of their copy", len(movie), len(copied))
	}
}
