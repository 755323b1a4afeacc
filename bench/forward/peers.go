package forward

import (
	"os/exec"
	"slices"

	"vpcsim/bench"
)

// contender is a bed that a plan wants.
type contender struct {
	name    string
	steps   []string // nil: all
	build   func(Plan) (*bed, error)
	missing func(Plan) *bench.Missing // what it lacks on this machine; nil for nothing
}

func nothing(Plan) *bench.Missing { return nil }

// peers are whom a lab can be compared with, the kernel first.
var peers = []contender{
	{name: "kernel", build: func(p Plan) (*bed, error) { return newKernel(p.Path) }, missing: nothing},
	{name: "kernel-nat", build: func(p Plan) (*bed, error) { return newKernelNAT(p.Path) }, missing: lacks("kernel-nat", "apt-get install nftables", "nft")},
	{name: "bridge", build: func(p Plan) (*bed, error) { return newBridge(p.Path) }, missing: nothing},
	relay("wireguard", "wireguard-go's TUN code: splits super-packets on reading, joins packets on writing; nothing is encrypted", true),
	{name: "ovs", build: func(p Plan) (*bed, error) { return newOVS(p.Path) }, missing: lacks("ovs", "apt-get install openvswitch-switch", "ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl", "ovs-ofctl")},
	relay("gvisor", "gVisor's network stack between two TUN devices, without offloads", false),
}

// lacks says what is missing if one of some programs is.
func lacks(name, cure string, programs ...string) func(Plan) *bench.Missing {
	return func(Plan) *bench.Missing {
		for _, p := range programs {
			if _, err := exec.LookPath(p); err != nil {
				return &bench.Missing{Name: name, Why: "no " + p, Cure: cure}
			}
		}
		return nil
	}
}

// PeerNames are the names of all peers.
func PeerNames() (all []string) {
	for _, p := range peers {
		all = append(all, p.name)
	}
	return all
}

// wanted are the contenders of a plan: nobody, ours, and the peers.
func (p *Plan) wanted() []contender {
	if p.Targets {
		return p.wantedForTargets()
	}
	all := []contender{
		{name: Direct, build: func(p Plan) (*bed, error) { return newDirect(p.Path) }, missing: nothing},
		{name: Ours, build: func(p Plan) (*bed, error) { return newLab(p.Path, p.Features) }, missing: nothing},
	}
	for _, name := range p.Peers {
		for _, peer := range peers {
			if peer.name == name {
				all = append(all, peer)
			}
		}
	}
	return all
}

// NeedsRelay says whether a plan wants a peer of package main in bench/compare/relay.
func (p *Plan) NeedsRelay() bool {
	return p.Targets || slices.ContainsFunc(p.Peers, func(name string) bool { return name == "wireguard" || name == "gvisor" })
}
