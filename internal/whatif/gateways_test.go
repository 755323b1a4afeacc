package whatif

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/flowlog"
)

// TestConnectionsSeenAtGateways: a NAT gateway's interface has records of the connections behind it, which are no others.
func TestConnectionsSeenAtGateways(t *testing.T) {
	t.Parallel()
	const (
		innerHalf  = "9 10.0.2.10:41000 10.0.1.9:443"
		outerHalf  = "9 10.0.1.9:32001 52.216.1.2:443"
		secondHalf = "9 10.0.1.9:32002 52.216.1.2:443"
		elsewhere  = "9 10.0.1.9:32003 54.231.0.9:443"
	)
	// as AWS writes the inner half where the format has the packet's own addresses
	shown := strings.Join(flowlog.Default(), " ") + " pkt-srcaddr pkt-dstaddr\n" +
		strings.ReplaceAll(one(9, "10.0.2.10:41000", "10.0.1.9:443", "ACCEPT OK"), " OK\n", " OK 10.0.2.10 52.216.1.2\n") +
		strings.ReplaceAll(one(9, "10.0.1.9:443", "10.0.2.10:41000", "ACCEPT OK"), " OK\n", " OK 52.216.1.2 10.0.2.10\n") +
		strings.Join(flowlog.Default(), " ") + "\n"
	for name, row := range map[string]struct {
		lines    []string
		drops    []string
		twice    int
		unjudged int
	}{
		"both halves, and the instance's own":         {[]string{both(natToS3), both(innerHalf), both(outerHalf)}, []string{natToS3}, 2, 0},
		"the far end shown, and the instance's own":   {[]string{shown, both(natToS3), both(outerHalf)}, []string{natToS3}, 2, 0},
		"the far end shown is as good as one's own":   {[]string{shown, both(outerHalf)}, []string{natToS3}, 1, 0},
		"another outer half than there are instances": {[]string{both(natToS3), both(outerHalf), both(secondHalf)}, []string{natToS3}, 1, 1},
		"an outer half to another far end":            {[]string{both(natToS3), both(elsewhere)}, []string{natToS3}, 0, 1},
		"the instance is not logged":                  {[]string{both(innerHalf), both(outerHalf)}, nil, 0, 2},
		"one that goes by no NAT gateway is no half":  {[]string{both(igwToS3), both(outerHalf)}, nil, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := planOf(t, account, create("s3", "private"), false, row.lines...)
			require.Equal(t, row.drops, ends(p.Connections.Dropped))
			require.Equal(t, [2]int{row.twice, row.unjudged}, [2]int{p.FlowLogs.AtGateways, p.Connections.Unjudged})
			known := p.Connections.Dropped.Total + p.Connections.Survive.Total + p.Connections.Unjudged
			require.Equal(t, known, p.FlowLogs.Live)
		})
	}
}

// TestAnAdoptedConnectionKeepsItsOpener: also where the instance's address sorts after the far end's.
func TestAnAdoptedConnectionKeepsItsOpener(t *testing.T) {
	t.Parallel()
	for far, want := range map[string]string{"52.216.1.2": "egress", "9.9.9.9": "egress"} {
		l := NewLog()
		out := &flowlog.Record{
			Interface: "eni-00000000000000009", Src: mustAddr("10.0.2.10"), Dst: mustAddr("10.0.1.9"), PktSrc: mustAddr("10.0.2.10"), PktDst: mustAddr(far),
			SrcPort: 41000, DstPort: 443, Protocol: 6, Packets: 9, Start: 100, End: 160, TCPFlags: flowlog.SYN,
		}
		back := *out
		back.Src, back.Dst, back.PktSrc, back.PktDst, back.SrcPort, back.DstPort = out.Dst, out.Src, out.PktDst, out.PktSrc, 443, 41000
		back.TCPFlags = flowlog.SYN | flowlog.ACK
		l.Add(out)
		l.Add(&back)
		p := planOf(t, account, create("s3", "private"), false)
		p.Logged(l, 0, 0)
		all := append(p.Connections.Dropped.Connections, p.Connections.Survive.Connections...)
		require.Len(t, all, 1)
		require.Equal(t, [3]string{"app", "10.0.2.10:41000", want}, [3]string{all[0].Name, all[0].Local, all[0].Direction})
	}
}
