package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"vpcsim/dataplane/flowlog"
	"vpcsim/internal/control"
	"vpcsim/internal/whatif"
)

const planHelp = "Tells what a change would do, and changes nothing: which routes change in which tables, which subnets and network\n" +
	"interfaces that affects, and which live connections would be dropped, each with its reason.\n\n" +
	"The change: --endpoint creates the endpoint of a service with a route in each --route-table, or adds an endpoint that is\n" +
	"there to them; --route adds a route to each --route-table, or gives the one that is there another target. With --delete\n" +
	"what is named goes: the endpoint, from the route tables or, without any, as a whole; and routes, by their DESTINATION.\n" +
	"Several are judged as made at once.\n\n" +
	"The connections: of a topology (-t) those of VPC Flow Logs, of a running lab (-n) its own. A connection of a log is live if\n" +
	"it has a record in the last --window before the newest one, and no TCP flags show its end. What was idle for longer than\n" +
	"that is in no log, and not judged. A line that can't be read is an error: no plan is made from half a log.\n\n" +
	"Exit code: 0 if no connection drops, 1 if one does, 2 if a file, a line or the change is wrong."

const planExample = "  vpcsim plan -t account.vpc.yml --endpoint s3 --route-table rtb-0123456789abcdef0 --flow-logs logs/\n" +
	"  vpcsim plan -t account.vpc.yml --endpoint s3 --delete --flow-logs logs/ --json\n" +
	"  vpcsim plan -n lab --route-table private --route '0.0.0.0/0->nat'\n" +
	"  aws s3 cp s3://logs/today.log.gz - | vpcsim plan --endpoint s3 --route-table private --flow-logs -"

// planner is the command line of one plan.
type planner struct {
	*app
	intent    control.Intent
	topo, lab string
	logs      []string
	format    string
	window    time.Duration
	scope     string
	limit     int
}

// defaultWindow is AWS's longest aggregation interval, and five minutes in which a connection may have been silent.
const defaultWindow = 15 * time.Minute

// How many connections of each fate are listed unless --limit says: for a person, and for a program.
const (
	defaultLimit     = 20
	defaultLimitJSON = 10_000
)

func (a *app) plan() *cobra.Command {
	p := planner{app: a}
	cmd := &cobra.Command{
		Use: "plan --endpoint s3 --route-table TABLE", Short: "what a change would do to live connections", Long: planHelp, Example: planExample,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("limit") && a.output != "table" {
				p.limit = defaultLimitJSON
			}
			plan, err := p.make(cmd.Context(), cmd.Flags().Changed)
			if err != nil {
				return err
			}
			if err = a.print(plan, func(w io.Writer) { prose{w, p.limit}.plan(plan) }); err == nil && plan.Drops() {
				err = &exit{code: exitFailed}
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.intent.Endpoint, "endpoint", "", "a service (s3, com.amazonaws.REGION.s3), or an endpoint by its name or id")
	f.StringSliceVar(&p.intent.RouteTables, "route-table", nil, "a route table by its name or id; may be repeated")
	f.StringArrayVar(&p.intent.Routes, "route", nil, "'DESTINATION->TARGET', with --delete DESTINATION; may be repeated")
	f.BoolVar(&p.intent.Delete, "delete", false, "what is named goes")
	f.StringVar(&p.intent.VPC, "vpc", "", "the VPC, if there are several")
	f.StringVarP(&p.topo, "topo", "t", "", "topology file, - for standard input")
	f.StringVarP(&p.lab, "name", "n", "", "running lab")
	f.StringArrayVar(&p.logs, "flow-logs", nil, "VPC Flow Logs: a file, a folder, or - for standard input; may be repeated")
	f.StringVar(&p.format, "flow-log-format", "", "their format, '${version} ${account-id} …', where no header line says it")
	f.DurationVar(&p.window, "window", defaultWindow, "how long before the newest record a connection may have had its last; 0 for any time")
	f.StringVar(&p.scope, "scope", string(control.ScopeS3), "what an endpoint's route cuts: s3, or public-ip as the announcement of 2015 reads")
	f.IntVar(&p.limit, "limit", defaultLimit, "how many of a kind are listed, 0 for all (in JSON and YAML 10000 connections of each fate, unless given)")
	cmd.MarkFlagsMutuallyExclusive("topo", "name")
	return cmd
}

// make makes the plan where the command line says: in the lab or for the file that was named, else in the only lab that runs, else
// for the only file of the folder. Flow logs are of an account, so they mean a file.
func (p *planner) make(ctx context.Context, given func(flag string) bool) (*whatif.Plan, error) {
	if p.limit < 0 || p.window < 0 {
		return nil, usage("--limit and --window must not be negative")
	}
	if running, _ := running(); p.lab != "" || p.topo == "" && p.logs == nil && len(running) == 1 {
		for _, flag := range []string{"flow-logs", "flow-log-format", "window", "scope"} {
			if given(flag) {
				return nil, usage("--%s: a running lab knows its connections and its scope itself; -t FILE plans without one", flag)
			}
		}
		client, err := p.client(p.lab)
		if err != nil {
			return nil, err
		}
		ctx, cancel := p.within(ctx, askLimit)
		defer cancel()
		return client.Plan(ctx, p.intent, p.limit)
	}
	ctx, cancel := p.within(ctx, 0)
	defer cancel()
	return p.offline(ctx)
}

// offline makes the plan of a file. What the command line says is judged before anything is read.
func (p *planner) offline(ctx context.Context) (*whatif.Plan, error) {
	scope, err := control.ParseScope(p.scope)
	if err != nil {
		return nil, usage("--%w", err)
	}
	var format flowlog.Format
	if p.format != "" {
		if format, err = flowlog.ParseFormat(p.format); err != nil {
			return nil, usage("--flow-log-format: %w", err)
		}
	}
	files, err := p.logFiles()
	if err != nil {
		return nil, err
	}
	plan, err := p.foresee(scope)
	if err != nil || files == nil {
		return plan, err
	}
	log, err := p.readLogs(ctx, files, format)
	if err != nil {
		return nil, err
	}
	plan.Logged(log, p.window, p.limit)
	return plan, nil
}

// foresee makes the plan of a file as far as it does not depend on connections.
func (p *planner) foresee(scope control.Scope) (*whatif.Plan, error) {
	look := findInstead
	if p.logs != nil { // of which a lab knows nothing
		look = find
	}
	topo, err := look(p.topo)
	if err != nil {
		return nil, err
	}
	in, err := p.read(topo)
	if err != nil {
		return nil, err
	}
	requests, after, err := p.intent.Apply(in.spec.Clone(), in.network)
	if err != nil {
		return nil, err
	}
	forecast, err := whatif.Foresee(in.network, after, scope == control.ScopePublicIP)
	if err != nil {
		return nil, err
	}
	plan, err := whatif.New(in.network, after, forecast)
	if err != nil {
		return nil, err
	}
	plan.Changes, plan.Scope = requests, string(scope)
	return plan, nil
}
