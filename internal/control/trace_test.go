package control

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/internal/probe"
)

// TestTraceOfLiveConnections: a trace in a lab goes by what is open there, unless it is told not to, and by what was cut.
func TestTraceOfLiveConnections(t *testing.T) {
	l := startMinefield(t, Options{Mode: dataplane.Silent})
	l.echo(t, "client", 7)
	conn := l.dial(t, "app", "203.0.113.10:7")
	require.NoError(t, echoes(conn))
	network := l.Network()
	outside := l.Outside(conn.LocalAddr().(*net.TCPAddr).AddrPort(), conn.RemoteAddr().(*net.TCPAddr).AddrPort())
	back := probe.Query{From: "client", To: "198.51.100.5", Protocol: "tcp", Port: outside.Port(), SourcePort: 7}
	asked := func(q probe.Query, c probe.Connection) *probe.Answer {
		q.Connection = c
		a, err := l.tracer().Trace(q)
		require.NoError(t, err)
		return a
	}
	if a := asked(back, ""); a.Where != network.Instance("app").Interfaces[0].ID || a.Verdict != probe.Delivered {
		t.Errorf("by the live session of the NAT gateway: %s at %s", a.Reason, a.Where)
	}
	if a := asked(back, probe.NewConnection); a.Reason != drop.NATNoMapping.String() {
		t.Errorf("without it: %q", a.Reason)
	}
	cut := l.cutOff(t, Change{CreateEndpoint: &CreateEndpoint{VPC: "main", Name: "new", Service: "s3", RouteTables: []string{"public"}}})
	a := asked(cut, probe.Established)
	if a.Reason != drop.StaleFlow.String() || len(a.Blockers) != 2 || a.Return == nil || a.Return.Reason != a.Reason {
		t.Errorf("a segment of a cut connection, and the answer to it: %q, %d blockers", a.Reason, len(a.Blockers))
	}
	for _, c := range []probe.Connection{"", probe.NewConnection} {
		if a := asked(cut, c); !a.Both() || a.Where != l.Network().Endpoint("new").ID {
			t.Errorf("a new connection in its place (%q): %s at %s", c, a.Reason, a.Where)
		}
	}
}
