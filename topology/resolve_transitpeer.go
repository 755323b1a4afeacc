package topology

// attachPeer resolves one end of a peering attachment between two transit gateways. Both have the same id: that of the first by
// the gateway's name (CreateTransitGatewayPeeringAttachment). There is one between two gateways at most (transit-gateway-quotas).
func (b *transitBuilder) attachPeer(a *TransitAttachment, path string, spec TransitAttachmentSpec) {
	at := join(path, "peer")
	if spec.ofVPC() || spec.Outside != "" {
		b.errorf(path, "an attachment is of a VPC, with subnets, of a transit gateway, or of something outside; write one of the three")
	}
	for other, s := range b.spec.Attachments {
		if other < a.Name && s.Peer == spec.Peer {
			b.errorf(at, "%s is peered by %s already; two transit gateways are peered once", spec.Peer, join(join(b.path, "attachments"), other))
			break
		}
	}
	if spec.Peer == b.gateway.Name {
		b.errorf(at, "a transit gateway is not peered with itself")
		return
	}
	if far := b.gatewayPeer(spec.Peer); far != nil { // resolved before this end
		a.Peer, far.Peer, a.ID = far, a, far.ID
		i := identity{kind: "tgw-attach", name: a.Name, written: spec.ID}
		if own := i.id(); (spec.ID != "" || isID(i.kind, a.Name)) && own != far.ID {
			b.errorf(path, "its id is %s, and that of its other end %s; a peering attachment has one", own, far.ID)
		}
		return
	}
	a.ID = b.identify("tgw-attach", "attachments", a.Name, spec.ID)
}

// gatewayPeer returns the attachment by which another transit gateway, resolved already, is peered with this one, or nil.
func (b *transitBuilder) gatewayPeer(name string) *TransitAttachment {
	g := byName(b.net.TransitGateways, name, func(g *TransitGateway) string { return g.Name })
	if g == nil {
		return nil
	}
	for _, a := range g.Attachments {
		if b.resolver.spec.TransitGateways[name].Attachments[a.Name].Peer == b.gateway.Name {
			return a
		}
	}
	return nil
}

// transitPeers tells of peering attachments without another end.
func (r *resolver) transitPeers() {
	for _, g := range r.net.TransitGateways {
		for _, a := range g.Attachments {
			name := r.spec.TransitGateways[g.Name].Attachments[a.Name].Peer
			at := join(join(join(join("transit_gateways", g.Name), "attachments"), a.Name), "peer")
			other, there := r.spec.TransitGateways[name]
			switch {
			case name == "" || a.Peer != nil || name == g.Name:
			case !there:
				r.errorf(at, "%s", r.noSuch("transit gateway", name, "the topology", sortedKeys(r.spec.TransitGateways)))
			case len(other.Attachments) > 0:
				r.errorf(at, "%s has no attachment whose peer is %s; a peering attachment is one of both", join("transit_gateways", name), g.Name)
			}
		}
	}
}
