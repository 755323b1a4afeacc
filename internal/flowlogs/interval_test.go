package flowlogs

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/flowlog"
	"vpcsim/dataplane/packet"
)

// TestIntervalsWithoutTraffic have one NODATA line for each interface, with the interval's times (flow-logs-records-examples).
func TestIntervalsWithoutTraffic(t *testing.T) {
	t.Parallel()
	b := newBench(t, twoVPCs)
	log, sink := b.open(strings.TrimSpace(flowlog.Default().String()), "app")
	b.now.Add(int64(time.Minute))
	require.NoError(t, log.Cut())
	require.Equal(t, []string{"2 123456789012 eni-app - - - - - - - 1700000000 1700000060 - NODATA"}, b.nameAll(sink.all))
	require.Equal(t, []Interval{{Begin: epoch.Truncate(time.Second), End: epoch.Add(time.Minute).Truncate(time.Second)}}, sink.ended)
}

// TestIntervalsThatAreTooFull have SKIPDATA for the interfaces whose flows there was no room for, and say how many packets that were; the next
// interval has room again.
func TestIntervalsThatAreTooFull(t *testing.T) {
	t.Parallel()
	b := newBench(t, twoVPCs)
	sink := &lines{}
	log, err := Open(b.lab(), Options{Flows: 64, Resources: []string{"app", "web"}}, sink)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, log.Close()) })
	for n := range 70 {
		b.tcp("app", fmt.Sprintf("10.0.2.10:%d", 1000+n), "10.0.1.10:443", packet.SYN) // logged at both interfaces
	}
	require.NoError(t, log.Cut())
	require.Len(t, sink.ended, 1)
	require.Equal(t, 64, sink.ended[0].Records)
	require.EqualValues(t, 2*70-64, sink.ended[0].Skipped)
	var skipped []string
	for _, line := range b.nameAll(sink.all) {
		if strings.HasSuffix(line, "SKIPDATA") {
			skipped = append(skipped, line)
		}
	}
	const dashes = " - - - - - - - 1700000000 1700000000 - SKIPDATA"
	require.ElementsMatch(t, []string{"2 123456789012 eni-app" + dashes, "2 123456789012 eni-web" + dashes}, skipped)
	b.tcp("app", "10.0.2.10:5000", "10.0.1.10:443", packet.SYN)
	require.NoError(t, log.Cut())
	require.Equal(t, 2, sink.ended[1].Records)
	require.Zero(t, sink.ended[1].Skipped)
}

// TestInterfacesThatComeAndGo: what a deleted interface did before is still told, and a new one of a logged VPC is logged.
func TestInterfacesThatComeAndGo(t *testing.T) {
	t.Parallel()
	const lab = `
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    subnets: {a: {cidr: 10.0.1.0/24}}
    instances:
      one: {subnet: a, address: 10.0.1.10}
`
	b := newBench(t, lab+"      two: {subnet: a, address: 10.0.1.11}\n")
	log, sink := b.open("${interface-id} ${dstaddr}", "main")
	b.tcp("two", "10.0.1.11:1", "10.0.1.10:2", packet.SYN)
	two := b.port("two")
	b.commit(lab + "      three: {subnet: a, address: 10.0.1.12}\n")
	require.NoError(t, b.router.Detach(two))
	b.tcp("three", "10.0.1.12:1", "10.0.1.10:2", packet.SYN)
	require.NoError(t, log.Cut())
	require.ElementsMatch(t, []string{two + " 10.0.1.10", "eni-one 10.0.1.10", "eni-one 10.0.1.10", "eni-three 10.0.1.10"}, b.nameAll(sink.data()))
	require.NoError(t, log.Cut())
	for _, line := range sink.all {
		require.NotContains(t, line, two, "it is gone")
	}
}

// failing is a sink that cannot take anything.
type failing struct{ lines }

// Lines implements [Sink].
func (f *failing) Lines(string, []byte) error { return errors.New("no space left") }

// TestASinkThatFails ends the log, and no packet notices.
func TestASinkThatFails(t *testing.T) {
	t.Parallel()
	b := newBench(t, twoVPCs)
	log, err := Open(b.lab(), Options{Interval: time.Second}, &failing{})
	require.NoError(t, err)
	require.ErrorContains(t, log.Run(t.Context(), false), "no space left")
	b.tcp("app", "10.0.2.10:1", "10.0.1.10:443", packet.SYN)
	require.EqualValues(t, 1, b.router.Counters().PacketsOut)
}
