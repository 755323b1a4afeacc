package control

import (
	"cmp"

	"vpcsim/endpoint/policy"
	"vpcsim/nat"
	"vpcsim/topology"
)

func describeEndpoint(e *topology.Endpoint) EndpointView {
	view := EndpointView{
		VpcEndpointID: e.ID, Name: e.Name, VpcEndpointType: "Gateway", VpcID: e.VPC.ID, ServiceName: e.ServiceName,
		State: "available", PrefixListID: e.PrefixList.ID, RouteTableIDs: []string{}, PolicyDocument: policy.FullAccessText,
	}
	if e.Policy != nil {
		view.PolicyDocument = e.Policy.Text
	}
	for _, t := range e.RouteTables {
		view.RouteTableIDs = append(view.RouteTableIDs, t.ID)
	}
	return view
}

func describeNAT(g *topology.NATGateway) NATGatewayView {
	view := NATGatewayView{
		NatGatewayID: g.ID, Name: g.Name, VpcID: g.VPC.ID, SubnetID: g.Subnet.ID, ConnectivityType: "public", State: "available",
	}
	if g.Private {
		view.ConnectivityType = "private"
	}
	for n, a := range g.Addresses {
		address := NATAddressView{NetworkInterfaceID: g.InterfaceID, PrivateIP: a.String(), IsPrimary: n == 0}
		if n < len(g.PublicIPs) {
			address.PublicIP = g.PublicIPs[n].String()
		}
		view.Addresses = append(view.Addresses, address)
	}
	return view
}

// between describes what connects VPCs.
func (d *Description) between(n *topology.Network) {
	for _, p := range n.Peerings {
		d.Peerings = append(d.Peerings, PeeringView{
			PeeringID: p.ID, Name: p.Name, Status: PeeringStateView{Code: "active"},
			Requester: PeeringSideView{VpcID: p.Requester.ID, CidrBlock: p.Requester.CIDRs[0].String()},
			Accepter:  PeeringSideView{VpcID: p.Accepter.ID, CidrBlock: p.Accepter.CIDRs[0].String()},
		})
	}
	for _, g := range n.TransitGateways {
		d.TransitGateways = append(d.TransitGateways, describeTransit(g))
	}
}

func describeTransit(g *topology.TransitGateway) TransitGatewayView {
	view := TransitGatewayView{TransitGatewayID: g.ID, Name: g.Name, State: "available", Attachments: []TransitAttachmentView{}}
	for _, a := range g.Attachments {
		attachment := TransitAttachmentView{AttachmentID: a.ID, Name: a.Name, ResourceType: cmp.Or(a.Outside, "vpc"), SubnetIDs: []string{}}
		if a.VPC != nil {
			attachment.VpcID = a.VPC.ID
		}
		if a.Peer != nil {
			attachment.ResourceType = "peering"
		}
		for _, s := range a.Subnets {
			attachment.SubnetIDs = append(attachment.SubnetIDs, s.ID)
		}
		if a.Table != nil {
			attachment.TableID = a.Table.ID
		}
		view.Attachments = append(view.Attachments, attachment)
	}
	for _, t := range g.RouteTables {
		table := TransitTableView{TableID: t.ID, Name: t.Name, Routes: []TransitRouteView{}}
		for _, r := range t.Routes {
			table.Routes = append(table.Routes, describeTransitRoute(r))
		}
		view.RouteTables = append(view.RouteTables, table)
	}
	return view
}

func describeTransitRoute(r *topology.TransitRoute) TransitRouteView {
	view := TransitRouteView{DestinationCidrBlock: r.Destination.String(), Type: "static", State: string(topology.RouteBlackhole)}
	if r.Propagated {
		view.Type = "propagated"
	}
	if r.Attachment != nil {
		view.AttachmentID, view.State = r.Attachment.ID, string(topology.RouteActive)
	}
	return view
}

// describe is Describe for the lab as it runs: with what its NAT gateways, routes and rules have counted.
func (l *Lab) describe() *Description {
	d := Describe(l.Network())
	d.count(l.router.Usage().Counts)
	l.state.Load().NATs(func(id string, g *nat.Gateway) {
		for n := range d.NatGateways {
			if d.NatGateways[n].NatGatewayID == id {
				metrics := g.Metrics()
				d.NatGateways[n].Metrics = &metrics
			}
		}
	})
	return d
}
