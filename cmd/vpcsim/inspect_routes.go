package main

import (
	"context"
	"io"

	"vpcsim/internal/probe"
)

// explainRoutes shows which route each table takes to an address, in a file or in a running lab.
func (a *app) explainRoutes(ctx context.Context, topo, lab, address string) error {
	choices, err := a.choices(ctx, topo, lab, address)
	if err != nil {
		return err
	}
	return a.print(choices, func(w io.Writer) { choiceTable(w, choices) })
}

func (a *app) choices(ctx context.Context, topo, lab, address string) (*probe.Choices, error) {
	if topo != "" {
		in, err := a.read(topo)
		if err != nil {
			return nil, err
		}
		choices, err := probe.Routes(in.network, address)
		if err != nil {
			return nil, usage("--explain: %w", err)
		}
		return choices, nil
	}
	client, err := a.client(lab)
	if err != nil {
		return nil, err
	}
	ctx, cancel := a.within(ctx, askLimit)
	defer cancel()
	return client.Routes(ctx, address)
}

// choiceTable has a row for each candidate; an arrow marks what is taken. A table without any gets a row that says so.
func choiceTable(w io.Writer, choices *probe.Choices) {
	row(w, "ROUTE TABLE", "ID", "", "DESTINATION", "TARGET", "STATE", "ORIGIN", "WHY")
	several := false
	for _, c := range choices.RouteTables {
		several = several || c.VpcID != choices.RouteTables[0].VpcID
	}
	for _, c := range choices.RouteTables {
		name := c.Name
		if several {
			name = c.VPC + "/" + c.Name
		}
		if len(c.Candidates) == 0 {
			row(w, name, c.RouteTableID, "", "", "", "", "", "no route contains "+choices.Address)
		}
		for _, r := range c.Candidates {
			mark := ""
			if r.Taken {
				mark = "->"
			}
			origin := r.Origin
			if r.PrefixListID != "" {
				origin = r.PrefixListID
			}
			row(w, name, c.RouteTableID, mark, r.Destination, r.Target, r.State, origin, r.Reason)
		}
	}
}
