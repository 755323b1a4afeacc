package compile_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/packet"
	"vpcsim/internal/packettest"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// TestAccount: a big account's topology is what its text says, and carries packets.
func TestAccount(t *testing.T) {
	n, s := snapshot(t, packettest.Account())
	subnets, tables, rules := 0, 0, 0
	for _, v := range n.VPCs {
		subnets, tables = subnets+len(v.Subnets), tables+len(v.RouteTables)
		for _, g := range v.SecurityGroups {
			rules += len(g.Ingress) + len(g.Egress)
		}
	}
	defaults := 2 * len(n.VPCs) // rules of the default groups
	require.Equal(t, []int{5000, 500, 200, 10_000 + defaults}, []int{len(n.NetworkInterfaces()), subnets, tables, rules})

	for _, row := range []struct {
		name, from, to string
		port           uint16
		delivered      string
	}{
		{"no rule names the sender", "v0-instance-0", "10.0.1.10", 1000, ""},
		{"a rule names a group that the sender is in", "v0-instance-0", "10.0.99.10", 1001, "v0-instance-99"},
		{"a rule names the subnet of a sender in a peered VPC", "v1-instance-7", "10.2.7.10", 1006, "v2-instance-7"},
	} {
		eni := n.Instance(row.from).Interfaces[0]
		p := packet.New(128)
		packet.BuildTCP(p, netip.AddrPortFrom(eni.Addresses[0], 40000), netip.AddrPortFrom(netip.MustParseAddr(row.to), row.port), packet.SYN, 1, 0, nil)
		trace := s.Trace(nil, s.Interface(eni.ID), p, nil)
		if row.delivered == "" {
			require.Nil(t, trace.Delivered, row.name)
			continue
		}
		require.NotNil(t, trace.Delivered, "%s: %+v", row.name, trace.Steps)
		require.Equal(t, row.delivered, trace.Delivered.Name, row.name)
	}
}

// BenchmarkAccount is the way of a big account's topology (see [packettest.Account]) from its text to a snapshot: 0.4 s,
// 0.15 s and 0.1 s of one core of an EPYC, three quarters of the first in the YAML library.
func BenchmarkAccount(b *testing.B) {
	text := packettest.Account()
	spec, src, err := topology.Parse("account.vpc.yml", text)
	require.NoError(b, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(b, err)
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			_, _, err := topology.Parse("account.vpc.yml", text)
			require.NoError(b, err)
		}
	})
	b.Run("resolve", func(b *testing.B) {
		for b.Loop() {
			_, err := topology.Resolve(spec, src)
			require.NoError(b, err)
		}
	})
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			s, _, err := compile.Snapshot(n, nil)
			require.NoError(b, err)
			dataplane.Prepare(s)
		}
	})
}
