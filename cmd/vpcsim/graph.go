package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vpcsim/internal/graph"
	"vpcsim/internal/probe"
	"vpcsim/topology"
)

const graphHelp = "Draws VPCs, subnets, instances, route tables and gateways, and what lies between VPCs and outside: as text, as Mermaid or Graphviz\n" +
	"source, or as an SVG picture. Without -t and -n it draws the only running lab as it is now, or else the only *.vpc.yml of the folder.\n\n" +
	"--trace A,B[,PORT[,PROTOCOL]] draws the path of a packet in it, to where it is delivered or dropped; the trace flags say the same in more\n" +
	"words."

func (a *app) graph() *cobra.Command {
	var q probe.Query
	var topo, lab, protocol, traced string
	forms := map[string]*bool{}
	cmd := &cobra.Command{
		Use: "graph", Short: "a picture of a network, with the path of a packet", Long: graphHelp,
		Example: "  vpcsim graph -t lab.vpc.yml --svg --trace app,s3.us-east-1.amazonaws.com > lab.svg\n" +
			"  vpcsim graph --mermaid --from app --to web --port 22",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.Protocol = probe.Protocol(protocol)
			if err := shorthand(&q, traced); err != nil {
				return err
			}
			g, err := a.draft(cmd.Context(), topo, lab, q)
			if err != nil {
				return err
			}
			text := g.ASCII
			for form, draw := range map[string]func() string{"mermaid": g.Mermaid, "dot": g.DOT, "svg": g.SVG} {
				if *forms[form] {
					text = draw
				}
			}
			_, err = fmt.Fprint(a.stdout, text())
			return err
		},
	}
	formFlags(cmd, forms)
	cmd.Flags().StringVar(&traced, "trace", "", "A,B[,PORT[,PROTOCOL]]: whose packet's path to draw (default port 443, protocol tcp)")
	probeFlags(cmd, &q, &protocol)
	cmd.Flags().StringVarP(&topo, "topo", "t", "", "topology or scenario file, - for standard input")
	cmd.Flags().StringVarP(&lab, "name", "n", "", "running lab")
	cmd.MarkFlagsMutuallyExclusive("topo", "name")
	cmd.MarkFlagsMutuallyExclusive("trace", "from")
	cmd.MarkFlagsMutuallyExclusive("trace", "to")
	return cmd
}

// formFlags adds the flags that say what to draw as, by their names.
func formFlags(cmd *cobra.Command, forms map[string]*bool) {
	names := []string{"ascii", "mermaid", "dot", "svg"}
	for n, what := range []string{"a tree of text (default)", "the source of a Mermaid flowchart", "the source of a Graphviz digraph", "a picture"} {
		forms[names[n]] = cmd.Flags().Bool(names[n], false, what)
	}
	cmd.MarkFlagsMutuallyExclusive(names...)
}

// shorthand reads --trace.
func shorthand(q *probe.Query, text string) error {
	if text == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	if len(parts) < 2 || len(parts) > 4 {
		return usage("--trace %s: must be FROM,TO, FROM,TO,PORT or FROM,TO,PORT,PROTOCOL", text)
	}
	q.From, q.To = parts[0], parts[1]
	if len(parts) == 4 {
		q.Protocol = probe.Protocol(parts[3])
	}
	if len(parts) > 2 && parts[2] != "" {
		port, err := strconv.ParseUint(parts[2], 10, 16)
		if err != nil {
			return usage("--trace %s: %q is no port", text, parts[2])
		}
		q.Port = uint16(port)
	} else if q.Port == 0 {
		q.Port = 443
	}
	return nil
}

// draft is the graph of a file or of a running lab, with a path if one is asked for.
func (a *app) draft(ctx context.Context, topo, lab string, q probe.Query) (*graph.Graph, error) {
	network, ask, err := a.network(ctx, topo, lab)
	if err != nil {
		return nil, err
	}
	if q.From == "" && q.To == "" {
		return graph.New(network), nil
	}
	answer, err := ask(ctx, q)
	if err != nil {
		return nil, err
	}
	return graph.WithPath(network, answer), nil
}

// network is what a file says or what a lab is now, and who answers questions about it.
func (a *app) network(ctx context.Context, topo, lab string) (*topology.Network, func(context.Context, probe.Query) (*probe.Answer, error), error) {
	if running, _ := running(); lab != "" || topo == "" && len(running) == 1 {
		client, err := a.client(lab)
		if err != nil {
			return nil, nil, err
		}
		ctx, cancel := a.within(ctx, askLimit)
		defer cancel()
		now, err := client.Topology(ctx)
		if err != nil {
			return nil, nil, err
		}
		spec, src, err := topology.Parse("the lab", []byte(now.YAML))
		if err != nil {
			return nil, nil, err
		}
		network, err := topology.Resolve(spec, src)
		return network, client.Trace, err
	}
	file, err := findInstead(topo)
	if err != nil {
		return nil, nil, err
	}
	in, err := a.read(file)
	if err != nil {
		return nil, nil, err
	}
	offline, err := probe.New(in.network)
	if err != nil {
		return nil, nil, err
	}
	return in.network, func(_ context.Context, q probe.Query) (*probe.Answer, error) { return offline.Trace(q) }, nil
}
