// Package compile turns a checked topology into a data plane: a [topology.Network] into a [dataplane.Snapshot].
//
// It is the one place that sees both sides. Compiling is pure and deterministic: it touches no network, no clock and no
// port, so that a topology can be traced on a machine that could not run it.
package compile

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/endpoint"
	"vpcsim/nat"
	"vpcsim/topology"
)

// The gateways of all kinds satisfy the dataplane's interface without knowing it.
var _ = [...]dataplane.Gateway{nat.Egress{}, nat.Ingress{}, endpoint.Gateway{}, endpoint.Return{}}

// S3Internet is the id of the edge where S3 is reached over the internet. The edge of an endpoint has the endpoint's id.
const S3Internet = "s3-internet"

// Internet is the id of the node that stands for the internet.
const Internet = "internet"

// Snapshot compiles a network. Draining endpoints have been deleted: no route leads to them, but what the service still sends
// through them arrives, as what it sends to a public address still arrives after an endpoint was created
// (aws-semantics 3.5: removal is the mirror image). An error is a defect of the network that [topology.Resolve] should
// have reported.
func Snapshot(n *topology.Network, draining ...*topology.Endpoint) (*dataplane.Snapshot, error) {
	c := &compiler{
		network:   n,
		draining:  draining,
		snapshot:  &dataplane.Snapshot{},
		internet:  &dataplane.Node{ID: Internet},
		endpoints: map[*topology.Endpoint]*dataplane.Interface{},
	}
	outside := c.services()
	for _, v := range n.VPCs {
		public, err := c.vpc(v)
		if err != nil {
			return nil, err
		}
		outside = append(outside, public...)
	}
	var err error
	c.internet.Routes, err = build(outside)
	return c.snapshot, err
}

// compiler holds what the parts of one compilation share.
type compiler struct {
	network   *topology.Network
	draining  []*topology.Endpoint
	snapshot  *dataplane.Snapshot
	internet  *dataplane.Node
	endpoints map[*topology.Endpoint]*dataplane.Interface // their edges
}

func (c *compiler) add(i *dataplane.Interface) *dataplane.Interface {
	c.snapshot.Interfaces = append(c.snapshot.Interfaces, i)
	return i
}

// vpc compiles one VPC: its local node, its gateways, its route tables and its interfaces. It returns the routes by which the
// internet reaches it.
func (c *compiler) vpc(v *topology.VPC) (public []*dataplane.Route, err error) {
	local := &dataplane.Node{ID: v.ID}
	igw := internetGateway(v)
	for _, e := range c.endpointsOf(v) {
		if c.endpoints[e], err = c.endpoint(e, local); err != nil {
			return nil, err
		}
	}
	nodes := map[*topology.RouteTable]*dataplane.Node{}
	for _, t := range v.RouteTables {
		nodes[t] = &dataplane.Node{ID: t.ID}
		if nodes[t].Routes, err = c.routeTable(t, local, igw); err != nil {
			return nil, err
		}
	}
	inside := unassigned(v)
	for _, s := range v.Subnets {
		subnet := &dataplane.Subnet{ID: s.ID, Prefix: s.CIDR, Node: nodes[s.RouteTable], Local: local}
		for _, eni := range interfacesIn(s) {
			i := c.add(networkInterface(eni, subnet))
			for _, a := range eni.Addresses {
				inside = append(inside, host(a, i))
			}
			if igw != nil && eni.PublicIP.IsValid() {
				public = append(public, toPublicIP(v, eni.PublicIP, igw, local))
			}
		}
	}
	local.Routes, err = build(inside)
	return public, err
}

func (c *compiler) endpointsOf(v *topology.VPC) []*topology.Endpoint {
	all := slices.Clone(v.Endpoints)
	for _, e := range c.draining {
		if e.VPC.ID == v.ID {
			all = append(all, e)
		}
	}
	return all
}

func interfacesIn(s *topology.Subnet) (all []*topology.NetworkInterface) {
	for _, instance := range s.VPC.Instances {
		for _, eni := range instance.Interfaces {
			if eni.Subnet == s {
				all = append(all, eni)
			}
		}
	}
	return all
}

func networkInterface(eni *topology.NetworkInterface, s *dataplane.Subnet) *dataplane.Interface {
	i := &dataplane.Interface{
		ID: eni.ID, Name: eni.Instance.Name, Realm: eni.Instance.VPC.Realm,
		Addrs: eni.Addresses, SourceDestCheck: eni.SourceDestCheck, Subnet: s,
	}
	if eni.Instance.VPC.InternetGateway != nil {
		i.PublicIP = eni.PublicIP
	}
	return i
}

func hostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
