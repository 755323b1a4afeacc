package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"vpcsim/internal/control"
)

func number(n uint64) string { return strconv.FormatUint(n, 10) }

// counted are the cells of a count, in a table that has columns for them; of what is not counted they are empty.
func counted(with bool, c *control.CountView) []string {
	switch {
	case !with:
		return nil
	case c == nil:
		return []string{"", ""}
	}
	return []string{number(c.Packets), number(c.Bytes)}
}

// countedHead are the heads of the columns.
func countedHead(with bool) []string {
	if !with {
		return nil
	}
	return []string{"PACKETS", "BYTES"}
}

// usageTable shows all that was counted.
func usageTable(w io.Writer, u *control.Usage) {
	dropTable(w, &u.Router)
	fmt.Fprintln(w)
	interfaceUsageTable(w, u)
	fmt.Fprintln(w)
	row(w, "GATEWAY", "TO IT", "BYTES", "REFUSED", "FROM IT", "BYTES", "REFUSED")
	for _, g := range u.Gateways {
		row(w, g.GatewayID, number(g.Egress.Packets), number(g.Egress.Bytes), number(g.Refused.Packets),
			number(g.Ingress.Packets), number(g.Ingress.Bytes), number(g.RefusedIn.Packets))
	}
	fmt.Fprintln(w)
	row(w, "ROUTE TABLE", "DESTINATION", "PACKETS", "BYTES")
	for _, r := range u.Routes {
		row(w, r.RouteTableID, r.Destination, number(r.Packets), number(r.Bytes))
	}
	fmt.Fprintln(w)
	row(w, "RULE", "DIRECTION", "PACKETS", "BYTES")
	for _, rules := range [][]control.RuleUsage{u.Rules, u.Entries} {
		for _, r := range rules {
			direction := "ingress"
			if r.Egress {
				direction = "egress"
			}
			row(w, r.RuleID, direction, number(r.Packets), number(r.Bytes))
		}
	}
	if u.Uncounted > 0 {
		fmt.Fprintf(w, "\n%d more are too many to be counted\n", u.Uncounted)
	}
}

// interfaceUsageTable shows what interfaces sent, what became of it, and what they received.
func interfaceUsageTable(w io.Writer, u *control.Usage) {
	row(w, "NAME", "INTERFACE", "SENT", "BYTES", "ARRIVED", "DROPPED", "RECEIVED", "BYTES", "DROPPED FOR")
	for _, i := range u.Interfaces {
		dropped, reasons := uint64(0), []string{}
		for _, d := range i.Drops {
			dropped += d.Packets
			reasons = append(reasons, d.Reason)
		}
		row(w, cmp.Or(i.Name, i.NetworkInterfaceID), i.NetworkInterfaceID, number(i.PacketsSent), number(i.BytesSent), number(i.PacketsForwarded),
			number(dropped-i.PacketsResumed), number(i.PacketsReceived), number(i.BytesReceived), strings.Join(reasons, ","))
	}
}
