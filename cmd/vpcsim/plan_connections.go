package main

import (
	"fmt"
	"slices"
	"time"

	"vpcsim/internal/whatif"
)

// connections explains what becomes of connections.
func (r prose) connections(c *whatif.Connections) {
	r.group(fmt.Sprintf("Dropped: %s", plural(c.Dropped.Total, "connection")), c.Dropped)
	if c.Rerouted.Total > 0 {
		r.group(fmt.Sprintf("Rerouted, not dropped: %s", plural(c.Rerouted.Total, "flow")), c.Rerouted)
	}
	r.group(fmt.Sprintf("Survive: %s", plural(c.Survive.Total, "connection")), c.Survive)
	for _, n := range c.NotJudged {
		fmt.Fprintln(r.w)
		r.line(0, "Not judged: %s: %s (%s)", plural(n.Total, "connection"), n.Explanation, n.Reason)
		for _, one := range n.Connections {
			r.line(2, "%s %s", named(one.NetworkInterfaceID, one.Name), connectionText(one))
		}
		r.rest(2, n.Omitted)
	}
	fmt.Fprintln(r.w)
	known := c.Dropped.Total + c.Rerouted.Total + c.Survive.Total + c.Unjudged
	verdict := fmt.Sprintf("%d of %s would be dropped", c.Dropped.Total, plural(known, "live connection"))
	if c.Unjudged > 0 {
		verdict += fmt.Sprintf("; %d could not be judged", c.Unjudged)
	}
	r.line(0, "%s", verdict)
}

// group lists connections that the same becomes of, those together that have the same reason.
func (r prose) group(title string, g whatif.Group) {
	fmt.Fprintf(r.w, "\n%s\n", title)
	for rest := g.Connections; len(rest) > 0; {
		alike := func(c whatif.Connection) bool { return sameReason(c, rest[0]) }
		r.reason(rest[0])
		for _, c := range rest {
			if alike(c) {
				r.line(4, "%s", connectionText(c))
			}
		}
		rest = slices.DeleteFunc(slices.Clone(rest), alike)
	}
	r.rest(2, g.Omitted)
}

func sameReason(a, b whatif.Connection) bool {
	same := func(x, y whatif.Route) bool { return x == y }
	return a.NetworkInterfaceID == b.NetworkInterfaceID && a.Why == b.Why && a.PathBefore == b.PathBefore && a.PathAfter == b.PathAfter &&
		a.SourceBefore == b.SourceBefore && a.SourceAfter == b.SourceAfter &&
		slices.EqualFunc(a.RoutesBefore, b.RoutesBefore, same) && slices.EqualFunc(a.RoutesAfter, b.RoutesAfter, same)
}

// reason tells what several connections have in common.
func (r prose) reason(c whatif.Connection) {
	who := named(c.NetworkInterfaceID, c.Name)
	if c.PathBefore == c.PathAfter && slices.Equal(c.RoutesBefore, c.RoutesAfter) && c.SourceBefore == c.SourceAfter {
		r.line(2, "%s: %s, seen as %s", who, c.PathBefore, orNone(c.SourceBefore))
		if c.Reason != "" {
			r.labelled(4, "why", "%s", c.Why)
		}
		r.legs("by", c.RoutesBefore)
		return
	}
	r.line(2, "%s: %s, seen as %s", who, shift(c.PathBefore, c.PathAfter), shift(orNone(c.SourceBefore), orNone(c.SourceAfter)))
	r.labelled(4, "why", "%s", c.Why)
	r.legs("before", c.RoutesBefore)
	r.legs("after", c.RoutesAfter)
}

// shift is what was before and what is after, if that is not the same.
func shift(before, after string) string {
	if before == after {
		return before
	}
	return before + " -> " + after
}

// legs lists the routes of a way.
func (r prose) legs(when string, routes []whatif.Route) {
	for n, route := range routes {
		if n > 0 {
			when = "then"
		}
		text := routeText(&route)
		if route.DestinationPrefixListID != "" {
			text += ", entry " + route.Cidr()
		}
		r.labelled(4, when, "%s: %s", named(route.RouteTableID, route.RouteTableName), text)
	}
}

// connectionText is one connection in a line.
func connectionText(c whatif.Connection) string {
	arrow := "->"
	switch c.Direction {
	case "":
		arrow = "--"
	case "ingress":
		arrow = "<-"
	}
	text := fmt.Sprintf("%s %s %s %s", c.Protocol, c.Local, arrow, c.Remote)
	if c.PrimaryAssumed {
		text += " (or another address of the interface: the log has no pkt-srcaddr)"
	}
	if c.FlowLog != nil {
		text += fmt.Sprintf(", %s, last at %s", plural(int(c.FlowLog.Packets), "packet"), c.FlowLog.End.Format(time.TimeOnly))
	}
	return text
}
