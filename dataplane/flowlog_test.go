package dataplane

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// logged puts together what intervals have of an interface: packets that left and that arrived.
func logged(cuts []FlowLogInterval, id string) (egress, ingress uint64) {
	for _, cut := range cuts {
		aggregation.Merge(cut.Tables, func(f *aggregation.Flow) {
			switch {
			case cut.IDs[f.Interface] != id:
			case f.Egress:
				egress += f.Packets
			default:
				ingress += f.Packets
			}
		})
	}
	return egress, ingress
}

// TestNoPacketIsLostBetweenIntervals: while workers forward, intervals end, logs begin and end, and ports go, each packet is in exactly
// one interval of a log that was there all the time.
func TestNoPacketIsLostBetweenIntervals(t *testing.T) {
	const packets = 20_000
	l := newLab(t, Natural)
	in, out := l.attach("eni-app", 64), l.attach("eni-far", packets)
	l.commit(options{})
	log, _ := l.router.OpenFlowLog(FlowLogConfig{}, 0)
	var sending sync.WaitGroup
	sending.Go(func() {
		p := packet.New(100)
		for n := range packets {
			packet.BuildTCP(p, at(app, uint16(1000+n%100)), at(far, 80), packet.SYN, 1, 0, nil)
			if in.Inject(p.Bytes()) != nil {
				return
			}
		}
	})
	var cuts []FlowLogInterval
	for done := false; !done; {
		done = l.router.Counters().PacketsIn == packets
		cuts = append(cuts, log.Cut(0))
		other, _ := l.router.OpenFlowLog(FlowLogConfig{}, 0)
		other.Cut(0)
		other.Close()
	}
	sending.Wait()
	require.NoError(t, l.router.Detach("eni-app"))
	cuts = append(cuts, log.Close())
	egress, _ := logged(cuts, "eni-app")
	require.EqualValues(t, packets, egress)
	require.Greater(t, len(cuts), 1)
	require.Zero(t, out.Dropped())
	require.Empty(t, l.router.logs)
}

// TestWhoLeftIsStillInTheInterval: the packets of a port that was detached belong to the interval in which they came.
func TestWhoLeftIsStillInTheInterval(t *testing.T) {
	l := newLab(t, Natural)
	in := l.attach("eni-app", 64)
	l.attach("eni-far", 64)
	l.commit(options{})
	log, _ := l.router.OpenFlowLog(FlowLogConfig{}, 0)
	require.NoError(t, in.Inject(segment(at(app, 1), at(far, 80), packet.SYN).Bytes()))
	require.Eventually(t, func() bool { return l.router.Counters().PacketsIn == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, l.router.Detach("eni-app"))
	cut := log.Cut(0)
	egress, _ := logged([]FlowLogInterval{cut}, "eni-app")
	require.EqualValues(t, 1, egress)
	egress, _ = logged([]FlowLogInterval{log.Close()}, "eni-app")
	require.Zero(t, egress)
}

// TestActions: a flow log says REJECT of what filters refuse and of what comes after a connection was closed, ACCEPT of all else, at the interface
// where it was decided (aws-semantics 9.2).
func TestActions(t *testing.T) {
	l := newLab(t, Silent)
	l.commit(options{})
	w := l.worker()
	table := aggregation.NewTable([2]uint64{1, 2}, aggregation.NewRoom(100), 0, aggregation.All)
	w.logs = []*aggregation.Table{table}
	send := func(from string, p *packet.Packet) drop.Reason {
		w.snapshot = l.router.Snapshot()
		p.Time = l.clock.Load()
		_, reason := w.Forward(w.snapshot.Interface(from), p)
		return reason
	}
	require.Equal(t, drop.None, send("eni-app", segment(at(app, 1), at(s3, 80), packet.SYN)))
	require.Equal(t, drop.None, send("s3", segment(at(s3, 80), at(appIP, 1), packet.SYN|packet.ACK)))
	require.Equal(t, drop.None, send("eni-app", segment(at(app, 1), at(s3, 80), packet.ACK)))
	l.commit(options{endpointA: "vpce-1"})
	require.Equal(t, drop.StaleFlow, send("eni-app", segment(at(app, 1), at(s3, 80), packet.ACK)))
	require.Equal(t, drop.SourceDestCheck, send("eni-app", segment(at(other, 1), at(s3, 80), packet.SYN)))

	type line struct {
		egress bool
		action string
		flags  uint8
	}
	var got []line
	aggregation.Merge(w.logs, func(f *aggregation.Flow) { got = append(got, line{f.Egress, f.Action.String(), f.TCPFlags}) })
	require.ElementsMatch(t, []line{
		{true, "ACCEPT", packet.SYN}, // the connection
		{false, "ACCEPT", packet.SYN | packet.ACK},
		{true, "REJECT", 0},          // after its end
		{true, "ACCEPT", packet.SYN}, // with an address that is not the interface's
	}, got)
}

// TestFlowLogsAreBounded: there is room for so many, and again when one has ended.
func TestFlowLogsAreBounded(t *testing.T) {
	l := newLab(t, Natural)
	var logs []*FlowLog
	for range MaxFlowLogs {
		log, ok := l.router.OpenFlowLog(FlowLogConfig{}, 0)
		require.True(t, ok)
		logs = append(logs, log)
	}
	_, ok := l.router.OpenFlowLog(FlowLogConfig{}, 0)
	require.False(t, ok)
	logs[3].Close()
	_, ok = l.router.OpenFlowLog(FlowLogConfig{}, 0)
	require.True(t, ok)
}

// TestTracesAreNotLogged: a question leaves nothing behind.
func TestTracesAreNotLogged(t *testing.T) {
	l := newLab(t, Natural)
	l.attach("eni-app", 4)
	l.commit(options{})
	log, _ := l.router.OpenFlowLog(FlowLogConfig{}, 0)
	s := l.router.Snapshot()
	require.NotNil(t, s.Trace(l.router, s.Interface("eni-app"), segment(at(app, 1), at(far, 80), packet.SYN), nil).Delivered)
	egress, ingress := logged([]FlowLogInterval{log.Close()}, "eni-app")
	require.Zero(t, egress+ingress)
}

func TestLoggingDoesNotAllocate(t *testing.T) {
	l := newLab(t, Natural)
	l.commit(options{})
	w, from := l.worker(), l.router.Snapshot().Interface("eni-app")
	w.logs = []*aggregation.Table{aggregation.NewTable([2]uint64{1, 2}, aggregation.NewRoom(100), 0, aggregation.All)}
	original, p := segment(at(app, 40000), at(far, 80), packet.ACK), packet.New(256)
	forward := func() {
		p.CopyFrom(original)
		p.Decode()
		if _, reason := w.Forward(from, p); reason != drop.None {
			t.Fatal(reason)
		}
	}
	forward()
	if n := testing.AllocsPerRun(1000, forward); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}

// BenchmarkForwardLogged is BenchmarkForward's way inside the VPC, without flow logs, with one, and with two.
func BenchmarkForwardLogged(b *testing.B) {
	for logs, name := range []string{"no log", "one log", "two logs"} {
		b.Run(name, func(b *testing.B) {
			l := newLab(b, Natural)
			l.commit(options{})
			w, from := l.worker(), l.router.Snapshot().Interface("eni-app")
			for range logs {
				w.logs = append(w.logs, aggregation.NewTable([2]uint64{1, 2}, aggregation.NewRoom(1<<16), 0, aggregation.All))
			}
			var all [64]*packet.Packet
			for n := range all {
				all[n] = segment(at(app, uint16(1000+n)), at(far, 80), packet.ACK)
				all[n].Decode()
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if _, reason := w.Forward(from, all[n%len(all)]); reason != drop.None {
					b.Fatal(reason)
				}
			}
		})
	}
}
