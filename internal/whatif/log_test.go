package whatif

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/flowlog"
	"vpcsim/topology"
)

// flagged is a record of the connection 10.0.2.10:41000 - 52.216.1.2:443 with TCP flags: out says which way, at when it starts.
func flagged(out bool, at int64, flags int16, packets uint64) *flowlog.Record {
	r := &flowlog.Record{Interface: "eni-00000000000000002", SrcPort: 41000, DstPort: 443, Protocol: 6, TCPFlags: flags, Packets: packets, Start: at, End: at + 60}
	r.Src, r.Dst = mustAddr("10.0.2.10"), mustAddr("52.216.1.2")
	if !out {
		r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
	}
	return r
}

func TestWhatCountsAsLive(t *testing.T) {
	t.Parallel()
	const synAck = flowlog.SYN | flowlog.ACK
	type counts struct{ live, idle, finished, halfOpen int }
	newest := flagged(true, 10_000, 0, 10) // of another connection, the clock of all others
	newest.SrcPort = 40999
	for name, row := range map[string]struct {
		records []*flowlog.Record
		want    counts
	}{
		"data without any flag": {[]*flowlog.Record{flagged(true, 9900, 0, 10), flagged(false, 9900, 0, 10)}, counts{live: 1}},
		"opened, and used":      {[]*flowlog.Record{flagged(true, 9900, flowlog.SYN, 10), flagged(false, 9900, synAck, 10)}, counts{live: 1}},
		"opened and closed in one interval": {
			[]*flowlog.Record{flagged(true, 9900, flowlog.SYN|flowlog.FIN, 10), flagged(false, 9901, synAck|flowlog.FIN, 10)}, counts{finished: 1},
		},
		"closed by one side only": {[]*flowlog.Record{flagged(true, 9900, flowlog.FIN, 10), flagged(false, 9900, 0, 10)}, counts{live: 1}},
		"closed, and a last acknowledgement in the next interval": {
			[]*flowlog.Record{flagged(true, 9800, flowlog.FIN, 10), flagged(false, 9800, flowlog.FIN, 10), flagged(true, 9860, 0, 1)}, counts{finished: 1},
		},
		"closed, and opened again on the same ports": {
			[]*flowlog.Record{
				flagged(true, 9700, flowlog.FIN, 10), flagged(false, 9700, flowlog.FIN, 10), flagged(true, 9760, flowlog.SYN, 10), flagged(false, 9760, synAck, 10),
			}, counts{live: 1},
		},
		"closed and opened again in one interval, and used after it": {
			[]*flowlog.Record{
				flagged(true, 9700, flowlog.SYN|flowlog.FIN, 10), flagged(false, 9700, synAck|flowlog.FIN, 10), flagged(true, 9800, 0, 100),
			}, counts{live: 1},
		},
		"reset":                            {[]*flowlog.Record{flagged(true, 9900, flowlog.SYN, 3), flagged(false, 9900, flowlog.RST, 1)}, counts{finished: 1}},
		"the records come in any order":    {[]*flowlog.Record{flagged(false, 9760, flowlog.RST, 1), flagged(true, 9700, flowlog.SYN, 10)}, counts{finished: 1}},
		"nobody has answered":              {[]*flowlog.Record{flagged(true, 9900, flowlog.SYN, 3)}, counts{halfOpen: 1}},
		"an answer that is not in the log": {[]*flowlog.Record{flagged(true, 9900, flowlog.SYN, 30)}, counts{live: 1}},
		"one direction, flags unknown":     {[]*flowlog.Record{flagged(true, 9900, flowlog.NoFlags, 3)}, counts{live: 1}},
		"not seen for longer":              {[]*flowlog.Record{flagged(true, 9000, 0, 10)}, counts{idle: 1}},
		"seen at the edge of the window":   {[]*flowlog.Record{flagged(true, 9100, 0, 10)}, counts{live: 1}},
		"not data at all":                  {[]*flowlog.Record{{Interface: "eni-1", Status: flowlog.NoData}, {Interface: "eni-1", Status: flowlog.SkipData}, {Interface: "eni-1", End: 9}}, counts{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := NewLog()
			l.Add(newest)
			for _, r := range row.records {
				l.Add(r)
			}
			l.live(15*time.Minute, func(connectionKey, *observed) {})
			row.want.live++
			require.Equal(t, row.want, counts{l.counts.Live, l.counts.Idle, l.counts.Finished, l.counts.HalfOpen})
		})
	}
}

func TestWithoutAWindowAllCount(t *testing.T) {
	t.Parallel()
	l, n := NewLog(), 0
	l.Add(flagged(true, 1, 0, 10))
	l.Add(&flowlog.Record{Interface: "eni-1", Src: mustAddr("10.0.0.1"), Dst: mustAddr("10.0.0.2"), Start: 1<<32 - 61, End: 1<<32 - 1})
	l.live(0, func(connectionKey, *observed) { n++ })
	require.Equal(t, 2, n)
}

func TestWhoOpenedAConnection(t *testing.T) {
	t.Parallel()
	for flags, want := range map[int16]string{flowlog.SYN: "egress", flowlog.SYN | flowlog.ACK: "ingress", 0: "", flowlog.NoFlags: ""} {
		p := planOf(t, account, create("s3", "private"), false)
		l := NewLog()
		l.Add(flagged(true, 9900, flags, 10))
		p.Logged(l, 0, 0)
		require.Equal(t, want, p.Connections.Dropped.Connections[0].Direction, "flags %d", flags)
	}
}

// TestWhatIsNotJudged: what nothing can be said about is told with its reason and is neither a drop nor a survivor.
func TestWhatIsNotJudged(t *testing.T) {
	t.Parallel()
	header := strings.Join(flowlog.Default(), " ") + " flow-direction traffic-path\n"
	path := func(c, direction string, n int) string {
		return header + strings.ReplaceAll(one(2, strings.Fields(c)[1], strings.Fields(c)[2], "ACCEPT OK"), " OK\n", fmt.Sprintf(" OK %s %d\n", direction, n))
	}
	known := both(natToInternet)
	for name, row := range map[string]struct {
		lines []string
		want  Unjudged
		n     int
	}{
		"an interface that the topology does not have":   {[]string{known, both("77 10.0.2.10:1 52.216.1.2:443")}, UnknownInterface, 1},
		"an address that the interface does not have":    {[]string{both("2 10.0.2.99:1 52.216.1.2:443")}, AddressMismatch, 1},
		"the outer half of connections behind a gateway": {[]string{both("9 10.0.1.9:1 52.216.1.2:443")}, GatewayInterface, 1},
		"a way that the topology does not have":          {[]string{both("4 10.0.1.12:1 52.216.1.2:443")}, NoWayBefore, 1},
		"another way than the log's":                     {[]string{path(natToS3, "egress", 7)}, TrafficPath, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planOf(t, account, create("s3", "private", "public"), false, row.lines...)
			require.Len(t, p.Connections.NotJudged, 1)
			require.Equal(t, [2]any{string(row.want), row.n}, [2]any{p.Connections.NotJudged[0].Reason, p.Connections.NotJudged[0].Total})
			require.NotEmpty(t, p.Connections.NotJudged[0].Explanation)
			require.Empty(t, p.Connections.NotJudged[0].Connections[0].Why)
			require.Zero(t, p.Connections.Dropped.Total)
		})
	}
}

func TestTrafficPathsThatAgree(t *testing.T) {
	t.Parallel()
	header := strings.Join(flowlog.Default(), " ") + " traffic-path\n"
	for c, n := range map[string]int{natToS3: 1, igwToS3: 8, igwInbound: 2, endpointToS3: 7, peerToWeb: 4} {
		p := planOf(t, account, create("s3", "private", "public"), false, header+strings.ReplaceAll(both(c), " OK\n", fmt.Sprintf(" OK %d\n", n)))
		require.Empty(t, p.Connections.NotJudged, c)
	}
}

// TestInterfacesByAddress: a topology that was not made from the account knows no ids of the logs.
func TestInterfacesByAddress(t *testing.T) {
	t.Parallel()
	strange := func(c string) string {
		return strings.ReplaceAll(both(c), "eni-0000000000000000", "eni-9999999999999999")
	}
	for name, row := range map[string]struct {
		lines    []string
		found    int
		unjudged map[Unjudged]int
	}{
		"each has an address of its own":           {[]string{strange(natToS3), strange(igwToS3), strange(endpointToS3)}, 3, nil},
		"one whose addresses nobody has":           {[]string{strange(natToS3), strange("8 10.0.9.9:1 52.216.1.2:443")}, 1, map[Unjudged]int{UnknownInterface: 1}},
		"two that could be the same":               {[]string{strange(natToS3), strange("8 10.0.2.10:1 52.216.1.2:443")}, 0, map[Unjudged]int{AmbiguousInterface: 2}},
		"one that could be either end":             {[]string{strange(peerToWeb)}, 0, map[Unjudged]int{AmbiguousInterface: 1}},
		"its other connections tell which it is":   {[]string{strange(webFromPeer), strange(igwToS3)}, 1, nil},
		"ids are known: then there is no guessing": {[]string{both(igwToS3), strange(natToS3)}, 0, map[Unjudged]int{UnknownInterface: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planOf(t, account, create("s3", "private"), false, row.lines...)
			require.Equal(t, row.found, p.FlowLogs.ByAddress)
			got := map[Unjudged]int{}
			for _, n := range p.Connections.NotJudged {
				got[Unjudged(n.Reason)] = n.Total
			}
			if row.unjudged == nil {
				row.unjudged = map[Unjudged]int{}
			}
			require.Equal(t, row.unjudged, got)
		})
	}
}

// TestThePlaceThatALogNames: two subnets may have the same addresses, in two VPCs; the log's own subnet-id tells them apart.
func TestThePlaceThatALogNames(t *testing.T) {
	t.Parallel()
	const twins = `
region: us-east-1
name: twins
vpcs:
  left: {cidr: 10.0.0.0/16, subnets: {l: {id: subnet-00000000000000001, cidr: 10.0.1.0/24}}, instances: {a: {subnet: l, address: 10.0.1.10}}}
  right: {cidr: 10.0.0.0/16, subnets: {r: {id: subnet-00000000000000002, cidr: 10.0.1.0/24}}, instances: {b: {subnet: r, address: 10.0.1.10}}}
`
	header := strings.Join(flowlog.Default(), " ") + " subnet-id\n"
	line := one(1, "10.0.1.10:1", "10.0.1.11:2", "ACCEPT OK")
	nothing := func(*topology.Spec) error { return nil }
	p := planOf(t, twins, nothing, false, line)
	require.Equal(t, string(AmbiguousInterface), p.Connections.NotJudged[0].Reason)
	p = planOf(t, twins, nothing, false, header+strings.ReplaceAll(line, " OK\n", " OK subnet-00000000000000002\n"))
	require.Equal(t, "b", p.Connections.Survive.Connections[0].Name)
}

// TestAPacketsOwnAddress: AWS writes an interface's primary address for its end; only pkt-srcaddr has a secondary one.
func TestAPacketsOwnAddress(t *testing.T) {
	t.Parallel()
	header := strings.Join(flowlog.Default(), " ") + " pkt-srcaddr pkt-dstaddr\n"
	c := "1 10.0.1.10:42000 10.1.1.10:443"
	line := strings.ReplaceAll(one(1, "10.0.1.10:42000", "10.1.1.10:443", "ACCEPT OK"), " OK\n", " OK 10.0.1.11 10.1.1.10\n")
	p := planOf(t, account, create("s3", "public"), false, header+line)
	require.Equal(t, "10.0.1.11", p.Connections.Survive.Connections[0].SourceBefore)
	require.False(t, p.Connections.Survive.Connections[0].PrimaryAssumed)
	p = planOf(t, account, create("s3", "public"), false, both(c))
	require.Equal(t, "10.0.1.10", p.Connections.Survive.Connections[0].SourceBefore)
	require.True(t, p.Connections.Survive.Connections[0].PrimaryAssumed)
}

var mustAddr = netip.MustParseAddr
