package interop

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
)

// TestOddPackets sends with hping3 what no kernel sends, and says what comes back and what becomes of it.
func TestOddPackets(t *testing.T) {
	t.Parallel()
	tool(t, "hping3")
	const peer, web = "203.0.113.10", "198.51.100.10"
	answered, alone := `[1-4] packets received`, `0 packets received, 100% packet loss`
	for _, p := range []struct {
		name   string
		from   string
		args   string
		shown  []string    // none where hping3 takes its own packet for an answer
		reason drop.Reason // of all packets; None if none is dropped
	}{
		{"SYN to a closed port", "web", "-S -p 81 " + peer, []string{`flags=RA`, answered}, drop.None},
		{"SYN and FIN are a SYN to the internet gateway", "web", "-S -F -p 81 " + peer, []string{`flags=RA`, answered}, drop.None},
		{"no flags, answered with RST", "web", "-p 81 " + peer, []string{`flags=RA`, answered}, drop.None},
		{"all flags", "web", "-F -S -R -P -A -U -p 81 " + peer, []string{alone}, drop.None},
		{"FIN, PSH and URG from the internet, where the group is open", "peer", "-F -P -U -p 81 " + web, []string{`ip=198\.51\.100\.10 .*flags=RA`, answered}, drop.None},
		{"SYN through the NAT gateway", "app", "-S -p 81 " + peer, []string{`ip=203\.0\.113\.10 ttl=62 .*flags=RA`, answered}, drop.None},
		{"the NAT gateway resets an ACK that it has no session for", "app", "-A -p 81 " + peer, []string{`ip=203\.0\.113\.10 .*flags=R `, answered}, drop.NATIdle},
		{"nobody hears of an ACK that comes to the NAT gateway from outside", "peer", "-A -p 81 198.51.100.5", []string{alone}, drop.NATNoMapping},
		{"a source that is another's", "web", "-S -p 81 -a 10.0.0.11 " + peer, []string{alone}, drop.SourceDestCheck},
		{"a source of the internet's", "web", "-S -p 81 -a 192.0.2.1 " + peer, []string{alone}, drop.SourceDestCheck},
		{"a source of the internet's, to a neighbour", "web", "-1 -a 192.0.2.1 10.0.0.11", []string{alone}, drop.SourceDestCheck},
		{"LAND in the subnet", "neighbour", "-S -s 81 -k -p 81 -a 10.0.0.10 10.0.0.10", nil, drop.SourceDestCheck},
		{"LAND from the internet", "peer", "-S -s 81 -k -p 81 -a " + web + " " + web, nil, drop.SourceDestCheck},
		{"a time to live of 1 gets to the internet, where the gateway takes nothing", "web", "-S -t 1 -p 81 " + peer, []string{`flags=RA`, answered}, drop.None},
		{"but not back in", "peer", "-S -t 1 -p 81 " + web, []string{alone}, drop.TTLExpired},
		{"as 2 does", "peer", "-S -t 2 -p 81 " + web, []string{`flags=RA`, answered}, drop.None},
		{"the NAT gateway says that it ran out", "app", "-S -t 1 -p 81 " + peer, []string{`TTL 0 during transit from ip=10\.0\.0\.5`}, drop.TTLExpired},
		{"2 gets through the NAT gateway", "app", "-S -t 2 -p 81 " + peer, []string{`flags=RA`, answered}, drop.None},
		{"a protocol that the NAT gateway does not carry", "app", "-0 -H 47 " + peer, []string{alone}, drop.NATProtocol},
		{"TCP in fragments does not pass the NAT gateway", "app", "-S -f -m 24 -d 20 -p 81 " + peer, []string{alone}, drop.NATFragment},
		{"TCP in fragments passes the internet gateway", "web", "-S -f -m 24 -d 20 -p 81 " + peer, []string{`flags=RA`, answered}, drop.None},
		{"nothing carries a fragment that cuts the TCP header (RFC 1858)", "web", "-S -f -m 16 -d 8 -p 81 " + peer, []string{alone}, drop.Malformed},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, office)
			args := append([]string{"-n", "-N", "7", "-c", "4", "-i", "u400000"}, strings.Fields(p.args)...)
			shows(t, l.run(t, p.from, "hping3", args...), p.shown...)
			n := l.Router().Counters()
			if t.Failed() {
				t.Logf("%+v", n)
			}
			if p.reason == drop.None && n.PacketsIn != n.PacketsOut { // hping3 itself has little patience on a machine with much to do
				t.Errorf("%d packets came in and %d went out", n.PacketsIn, n.PacketsOut)
			}
			if p.reason != drop.None {
				if got := n.Drops[p.reason]; got < 4 {
					t.Errorf("%d packets dropped as %s, want all 4", got, p.reason)
				}
				n.Drops[p.reason] = 0
			}
			for reason, dropped := range n.ByReason() {
				t.Errorf("%d packets dropped as %s", dropped, reason)
			}
		})
	}
}

// TestUDPFragmentsArrive: the NAT gateway carries fragments of UDP (aws-semantics 5.2), and so does everything else.
func TestUDPFragmentsArrive(t *testing.T) {
	t.Parallel()
	tool(t, "hping3")
	for _, p := range []struct{ name, from, at, to, source string }{
		{"through the NAT gateway", "app", "peer", "203.0.113.10", "198.51.100.5"},
		{"through the internet gateway", "web", "peer", "203.0.113.10", "198.51.100.10"},
		{"from the internet", "peer", "web", "198.51.100.10", "203.0.113.10"},
		{"inside the VPC", "app", "web", "10.0.0.10", "10.0.1.10"},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, office)
			var socket *net.UDPConn
			l.inside(t, p.at, func() (err error) { socket, err = net.ListenUDP("udp4", &net.UDPAddr{Port: 9999}); return err })
			defer socket.Close()
			l.run(t, p.from, "hping3", "-n", "-N", "7", "-2", "-p", "9999", "-c", "1", "-d", "1200", "-f", "-m", "256", p.to)
			require.NoError(t, socket.SetReadDeadline(time.Now().Add(time.Minute)))
			b := make([]byte, 2000)
			n, from, err := socket.ReadFromUDPAddrPort(b)
			require.NoError(t, err, "%+v", l.Router().Counters())
			if n != 1200 || from.Addr().String() != p.source {
				t.Errorf("%d bytes from %s, want 1200 from %s", n, from, p.source)
			}
		})
	}
}
