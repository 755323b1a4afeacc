package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"vpcsim/internal/whatif"
)

// prose is a text for a person, in lines of at most width columns: a plan, observed packets.
type prose struct {
	w     io.Writer
	limit int // how many of a kind are listed; 0 is all
}

// listed returns how many of n things are listed.
func (r prose) listed(n int) int {
	if r.limit == 0 {
		return n
	}
	return min(n, r.limit)
}

// rest says that some things are not listed.
func (r prose) rest(column, omitted int) {
	if omitted > 0 {
		r.line(column, "and %d more, which --limit 0 lists", omitted)
	}
}

// width is how wide a text is, in columns. A word that is longer stays whole.
const width = 100

// line writes a text from a column on, and what does not fit below it, further in.
func (r prose) line(column int, format string, args ...any) {
	r.item(column, "", 2, format, args...)
}

// labelled writes a text after a label; what does not fit comes below the text.
func (r prose) labelled(column int, label, format string, args ...any) {
	const labels = 8 // the longest is "before"
	r.item(column, fmt.Sprintf("%-*s", labels, label), labels, format, args...)
}

func (r prose) item(column int, label string, hang int, format string, args ...any) {
	fmt.Fprint(r.w, strings.Repeat(" ", column), label)
	at, begun := column+len(label), false
	for _, word := range strings.Fields(fmt.Sprintf(format, args...)) {
		switch n := utf8.RuneCountInString(word); {
		case begun && at+1+n > width:
			fmt.Fprint(r.w, "\n", strings.Repeat(" ", column+hang))
			at = column + hang
		case begun:
			fmt.Fprint(r.w, " ")
			at++
		}
		begun = true
		fmt.Fprint(r.w, word)
		at += utf8.RuneCountInString(word)
	}
	fmt.Fprintln(r.w)
}

func (r prose) plan(p *whatif.Plan) {
	fmt.Fprintln(r.w, "Plan: nothing is changed")
	for _, c := range p.Changes {
		r.line(2, "%s (%s)", c.Summary, c.Action)
	}
	r.routes(p.RouteTables)
	r.effects(p)
	if p.FlowLogs != nil {
		r.logs(p.FlowLogs)
	}
	if p.Connections == nil {
		fmt.Fprintln(r.w)
		r.line(0, "Connections: none are known; give VPC Flow Logs with --flow-logs to see which would be dropped")
		return
	}
	r.connections(p.Connections)
}

// named is an id with the name of the thing, if it has one of its own.
func named(id, name string) string {
	if name == "" || name == id {
		return id
	}
	return id + " (" + name + ")"
}

func (r prose) routes(tables []whatif.RouteTableChange) {
	fmt.Fprintf(r.w, "\nRoutes: %s\n", orElse(len(tables), "changes in %s", "route table", "no route table changes"))
	for _, t := range tables[:r.listed(len(tables))] {
		r.line(2, "%s, the route table of %s", named(t.RouteTableID, t.Name), plural(len(t.SubnetIDs), "subnet"))
		for rest := t.Routes; len(rest) > 0; {
			alike := func(c whatif.RouteChange) bool { return sameRoutes(c, rest[0]) }
			var cidrs []string
			for _, c := range rest {
				if alike(c) {
					cidrs = append(cidrs, c.Destination())
				}
			}
			r.routeChange(rest[0], cidrs)
			rest = slices.DeleteFunc(slices.Clone(rest), alike)
		}
	}
	r.rest(2, len(tables)-r.listed(len(tables)))
}

// sameRoutes says whether two destinations have the same routes before and after, so that they can be told together.
func sameRoutes(a, b whatif.RouteChange) bool {
	return a.Moves == b.Moves && routeText(a.Before) == routeText(b.Before) && routeText(a.After) == routeText(b.After) &&
		slices.EqualFunc(a.Kept, b.Kept, func(x, y whatif.Route) bool { return x == y })
}

// maxKept is how many of the routes that keep a part of a destination are listed.
const maxKept = 5

func (r prose) routeChange(c whatif.RouteChange, cidrs []string) {
	r.line(4, "%s", strings.Join(cidrs, " "))
	if c.Before != nil && c.After != nil && *c.Before == *c.After {
		r.labelled(6, "stays", "%s", routeText(c.After))
		return
	}
	r.labelled(6, "before", "%s", routeText(c.Before))
	r.labelled(6, "after", "%s", routeText(c.After))
	for _, k := range c.Kept[:min(len(c.Kept), maxKept)] {
		r.labelled(6, "but", "%s keeps what it is more specific for", routeText(&k))
	}
	if more := len(c.Kept) - maxKept; more > 0 {
		r.labelled(6, "but", "%s, too; see --json", plural(more, "more route"))
	}
	if !c.Moves {
		r.line(6, "no address of it goes to another target")
	}
}

// routeText is a route as in a table: destination, target and, if it is a blackhole, that.
func routeText(r *whatif.Route) string {
	switch {
	case r == nil || r.Target() == "":
		return "no route"
	case r.State != "active":
		return fmt.Sprintf("%s -> %s (blackhole)", r.Destination(), r.Target())
	}
	return fmt.Sprintf("%s -> %s", r.Destination(), named(r.Target(), r.TargetName))
}

func orElse(n int, format, thing, none string) string {
	if n == 0 {
		return none
	}
	return fmt.Sprintf(format, plural(n, thing))
}

func (r prose) effects(p *whatif.Plan) {
	fmt.Fprintf(r.w, "\nAffected: %s, %s\n", plural(len(p.Subnets), "subnet"), plural(len(p.Interfaces), "network interface"))
	for _, s := range p.Subnets[:r.listed(len(p.Subnets))] {
		var ways, there []string
		for _, m := range s.Paths {
			ways = append(ways, m.Before+" -> "+m.After)
		}
		for _, i := range p.Interfaces {
			if i.SubnetID == s.SubnetID {
				there = append(there, strings.TrimSpace(i.Name+" "+i.PrivateIPAddress)+" "+i.NetworkInterfaceID)
			}
		}
		if there == nil {
			r.line(2, "%s: no network interface that sends", named(s.SubnetID, s.Name))
			continue
		}
		r.line(2, "%s: %s", named(s.SubnetID, s.Name), strings.Join(ways, ", "))
		for _, i := range there[:r.listed(len(there))] {
			r.line(4, "%s", i)
		}
		r.rest(4, len(there)-r.listed(len(there)))
	}
	r.rest(2, len(p.Subnets)-r.listed(len(p.Subnets)))
}

// logs tells what was read, and what was left out of it and why.
func (r prose) logs(l *whatif.FlowLogs) {
	fmt.Fprintln(r.w)
	r.line(0, "Flow logs: %s in %s, of %s", plural(l.Records, "record"), plural(l.Files, "file"), plural(l.Interfaces, "network interface"))
	if l.Records == 0 {
		return
	}
	r.line(2, "newest record %s; live is what has one since %s", l.Newest.Format(time.DateTime), since(l.Since))
	r.line(2, "live: %s; not live: %d idle, %d finished (FIN, RST), %d half-open", plural(l.Live, "connection"), l.Idle, l.Finished, l.HalfOpen)
	for _, c := range []struct {
		n    int
		text string
	}{
		{l.Rejected, "%s refused by security groups and network ACLs: no connections"},
		{l.NotIP, "%s not of IP: no connections"},
		{l.SkipData, "%s SKIPDATA: AWS did not record what was there, and nothing is known of it"},
	} {
		if c.n > 0 {
			r.line(2, c.text, plural(c.n, "record"))
		}
	}
	if l.AtGateways > 0 {
		r.line(2, "%s seen at gateways, too, and counted once", plural(l.AtGateways, "connection"))
	}
	if l.AtBothEnds > 0 {
		r.line(2, "%s seen at both ends, and counted once", plural(l.AtBothEnds, "connection"))
	}
	if l.NoFlags > 0 {
		r.line(2, "of %s some record has no tcp-flags: those that have ended since their last record count as live", plural(l.NoFlags, "TCP connection"))
	}
	if l.ByAddress > 0 {
		r.line(2, "no id of the logs is in the topology: %s by address", plural(l.ByAddress, "network interface was found"))
	}
}

// since is the beginning of the window in which a connection counts as live.
func since(t time.Time) string {
	if t.Unix() == 0 {
		return "any time"
	}
	return t.Format(time.DateTime)
}
