// Package compile turns a checked topology into a data plane: a [topology.Network] into a [dataplane.Snapshot].
//
// It is the one place that sees both sides. Compiling is pure and deterministic: it touches no network, no clock and no
// port, so that a topology can be traced on a machine that could not run it. What a running lab must not lose from one
// snapshot to the next is handed on in a [State], which compiling reads and does not change.
package compile

import (
	"net/netip"

	"vpcsim/dataplane"
	"vpcsim/dataplane/filter"
	"vpcsim/endpoint"
	"vpcsim/nat"
	"vpcsim/topology"
)

// The gateways of all kinds satisfy the dataplane's interface without knowing it.
var _ = [...]dataplane.Gateway{
	nat.Egress{}, nat.Ingress{}, (*nat.Gateway)(nil), nat.Inbound{}, endpoint.Gateway{}, endpoint.Return{},
	peering{}, untranslated{}, egressOnly{}, hop{}, passage{}, own{},
}

// S3Internet is the id of the edge where S3 is reached over the internet. The edge of an endpoint has the endpoint's id.
const S3Internet = "s3-internet"

// Internet is the id of the node that stands for the internet.
const Internet = "internet"

// Snapshot compiles a network. It takes over the gateways that old has, as they are, makes those that are new, and returns
// all of them as the network's own state: see [State] for what to do with it. A nil old has none.
//
// Draining endpoints have been deleted: no route leads to them, but what the service still sends through them arrives, as what
// it sends to a public address still arrives after an endpoint was created (aws-semantics 3.5: removal is the mirror
// image). An error is a defect of the network that [topology.Resolve] should have reported.
func Snapshot(n *topology.Network, old *State, draining ...*topology.Endpoint) (*dataplane.Snapshot, *State, error) {
	c := newCompiler(n, old)
	c.services()
	for _, v := range n.VPCs {
		c.enter(v)
	}
	for _, e := range draining {
		if v := c.byID(e.VPC.ID); v != nil {
			c.add(&dataplane.Interface{ID: e.ID, Name: e.Name, Node: c.back(e, v)})
		}
	}
	for _, g := range n.TransitGateways {
		c.attach(g)
	}
	for _, v := range n.VPCs {
		c.connect(c.vpcs[v])
	}
	c.fill(c.internet, c.outside)
	return c.snapshot, c.state, c.err
}

// compiler holds what the parts of one compilation share. It works in two passes, because a graph has cycles: the first
// makes every interface and every node, without routes; the second fills the nodes.
type compiler struct {
	network  *topology.Network
	old      *State
	state    *State
	snapshot *dataplane.Snapshot
	err      error // the first one

	internet *dataplane.Node
	outside  []*dataplane.Route // of the internet

	vpcs       map[*topology.VPC]*vpc
	subnets    map[*topology.Subnet]*dataplane.Subnet
	interfaces map[string]*dataplane.Interface // by id
	tables     map[view]*dataplane.Node
	transits   map[transitView]*dataplane.Node

	acls    map[*topology.NetworkACL]*filter.NetworkACL
	single  map[*topology.SecurityGroup]*filter.SecurityGroups
	groups  map[string]*filter.SecurityGroups // by the ids of the groups
	members map[*topology.SecurityGroup][]netip.Prefix
}

func newCompiler(n *topology.Network, old *State) *compiler {
	return &compiler{
		network:  n,
		old:      old,
		state:    newState(),
		snapshot: &dataplane.Snapshot{},
		internet: &dataplane.Node{ID: Internet},

		vpcs:       map[*topology.VPC]*vpc{},
		subnets:    map[*topology.Subnet]*dataplane.Subnet{},
		interfaces: map[string]*dataplane.Interface{},
		tables:     map[view]*dataplane.Node{},
		transits:   map[transitView]*dataplane.Node{},

		acls:    map[*topology.NetworkACL]*filter.NetworkACL{},
		single:  map[*topology.SecurityGroup]*filter.SecurityGroups{},
		groups:  map[string]*filter.SecurityGroups{},
		members: map[*topology.SecurityGroup][]netip.Prefix{},
	}
}

// add makes i one of the snapshot's interfaces.
func (c *compiler) add(i *dataplane.Interface) *dataplane.Interface {
	c.snapshot.Interfaces = append(c.snapshot.Interfaces, i)
	c.interfaces[i.ID] = i
	return i
}

// byID finds a VPC that an earlier network's things belong to; nil if it is gone.
func (c *compiler) byID(id string) *vpc {
	for _, v := range c.network.VPCs {
		if v.ID == id {
			return c.vpcs[v]
		}
	}
	return nil
}

// fill gives a node its routes.
func (c *compiler) fill(n *dataplane.Node, routes []*dataplane.Route) {
	table, err := build(routes)
	if c.err == nil {
		c.err = err
	}
	n.Routes = table
}
