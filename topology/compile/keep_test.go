package compile

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/topology"
)

const kept = `
name: kept
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8:1::/56
    internet_gateway: igw
    egress_only_internet_gateway: eigw
    subnets: {a: {cidr: 10.0.1.0/24, ipv6_cidr: '2001:db8:1::/64'}}
    route_tables: {main: {main: true, routes: [{destination: 0.0.0.0/0, target: nat}, {destination: '::/0', target: eigw}]}}
    nat_gateways:
      nat: {subnet: a, address: 10.0.1.5, public_ip: 198.51.100.5}
`

func resolve(t testing.TB, lab string) *topology.Network {
	spec, src, err := topology.Parse("lab.vpc.yml", []byte(lab))
	require.NoError(t, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(t, err)
	return n
}

func compiled(t testing.TB, n *topology.Network, old *State) (*dataplane.Snapshot, *State) {
	s, state, err := Snapshot(n, old)
	require.NoError(t, err)
	return dataplane.Prepare(s), state
}

// TestGatewaysOutliveSnapshots: what both networks have is the same object in both snapshots, and what is gone dies with its state.
func TestGatewaysOutliveSnapshots(t *testing.T) {
	n := resolve(t, kept)
	id, eigw := n.VPCs[0].NATGateways[0].ID, n.VPCs[0].EgressOnly.ID
	first, before := compiled(t, n, nil)
	second, after := compiled(t, n, before)
	eni := n.VPCs[0].NATGateways[0].InterfaceID
	if a, b := first.Interface(eni).Gateway, second.Interface(eni).Gateway; a != b {
		t.Error("the NAT gateway was replaced, and with it went its sessions")
	}
	if before.nats[id].Gateway != after.nats[id].Gateway || before.egressOnly[eigw] != after.egressOnly[eigw] {
		t.Error("the two states do not share the gateways")
	}
	if before.egressOnly[eigw] == nil {
		t.Error("the egress-only internet gateway is not in the state")
	}
	_, fresh := compiled(t, n, nil)
	if fresh.nats[id].Gateway == before.nats[id].Gateway {
		t.Error("a network compiled by itself shares a gateway with a running one")
	}
	gone := resolve(t, "name: kept\nregion: us-east-1\nvpcs: {main: {cidr: 10.0.0.0/16}}")
	_, without := compiled(t, gone, after)
	if len(without.nats) != 0 || len(without.egressOnly) != 0 {
		t.Error("a state remembers gateways that are gone")
	}
	if len(after.nats) != 1 || len(after.egressOnly) != 1 {
		t.Error("compiling changed the old state")
	}
}

// TestConfigureIsTheChange: a network that was only compiled changes nothing about a running gateway; Configure does.
func TestConfigureIsTheChange(t *testing.T) {
	_, running := compiled(t, resolve(t, kept), nil)
	moved := resolve(t, strings.ReplaceAll(kept, "10.0.1.5", "10.0.1.6"))
	_, next := compiled(t, moved, running)
	gateway := running.nats[moved.VPCs[0].NATGateways[0].ID].Gateway
	sends := func() netip.Addr {
		p := ping("10.0.1.10", "203.0.113.10", 64)
		require.Equal(t, drop.None, gateway.Cross(p))
		return p.Src
	}
	if got := sends(); got != netip.MustParseAddr("10.0.1.5") {
		t.Errorf("before the change it sends from %s", got)
	}
	next.Configure()
	if got := sends(); got != netip.MustParseAddr("10.0.1.6") {
		t.Errorf("after the change it sends from %s", got)
	}
}

// TestNATSources: what may reach a NAT gateway is its VPC, and what a transit gateway brings (aws-semantics 5.1).
func TestNATSources(t *testing.T) {
	n := resolve(t, `
name: sources
region: us-east-1
vpcs:
  hub:
    cidr: 10.0.0.0/16
    secondary_cidrs: [10.9.0.0/16]
    subnets: {a: {cidr: 10.0.1.0/24}}
    nat_gateways: {nat: {subnet: a, private: true}}
  spoke: {cidr: 10.1.0.0/16, subnets: {b: {cidr: 10.1.1.0/24}}}
  peer: {cidr: 10.2.0.0/16}
  island: {cidr: 10.3.0.0/16, subnets: {c: {cidr: 10.3.1.0/24}}}
peerings: {p: {requester: hub, accepter: peer}}
transit_gateways:
  tgw: {attachments: {hub: {vpc: hub, subnets: [a]}, spoke: {vpc: spoke, subnets: [b]}}}
  other: {attachments: {island: {vpc: island, subnets: [c]}}}
`)
	_, state := compiled(t, n, nil)
	hub := n.VPC("hub")
	got, want := state.nats[hub.NATGateways[0].ID].config, prefixes("10.0.0.0/16", "10.9.0.0/16", "10.1.0.0/16")
	require.Equal(t, want, got.Sources)
	require.Equal(t, hub.NATGateways[0].Addresses, got.Addresses)
}
