package interop

import (
	"strings"
	"testing"
)

// TestNATDiscovery runs coturn's client (RFC 5780) and the classic one (RFC 3489) behind each kind of gateway
// (aws-semantics 4, 5.3; RFC 4787 REQ-1, REQ-8, REQ-9).
func TestNATDiscovery(t *testing.T) {
	t.Parallel()
	eim := strings.Replace(office, "public_ip: 198.51.100.5}", "public_ip: 198.51.100.5, mapping: eim}", 1)
	for _, g := range []struct {
		name, topology, from string
		mapping, filtering   string // coturn's words
		classic              string // the other's
	}{
		{
			"the NAT gateway is symmetric", office, "app",
			"NAT with Address and Port Dependent Mapping!", "NAT with Address and Port Dependent Filtering!",
			`Dependent Mapping, random port, no hairpin`,
		},
		{
			"with endpoint-independent mapping it still filters", eim, "app",
			"NAT with Endpoint Independent Mapping!", "NAT with Address and Port Dependent Filtering!",
			`Independent Mapping, Port Dependent Filter, random port, will hairpin`, // a socket's way to its own mapping, which it opened itself,
		},
		{
			"the internet gateway maps addresses and nothing else", office, "web",
			"NAT with Endpoint Independent Mapping!", "NAT with Endpoint Independent Filtering!",
			`Independent Mapping, Independent Filter, preserves ports, will hairpin`,
		},
	} {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, g.topology)
			l.stun(t)
			t.Run("by coturn", func(t *testing.T) {
				shows(t, l.run(t, g.from, "turnutils_natdiscovery", "-m", "-f", "203.0.113.10"), g.mapping, g.filtering)
			})
			t.Run("by the classic client", func(t *testing.T) {
				shows(t, l.run(t, g.from, "stun", "203.0.113.10"), g.classic)
			})
		})
	}
}

// TestNATDiscoveryOfLifetimes: coturn's client asks the server to answer to a mapping that it has left alone for a while
// (RFC 5780 4.6). It is gone once it was idle for longer than the gateway allows (aws-semantics 5.4); an internet gateway
// forgets nothing.
func TestNATDiscoveryOfLifetimes(t *testing.T) {
	t.Parallel()
	impatient := strings.Replace(office, "public_ip: 198.51.100.5}", "public_ip: 198.51.100.5, idle_timeout: 4s}", 1)
	for _, m := range []struct {
		name, from, seconds string
		alive               bool
	}{
		{"a mapping of the NAT gateway lives on", "app", "1", true},
		{"it ends when it has been idle for too long", "app", "7", false},
		{"a mapping of the internet gateway does not end", "web", "7", true},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, impatient)
			l.stun(t)
			out := l.run(t, m.from, "turnutils_natdiscovery", "-t", "-T", m.seconds, "203.0.113.10")
			shows(t, out, `RFC 5780 response 1`)
			if m.alive {
				shows(t, out, `RFC 5780 response 2`)
				return
			}
			shows(t, out, `STUN receive timeout`)
			hides(t, out, `RFC 5780 response 2`)
		})
	}
}

// TestNATDiscoveryOfHairpins: a packet to one's own public address and port comes back through the internet gateway, and not
// through the NAT gateway (aws-semantics 4, 5.3).
func TestNATDiscoveryOfHairpins(t *testing.T) {
	t.Parallel()
	l := start(t, office)
	l.stun(t)
	shows(t, l.run(t, "web", "turnutils_natdiscovery", "-H", "203.0.113.10"), `Received a request \(maybe a successful hairpinning\)`)
	out := l.run(t, "app", "turnutils_natdiscovery", "-H", "203.0.113.10")
	shows(t, out, `RFC 5780 response 1`, `STUN receive timeout`)
	hides(t, out, `successful`)
}
