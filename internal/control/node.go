package control

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"sort"
	"strings"
	"sync/atomic"

	"vpcsim/dataplane/port"
	"vpcsim/dataplane/port/tap"
	"vpcsim/endpoint"
	"vpcsim/topology"
	"vpcsim/topology/compile"
	"vpcsim/topology/host"
)

// node is something with a kernel of its own: an instance, an internet host, or an edge where S3 is reached. It is a network
// namespace with a TAP for each of its interfaces.
type node struct {
	plan
	ns       *host.Namespace
	attached []string       // ids of the interfaces that have a port
	local    []netip.Prefix // what an edge owns by now
	listener net.Listener   // of what answers behind an interface endpoint; else nil
	sockets  []io.Closer    // of S3, and of the services of a VPC
}

// plan is what a node is to be.
type plan struct {
	id, name string
	devices  []device
	local    []netip.Prefix   // the addresses that an edge owns
	origin   *endpoint.Origin // of the connections that an edge accepts; nil unless it is an S3 edge
	service  bool             // it is what answers behind an interface endpoint

	vpc       string     // id of the VPC that it is part of, as an instance or the edge of the VPC's services
	linkLocal *linkLocal // of that edge; else nil
}

// guest says whether the node is an instance or internet host, in which programs run.
func (p plan) guest() bool { return p.origin == nil && !p.service && p.linkLocal == nil }

// answers are the TCP ports that the node has a word for; nil if it answers as a kernel does. What listens there or not: to S3's
// ports 80 and 443 there is an answer (aws-semantics 3.2), to all others of services none.
func (p plan) answers() []uint16 {
	switch {
	case p.origin != nil:
		return []uint16{80, 443}
	case p.service:
		return []uint16{servicePort}
	}
	return nil
}

// device is one TAP of a node.
type device struct {
	id     string // of the interface
	mac    [6]byte
	addrs  []netip.Prefix // of both families
	router netip.Addr
	mtu    int
	subnet *topology.Subnet // nil at an edge
}

// The MTUs of the links: of an instance's network interface, and of all that lies beyond a gateway (aws-semantics 8.5). What
// does not fit through a path is the router's to say.
const (
	vpcMTU  = 9001
	edgeMTU = 1500
)

var (
	routerMAC  = [6]byte{0x02, 0, 0, 0, 0, 0x01}          // of the implicit router, in every subnet
	edgeMAC    = [6]byte{0x02, 0, 0, 0, 0, 0x02}          // of whatever is alone on its link
	edgeRouter = netip.AddrFrom4([4]byte{169, 254, 0, 1}) // the router as an edge sees it
	router6    = netip.MustParseAddr("fe80:ec2::1")       // the router of every subnet, in IPv6 (aws-semantics 8.1)
)

// router6 is the next hop of the device's IPv6 packets; invalid if it has no IPv6 address.
func (d device) router6() netip.Addr {
	for _, a := range d.addrs {
		if a.Addr().Is6() {
			return router6
		}
	}
	return netip.Addr{}
}

// plans lists the nodes that a network needs, the edges of deleted endpoints included.
func plans(n *topology.Network, draining []*topology.Endpoint) []plan {
	edge := func(id, name string, origin endpoint.Origin) plan {
		return plan{id: id, name: name, local: n.S3.CIDRs, origin: &origin, devices: []device{{id: id, mac: edgeMAC, router: edgeRouter, mtu: edgeMTU}}}
	}
	all := []plan{edge(compile.S3Internet, "s3 internet", endpoint.Origin{})}
	for _, e := range draining {
		all = append(all, edge(e.ID, "s3 "+e.Name, endpoint.Origin{VPC: e.VPC.ID, Endpoint: e.ID}))
	}
	for _, h := range n.InternetHosts {
		d := device{id: h.ID, mac: edgeMAC, addrs: []netip.Prefix{netip.PrefixFrom(h.Address, 32)}, router: edgeRouter, mtu: edgeMTU}
		if h.IPv6Address.IsValid() {
			d.addrs = append(d.addrs, netip.PrefixFrom(h.IPv6Address, 128))
		}
		all = append(all, plan{id: h.ID, name: h.Name, devices: []device{d}})
	}
	for _, v := range n.VPCs {
		for _, e := range v.Endpoints {
			all = append(all, edge(e.ID, "s3 "+e.Name, endpoint.Origin{VPC: v.ID, Endpoint: e.ID}))
		}
		if len(v.Instances) > 0 { // else nobody asks
			all = append(all, linkLocalPlan(v))
		}
		for _, i := range v.Instances {
			p := plan{id: i.ID, name: i.Name, vpc: v.ID}
			for _, eni := range i.Interfaces {
				p.devices = append(p.devices, deviceOf(eni))
			}
			all = append(all, p)
		}
		for _, eni := range v.NetworkInterfaces {
			if p, answers := servicePlan(eni); answers {
				all = append(all, p)
			}
		}
	}
	return all
}

// deviceOf is the TAP of a network interface.
func deviceOf(eni *topology.NetworkInterface) device {
	d := device{id: eni.ID, mac: eni.MAC, router: eni.Subnet.Router(), subnet: eni.Subnet, mtu: vpcMTU}
	for _, a := range eni.Addresses {
		d.addrs = append(d.addrs, netip.PrefixFrom(a, eni.Subnet.CIDR.Bits()))
	}
	for _, a := range eni.IPv6Addresses {
		d.addrs = append(d.addrs, netip.PrefixFrom(a, eni.Subnet.IPv6CIDR.Bits()))
	}
	return d
}

// build makes the nodes that are not there yet, and gives S3's edges the addresses that are new. On an error it takes
// back what it made.
func (l *Lab) build(all []plan) error {
	var made []*node
	for _, p := range all {
		n, err := l.nodes[p.id], error(nil)
		if n != nil {
			err = n.own(p.local)
		} else if n, err = l.newNode(p); n != nil {
			made = append(made, n)
			l.nodes[p.id] = n
		}
		if err != nil {
			for _, n := range made {
				delete(l.nodes, n.id)
				err = errors.Join(err, l.removeNode(n))
			}
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// own makes further addresses the node's.
func (n *node) own(local []netip.Prefix) error {
	var fresh []netip.Prefix
	for _, p := range local {
		if !slices.Contains(n.local, p) {
			fresh = append(fresh, p)
		}
	}
	n.local = append(n.local, fresh...)
	return n.ns.AddLocal(fresh)
}

// newNode makes a node; if it fails half-way it returns what there is of it.
func (l *Lab) newNode(p plan) (*node, error) {
	ns, err := host.NewNamespace()
	if err != nil {
		return nil, err
	}
	n := &node{plan: p, ns: ns, local: slices.Clone(p.local)}
	config := host.Config{Local: p.local, Answers: p.answers(), IgnorePings: p.service}
	for i, d := range p.devices {
		name := fmt.Sprintf("eth%d", i)
		if err := l.attach(n, name, d); err != nil {
			return n, err
		}
		config.Interfaces = append(config.Interfaces, host.Interface{Name: name, Addrs: d.addrs, Router: d.router, Router6: d.router6(), RouterMAC: routerMAC})
	}
	if err := ns.Configure(config); err != nil {
		return n, err
	}
	switch {
	case p.origin != nil:
		return n, l.serveS3(n)
	case p.service:
		return n, l.answer(n)
	case p.linkLocal != nil:
		return n, l.serveLinkLocal(n)
	}
	return n, nil
}

// attach makes a TAP and hands it to the router.
func (l *Lab) attach(n *node, name string, d device) error {
	neighbours := l.neighboursOf(d.subnet)
	config := tap.Config{Name: name, MTU: d.mtu, MAC: d.mac, Router: routerMAC, Neighbour: func(a netip.Addr) (mac [6]byte, ok bool) {
		mac, ok = (*neighbours.Load())[a]
		return mac, ok
	}}
	if l.options.without != nil {
		config.Without = l.options.without(n.name)
	}
	var p port.Port
	if err := n.ns.Do(func() (err error) { p, err = tap.Open(config); return err }); err != nil {
		return err
	}
	if l.options.watch != nil {
		p = l.options.watch(d, p)
	}
	l.router.Attach(d.id, p)
	n.attached = append(n.attached, d.id)
	return nil
}

// remove takes away the nodes that are not planned any more.
func (l *Lab) remove(keep []plan) (err error) {
	for id, n := range l.nodes {
		if !slices.ContainsFunc(keep, func(p plan) bool { return p.id == id }) {
			delete(l.nodes, id)
			err = errors.Join(err, l.removeNode(n))
		}
	}
	return err
}

// removeNode takes the node off the wire first, so that nothing of its end is seen outside.
func (l *Lab) removeNode(n *node) (err error) {
	for _, id := range n.attached {
		err = errors.Join(err, l.router.Detach(id))
	}
	if n.listener != nil {
		_ = n.listener.Close()
	}
	for _, s := range n.sockets {
		err = errors.Join(err, s.Close())
	}
	if n.origin != nil {
		l.s3.CloseEdge(*n.origin)
	}
	return errors.Join(err, n.ns.Close())
}

// neighbours is whom an interface can reach by ARP.
type neighbours = map[netip.Addr][6]byte

// neighboursOf returns the place where a subnet's neighbours are kept, nil being every edge's.
func (l *Lab) neighboursOf(s *topology.Subnet) *atomic.Pointer[neighbours] {
	id := ""
	if s != nil {
		id = s.ID
	}
	if l.neighbours[id] == nil {
		l.neighbours[id] = new(atomic.Pointer[neighbours])
		l.neighbours[id].Store(&neighbours{edgeRouter: routerMAC, router6: routerMAC})
	}
	return l.neighbours[id]
}

// refreshNeighbours tells every subnet's TAPs who is there: the router, and the interfaces with their own MAC addresses. ARP
// for anybody else stays unanswered (aws-semantics 8.2).
func (l *Lab) refreshNeighbours(n *topology.Network) {
	bySubnet := map[*topology.Subnet]neighbours{}
	for _, v := range n.VPCs {
		for _, s := range v.Subnets {
			bySubnet[s] = neighbours{s.Router(): routerMAC, router6: routerMAC}
		}
		for _, g := range v.NATGateways {
			for _, a := range g.Addresses {
				bySubnet[g.Subnet][a] = routerMAC // which is as good as one of its own: the router carries its packets
			}
		}
	}
	for s, all := range bySubnet {
		if r := s.VPC.Resolver(); s.VPC.DNSSupport && s.CIDR.Contains(r) {
			all[r] = routerMAC // behind which it is
		}
	}
	for _, eni := range n.NetworkInterfaces() {
		for _, a := range slices.Concat(eni.Addresses, eni.IPv6Addresses) {
			bySubnet[eni.Subnet][a] = eni.MAC
		}
	}
	for s, all := range bySubnet {
		l.neighboursOf(s).Store(&all)
	}
}

// Run starts a command in the instance or internet host with the given name or id. Waiting for it is the caller's.
func (l *Lab) Run(name string, cmd *exec.Cmd) error {
	n, m, err := l.place(name)
	if err != nil {
		return err
	}
	trust(cmd)
	return n.ns.Start(cmd, m)
}

// place finds the node where a command is to run, and the files that it finds there.
func (l *Lab) place(name string) (*node, *host.Mounts, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.find(name)
	if n == nil {
		return nil, nil, fmt.Errorf("no instance or internet host is called %q; there are %s", name, strings.Join(l.names(), ", "))
	}
	m, err := l.mounts(n)
	return n, m, err
}

func (l *Lab) find(name string) *node {
	if n := l.nodes[name]; n != nil && n.guest() {
		return n
	}
	for _, n := range l.nodes {
		if n.name == name && n.guest() {
			return n
		}
	}
	return nil
}

// names lists the nodes that can run commands; mu is held.
func (l *Lab) names() (all []string) {
	for _, n := range l.nodes {
		if n.guest() {
			all = append(all, n.name)
		}
	}
	sort.Strings(all)
	return all
}
