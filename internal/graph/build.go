package graph

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/topology"
)

// builder makes a graph.
type builder struct {
	*Graph
	nodes map[string]*Node // by their ids, and by those of what they stand for besides
}

// New is the graph of a network.
func New(n *topology.Network) *Graph {
	return build(n).Graph
}

func build(n *topology.Network) *builder {
	b := &builder{Graph: &Graph{Name: n.Name, Region: n.Region}, nodes: map[string]*Node{}}
	for _, v := range n.VPCs {
		b.VPCs = append(b.VPCs, b.vpc(v))
	}
	for _, p := range n.Peerings {
		b.Between = append(b.Between, b.node(&Node{ID: p.ID, Kind: KindPeering, Name: p.Name, Detail: p.Requester.Name + " - " + p.Accepter.Name}))
	}
	for _, g := range n.TransitGateways {
		b.Between = append(b.Between, b.transit(g))
	}
	b.outside(n)
	for _, v := range n.VPCs {
		b.routes(v)
	}
	b.crossings(n)
	return b
}

// node adds a node, under further ids besides its own.
func (b *builder) node(n *Node, more ...string) *Node {
	for _, id := range append(more, n.ID) {
		b.nodes[id] = n
	}
	return n
}

func (b *builder) edge(e Edge) {
	if b.nodes[e.From] != nil && b.nodes[e.To] != nil {
		b.Edges = append(b.Edges, &e)
	}
}

func prefixes(all []netip.Prefix) string {
	var text []string
	for _, p := range all {
		text = append(text, p.String())
	}
	return strings.Join(text, ", ")
}

func addresses(all ...netip.Addr) string {
	var text []string
	for _, a := range all {
		if a.IsValid() {
			text = append(text, a.String())
		}
	}
	return strings.Join(text, ", ")
}

func (b *builder) vpc(v *topology.VPC) *VPC {
	out := &VPC{Node: b.node(&Node{ID: v.ID, Kind: KindVPC, Name: v.Name, Detail: prefixes(v.AllCIDRs())}, "services-"+v.ID)}
	for _, s := range v.Subnets {
		out.Subnets = append(out.Subnets, b.subnet(v, s))
	}
	for _, t := range v.RouteTables {
		detail := ""
		switch {
		case t.Edge:
			detail = "of the internet gateway"
		case t.Main:
			detail = "main"
		}
		out.Tables = append(out.Tables, b.node(&Node{ID: t.ID, Kind: KindTable, Name: t.Name, Detail: detail}))
	}
	out.Gateways = b.gateways(v)
	return out
}

func (b *builder) gateways(v *topology.VPC) (all []*Node) {
	if g := v.InternetGateway; g != nil {
		all = append(all, b.node(&Node{ID: g.ID, Kind: KindInternetGW, Name: g.Name}))
	}
	if g := v.EgressOnly; g != nil {
		all = append(all, b.node(&Node{ID: g.ID, Kind: KindEgressOnly, Name: g.Name}))
	}
	for _, g := range v.NATGateways {
		n := &Node{ID: g.ID, Kind: KindNAT, Name: g.Name, Detail: "in " + g.Subnet.Name + ", " + addresses(append(slices.Clone(g.Addresses), g.PublicIPs...)...)}
		all = append(all, b.node(n, g.InterfaceID))
	}
	for _, e := range v.Endpoints {
		all = append(all, b.node(&Node{ID: e.ID, Kind: KindEndpoint, Name: e.Name, Detail: e.ServiceName}))
	}
	return all
}

func (b *builder) subnet(v *topology.VPC, s *topology.Subnet) *Subnet {
	detail := s.CIDR.String()
	if s.IPv6CIDR.IsValid() {
		detail += ", " + s.IPv6CIDR.String()
	}
	out := &Subnet{Node: b.node(&Node{ID: s.ID, Kind: KindSubnet, Name: s.Name, Detail: strings.TrimSuffix(detail+", "+s.AZ, ", ")})}
	for _, i := range v.Instances {
		if i.Interfaces[0].Subnet != s {
			continue
		}
		var own []netip.Addr
		var ids []string
		for _, eni := range i.Interfaces {
			own = append(append(append(own, eni.Addresses...), eni.IPv6Addresses...), eni.PublicIPs...)
			ids = append(ids, eni.ID)
		}
		out.Members = append(out.Members, b.node(&Node{ID: i.ID, Kind: KindInstance, Name: i.Name, Detail: addresses(own...)}, ids...))
	}
	for _, eni := range v.NetworkInterfaces {
		if eni.Subnet == s {
			own := append(append(slices.Clone(eni.Addresses), eni.IPv6Addresses...), eni.PublicIPs...)
			out.Members = append(out.Members, b.node(&Node{ID: eni.ID, Kind: KindInterface, Name: eni.Name, Detail: addresses(own...)}))
		}
	}
	return out
}

func (b *builder) transit(g *topology.TransitGateway) *Node {
	var ids, names []string
	for _, a := range g.Attachments {
		ids = append(append(ids, a.ID), a.InterfaceIDs...)
		names = append(names, a.Name)
	}
	for _, t := range g.RouteTables {
		ids = append(ids, t.ID)
	}
	return b.node(&Node{ID: g.ID, Kind: KindTransit, Name: g.Name, Detail: strings.Join(names, ", ")}, ids...)
}

// outside are the internet, who is there, and S3.
func (b *builder) outside(n *topology.Network) {
	b.Outside = append(b.Outside, b.node(&Node{ID: "internet", Kind: KindInternet}))
	for _, h := range n.InternetHosts {
		b.Outside = append(b.Outside, b.node(&Node{ID: h.ID, Kind: KindHost, Name: h.Name, Detail: addresses(h.Address, h.IPv6Address)}))
	}
	b.Outside = append(b.Outside, b.node(&Node{ID: "s3", Kind: KindS3}, "s3-internet"))
}

// routes fills in the route tables of a VPC, and what leads to and from them.
func (b *builder) routes(v *topology.VPC) {
	for _, s := range v.Subnets {
		b.edge(Edge{From: s.ID, To: s.RouteTable.ID, Dashed: true})
	}
	for _, t := range v.RouteTables {
		table := b.nodes[t.ID]
		for _, cidr := range v.AllCIDRs() {
			table.Routes = append(table.Routes, Route{Destination: cidr.String(), Target: "local", To: v.ID})
		}
		labels, order := map[string][]string{}, []string{v.ID}
		for _, r := range t.Routes {
			out := b.route(r)
			table.Routes = append(table.Routes, out)
			if out.To != "" {
				if labels[out.To] == nil && !slices.Contains(order, out.To) {
					order = append(order, out.To)
				}
				labels[out.To] = append(labels[out.To], out.Destination)
			}
		}
		labels[v.ID] = append([]string{"local"}, labels[v.ID]...)
		for _, to := range order {
			b.edge(Edge{From: t.ID, To: to, Label: few(labels[to])})
		}
		if t.Edge && v.InternetGateway != nil {
			b.edge(Edge{From: v.InternetGateway.ID, To: t.ID, Dashed: true})
		}
	}
}

// few joins what fits on a label.
func few(all []string) string {
	const most = 2
	if len(all) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return strings.Join(all, ", ")
}

// route is a route that is no implied local one.
func (b *builder) route(r *topology.Route) Route {
	out := Route{Destination: r.Destination.String(), Target: r.Target, To: r.Target}
	if r.PrefixList != nil {
		out.Destination = r.PrefixList.ID
	}
	switch n := b.nodes[r.Target]; {
	case r.State == topology.RouteBlackhole:
		out.Target, out.To = "blackhole", ""
	case n != nil:
		out.Target, out.To = n.Name, n.ID
	case r.Local:
		out.Target, out.To = "local", ""
	case r.Outside:
		out.Target, out.To = r.Target+" (outside)", ""
	default:
		out.To = ""
	}
	return out
}

// crossings lead from gateway to gateway and outside.
func (b *builder) crossings(n *topology.Network) {
	for _, v := range n.VPCs {
		if v.InternetGateway != nil {
			b.edge(Edge{From: v.InternetGateway.ID, To: "internet"})
		}
		if v.EgressOnly != nil {
			b.edge(Edge{From: v.EgressOnly.ID, To: "internet"})
		}
		for _, g := range v.NATGateways {
			b.edge(Edge{From: g.ID, To: g.Subnet.RouteTable.ID, Dashed: true})
		}
		for _, e := range v.Endpoints {
			b.edge(Edge{From: e.ID, To: "s3"})
		}
	}
	for _, p := range n.Peerings {
		b.edge(Edge{From: p.ID, To: p.Requester.ID})
		b.edge(Edge{From: p.ID, To: p.Accepter.ID})
	}
	for _, g := range n.TransitGateways {
		for _, a := range g.Attachments {
			switch {
			case a.VPC != nil:
				b.edge(Edge{From: g.ID, To: a.VPC.ID, Label: a.Name})
			case a.Peer != nil && g.ID < a.Peer.Gateway.ID:
				b.edge(Edge{From: g.ID, To: a.Peer.Gateway.ID, Label: a.Name})
			}
		}
	}
	for _, h := range n.InternetHosts {
		b.edge(Edge{From: "internet", To: h.ID})
	}
	b.edge(Edge{From: "internet", To: "s3"})
}
