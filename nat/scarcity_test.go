package nat

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
)

// TestRefusedDestinationsAreTold: each once with its count, and then forgotten; destinations beyond those that there is room for
// together.
func TestRefusedDestinationsAreTold(t *testing.T) {
	var s scarce
	for n := range uint16(notedScarce + 3) {
		for range n + 1 {
			k := newKey(number(hostA), number(webA), 4000+n, 100+n, packet.UDP)
			s.note(&k)
		}
	}
	require.EqualValues(t, 9+10+11, s.others)
	for n := range notedScarce {
		require.EqualValues(t, n+1, s.refused[n])
	}
}

func TestAGatewayTellsWhereItHadNoPort(t *testing.T) {
	g := NewGateway(standard())
	require.Zero(t, g.Load())
	p := packet.New(64)
	send := func(port uint16) drop.Reason {
		packet.BuildUDP(p, at(hostA, port), at(webA, 53), nil)
		p.Time = 1
		return g.Cross(p)
	}
	for n := range maxPerDestination {
		require.Equal(t, drop.None, send(uint16(1024+n)))
	}
	require.Empty(t, g.TakeScarcities())
	require.Equal(t, Load{maxPerDestination, packet.UDP, natA, at(webA, 53), maxPerDestination}, g.Load())
	for n := range 3 {
		require.Equal(t, drop.NATPorts, send(uint16(60000+n)))
	}
	want := []Scarcity{{Protocol: packet.UDP, Destination: at(webA, 53), Refused: 3}}
	if got := g.TakeScarcities(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	require.Empty(t, g.TakeScarcities())
}
