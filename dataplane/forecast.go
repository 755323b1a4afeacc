package dataplane

import (
	"net/netip"

	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
)

// Forecast answers what a change would do to flows, without a commit: by the judgement that a commit passes
// ([Router.Commit]), on copies of the flows. It changes nothing, so any number of goroutines may use it.
type Forecast struct {
	before, after *Snapshot
}

// NewForecast compares two states of the graph. before has been committed, or is one that [Prepare] returned; after is
// neither, and belongs to the forecast from here on.
func NewForecast(before, after *Snapshot) *Forecast {
	Prepare(after)
	after.inherit(before)
	return &Forecast{before, after}
}

// Fate is what would become of a flow.
type Fate uint8

// The fates.
const (
	Survives Fate = iota // its packets go where they went, and the far side sees the source that it saw
	Reroutes             // its packets take another path; no connection is lost, because there is none
	Drops                // the connection is lost
	Ended                // it has been lost, or closed, already
)

// Foreseen is what would become of one flow, and why.
type Foreseen struct {
	FlowEvent // SourceAfter is what the far side would see of its packets, also where the connection is lost
	Fate      Fate
	// Before and After are the lookups that decide its way.
	Before, After []Leg
}

// Leg is one lookup on the way of a flow.
type Leg struct {
	Table string // id of the route table, or of what else is looked up
	Route *Route // nil where nothing matches
}

// Lost says why packets get no further than the last leg; None if they do.
func Lost(legs []Leg) drop.Reason {
	if last := legs[len(legs)-1].Route; last != nil {
		return last.Drop
	}
	return drop.NoRouteToDestination
}

// Flow foretells what becomes of a flow of the table, which [Router.Flows] visited with interface i. ok is false where the
// interface is gone: its flows go with it, untold.
func (c *Forecast) Flow(i *Interface, t conntrack.Tuple, f conntrack.Flow) (seen Foreseen, ok bool) {
	then := c.after.byID[i.ID]
	if then == nil {
		return Foreseen{}, false
	}
	if f.Cut != drop.None || f.State == conntrack.Closed {
		seen.Fate = Ended
	}
	local, remote := t.Local.Addr(), t.Remote.Addr()
	now := then.way(local, remote)
	seen.FlowEvent = FlowEvent{
		Change: c.after.Change, Interface: then, Protocol: t.Protocol, Local: t.Local, Remote: t.Remote, Outbound: f.Outbound,
		TargetBefore: c.after.names[f.Target], PathBefore: f.Path, SourceBefore: f.SourceAddr(),
		TargetAfter: c.after.names[now.target], PathAfter: now.path,
	}
	moved := verdict(&f, now) != drop.None
	if e, told := c.after.judge(then, t, &f); told {
		seen.FlowEvent, seen.Fate = e, Drops
	} else if seen.Fate != Ended && moved { // half-open: judged, and not told of
		seen.Fate = Reroutes
	}
	if seen.Fate == Drops && seen.Cut == drop.None {
		seen.Fate = Reroutes
	}
	seen.SourceAfter = now.source
	if now.keeps(&f) && seen.PathAfter == seen.PathBefore {
		seen.SourceAfter = seen.SourceBefore // a NAT gateway may have several
	}
	seen.Before, seen.After = i.legs(remote), then.legs(remote)
	return seen, true
}

// Open returns the flow that an established connection of interface i would be in the table. Which rules let it in is not
// asked: whoever reports a connection knows that they did.
func (c *Forecast) Open(i *Interface, t conntrack.Tuple, outbound bool) conntrack.Flow {
	f := conntrack.Flow{State: conntrack.Established, Outbound: outbound, Tracking: conntrack.Tracked}
	follow(&f, i.way(t.Local.Addr(), t.Remote.Addr()))
	return f
}

// Interfaces returns the network interfaces that are there before the change, those of gateways aside.
func (c *Forecast) Interfaces() (all []*Interface) {
	for _, i := range c.before.Interfaces {
		if i.Subnet != nil && i.Gateway == nil {
			all = append(all, i)
		}
	}
	return all
}

// Interface returns the interface with the given id before the change, or nil.
func (c *Forecast) Interface(id string) *Interface { return c.before.byID[id] }

// Moves says whether what interface i sends to an address takes another way after the change, and of which class both ways are.
func (c *Forecast) Moves(i *Interface, remote netip.Addr) (before, after conntrack.Path, moves bool) {
	then := c.after.byID[i.ID]
	local := i.address(remote)
	if then == nil || !local.IsValid() {
		return 0, 0, false
	}
	was, is := i.way(local, remote), then.way(local, remote)
	return was.path, is.path, was.target != is.target || was.source != is.source
}

// address is the interface's first address of the family of another; the zero Addr if it has none.
func (i *Interface) address(other netip.Addr) netip.Addr {
	for _, a := range i.Addrs {
		if a.Is4() == other.Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// legs returns the lookups of a way, as [Interface.way] makes them.
func (i *Interface) legs(remote netip.Addr) (all []Leg) {
	node, _ := i.next(remote)
	for range maxLegs {
		r, ok := node.Routes.Lookup(remote)
		if !ok {
			return append(all, Leg{Table: node.ID})
		}
		all = append(all, Leg{node.ID, r})
		if r.Drop != drop.None {
			return all
		}
		if node = r.onward(remote); node == nil {
			return all
		}
	}
	return all
}
