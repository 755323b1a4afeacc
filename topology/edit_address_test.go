package topology_test

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

const automaticLab = `
region: us-east-1
vpcs:
  a:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {s: {cidr: 10.0.1.0/24}}
    nat_gateways: {m: {subnet: s, secondary_public_ips: [auto]}, n: {subnet: s}, p: {subnet: s, private: true}}
    instances:
      b: {subnet: s, public_ip: auto}
      c: {interfaces: [{subnet: s, public_ip: auto}, {subnet: s}]}
      d: {subnet: s}
`

// addresses lists the addresses of everything in a network by the name of its owner.
func addresses(n *topology.Network) map[string][]netip.Addr {
	all := map[string][]netip.Addr{}
	for _, eni := range n.NetworkInterfaces() {
		name := eni.Instance.Name
		all[name] = append(append(all[name], eni.Addresses...), eni.PublicIPs...)
	}
	for _, g := range n.VPC("a").NATGateways {
		all[g.Name] = append(append(all[g.Name], g.Addresses...), g.PublicIPs...)
	}
	return all
}

// TestAnEditMovesNobodyElse: the lowest free address is chosen by name, and yet an edit leaves everyone else with their own.
func TestAnEditMovesNobodyElse(t *testing.T) {
	for name, edit := range map[string]func(spec) error{
		"b": func(s spec) error { return s.AssociateAddress("", "b", "") },
		"d": func(s spec) error { return s.AssociateAddress("", "d", "auto") },
		"m": func(s spec) error { return s.DeleteNATGateway("", "m") },
		"k": func(s spec) error { return s.CreateNATGateway("", "k", topology.NATGatewaySpec{Subnet: "s"}) },
	} {
		s, _, err := topology.Parse("f", []byte(automaticLab))
		require.NoError(t, err)
		before := addresses(network(t, automaticLab))
		require.NoError(t, edit(s))
		n, err := topology.Resolve(s, nil)
		require.NoError(t, err)
		after := addresses(n)
		if reflect.DeepEqual(before[name], after[name]) {
			t.Errorf("%s still has %v", name, after[name])
		}
		delete(before, name)
		delete(after, name)
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s: got %v, want %v", name, after, before)
		}
	}
}

func TestANewNATGatewayCannotTakeAnAddressThatAnInstanceWasGiven(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(automaticLab))
	require.NoError(t, err)
	require.NoError(t, s.CreateNATGateway("", "k", topology.NATGatewaySpec{Subnet: "s", Address: "10.0.1.4"}))
	_, err = topology.Resolve(s, nil)
	if want := "vpcs.a.nat_gateways.k.address: 10.0.1.4 is taken by vpcs.a.instances.b.address"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEditsHoldThePublicAddressesOfSecondaryOnes(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(`
region: us-east-1
vpcs:
  m:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {s: {cidr: 10.0.1.0/24}}
    instances:
      a: {subnet: s}
      b: {subnet: s, secondary_addresses: [10.0.1.9, 10.0.1.10], secondary_public_ips: [none, auto]}
`))
	require.NoError(t, err)
	before, err := topology.Resolve(s, nil)
	require.NoError(t, err)
	require.NoError(t, s.AssociateAddress("", "a", "auto"))
	after, err := topology.Resolve(s, nil)
	require.NoError(t, err)
	b := after.Instance("b").Interfaces[0]
	require.Equal(t, before.Instance("b").Interfaces[0].PublicIPs, b.PublicIPs)
	require.False(t, b.PublicIPs[1].IsValid())
	require.True(t, b.PublicIPs[2].IsValid())
	require.True(t, after.Instance("a").Interfaces[0].IsPublic())
}
