package compile

import "vpcsim/nat"

// State is what outlives snapshots: the gateways that remember connections, by the ids of their resources.
//
// A change of a running lab compiles its network with the state of the one before it. The two states share the gateways that
// both networks have, and compiling configures none of them: a change that fails is dropped with its state, and what
// runs has noticed nothing. Once the change is sure, [State.Configure] makes the shared gateways what the new network says;
// commit the snapshot at once after it. A gateway that is in the new state no longer dies with the old one.
//
// A State is immutable; the gateways in it are for any number of goroutines.
type State struct {
	nats       map[string]keptNAT
	egressOnly map[string]*nat.EgressOnly
}

// keptNAT is a NAT gateway with the configuration it is to have.
type keptNAT struct {
	*nat.Gateway
	config nat.GatewayConfig
}

func newState() *State {
	return &State{nats: map[string]keptNAT{}, egressOnly: map[string]*nat.EgressOnly{}}
}

// Configure makes every NAT gateway what its network says it is. Sessions live on unless their address is gone.
func (s *State) Configure() {
	for _, g := range s.nats {
		g.Gateway.Configure(g.config)
	}
}

// Expire lets the gateways forget what has been idle for too long. now is monotonic nanoseconds.
func (s *State) Expire(now int64) {
	for _, g := range s.nats {
		g.Gateway.Expire(now)
	}
	for _, e := range s.egressOnly {
		e.Expire(now)
	}
}

// NATs visits the NAT gateways, by the ids of their resources.
func (s *State) NATs(visit func(id string, g *nat.Gateway)) {
	for id, g := range s.nats {
		visit(id, g.Gateway)
	}
}

// keepNAT returns the NAT gateway with the given id, the old one if there is one.
func (c *compiler) keepNAT(id string, config nat.GatewayConfig) *nat.Gateway {
	g := keptNAT{config: config}
	if c.old != nil {
		g.Gateway = c.old.nats[id].Gateway
	}
	if g.Gateway == nil {
		g.Gateway = nat.NewGateway(config)
	}
	c.state.nats[id] = g
	return g.Gateway
}

// keepEgressOnly returns the egress-only internet gateway with the given id, the old one if there is one.
func (c *compiler) keepEgressOnly(id string) *nat.EgressOnly {
	var g *nat.EgressOnly
	if c.old != nil {
		g = c.old.egressOnly[id]
	}
	if g == nil {
		g = nat.NewEgressOnly(0)
	}
	c.state.egressOnly[id] = g
	return g
}
