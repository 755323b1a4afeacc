package control

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/whatif"
	"vpcsim/topology"
)

// TestAPlanIsWhatTheChangeDoes opens kernel TCP connections of all kinds, asks what a change would do, sees that it has done nothing,
// and makes the change: what is lost was foretold, by the plan and by the dry run, in both scopes.
func TestAPlanIsWhatTheChangeDoes(t *testing.T) {
	for scope, lost := range map[Scope]int{ScopeS3: 1, ScopePublicIP: 3} {
		t.Run(string(scope), func(t *testing.T) {
			l := start(t, Options{Scope: scope})
			l.echo(t, "peer", 7)
			l.echo(t, "app", 7)
			l.echo(t, "other", 7)
			l.dial(t, "app", s3Address)
			l.dial(t, "other", s3Address)
			l.dial(t, "app", "203.0.113.10:7")
			l.dial(t, "peer", "198.51.100.10:7")
			l.dial(t, "app", "10.0.2.10:7")
			p, err := l.Plan(Intent{Endpoint: "s3", RouteTables: []string{"a"}}, 0)
			require.NoError(t, err)
			require.Equal(t, string(scope), p.Scope)
			require.Equal(t, lost, p.Connections.Dropped.Total)
			require.Equal(t, 5-lost, p.Connections.Survive.Total, "what is inside the VPC is one connection with two ends")
			dry, err := l.change(createEndpoint, true)
			require.NoError(t, err)
			_, next, _ := l.Events.Since(0)
			require.Zero(t, next, "nothing has happened")

			done, err := l.Change(createEndpoint)
			require.NoError(t, err)
			require.Equal(t, locals(done.Flows), locals(dry.Flows))
			var planned []netip.AddrPort
			for _, c := range p.Connections.Dropped.Connections {
				planned = append(planned, netip.MustParseAddrPort(c.Local))
			}
			slices.SortFunc(planned, netip.AddrPort.Compare)
			require.Equal(t, locals(done.Flows), planned)
			p, err = l.Plan(Intent{Endpoint: "s3", Delete: true}, 0)
			require.NoError(t, err)
			require.Zero(t, p.Connections.Dropped.Total, "what is lost is not lost again")
		})
	}
}

// locals are the local ends of what was cut.
func locals(events []Event) (all []netip.AddrPort) {
	for _, e := range events {
		if e.Event == FlowDropped {
			local, _ := e.Flow()
			all = append(all, local)
		}
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	return all
}

const twoEndpoints = `
name: intents
region: us-east-1
vpcs:
  left:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    route_tables:
      a: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}
      b: {}
      c: {}
    endpoints:
      one: {service: s3, route_tables: [a]}
      two: {service: s3, route_tables: [b]}
  right:
    cidr: 10.1.0.0/16
    route_tables: {d: {main: true}, e: {}}
    endpoints: {three: {id: vpce-00000000000000003, service: s3, route_tables: [d]}}
  fresh: {cidr: 10.2.0.0/16, route_tables: {f: {main: true}}}
`

func TestIntents(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		intent Intent
		want   []string // summaries, or one error
	}{
		"a service that the VPC has no endpoint of is created": {
			Intent{Endpoint: "s3", RouteTables: []string{"f"}}, []string{"create endpoint s3 for s3, with a route in route table f"},
		},
		"by its whole name": {
			Intent{Endpoint: "com.amazonaws.us-east-1.s3", RouteTables: []string{"f"}},
			[]string{"create endpoint s3 for com.amazonaws.us-east-1.s3, with a route in route table f"},
		},
		"the only endpoint of a service in the tables' VPC": {Intent{Endpoint: "s3", RouteTables: []string{"e"}}, []string{"add endpoint three to route table e"}},
		"an endpoint by its id":                             {Intent{Endpoint: "vpce-00000000000000003", Delete: true}, []string{"delete endpoint three with its routes"}},
		"an endpoint by its name, in two tables at once": {
			Intent{Endpoint: "three", RouteTables: []string{"e", "d"}, Delete: true}, []string{"no route table e in vpcs.right.endpoints.three, which has d"},
		},
		"several endpoints of the service": {Intent{Endpoint: "s3", RouteTables: []string{"c"}}, []string{"endpoint s3: there are several: vpce-"}},
		"one of several by its name":       {Intent{Endpoint: "one", RouteTables: []string{"c"}}, []string{"add endpoint one to route table c"}},
		"a table that has it already":      {Intent{Endpoint: "one", RouteTables: []string{"a"}}, []string{"endpoint one: route table a has its route already"}},
		"a VPC that is named":              {Intent{VPC: "right", Endpoint: "s3", Delete: true}, []string{"delete endpoint three with its routes"}},
		"an endpoint and routes, the endpoint first": {
			Intent{Endpoint: "two", RouteTables: []string{"c"}, Routes: []string{"0.0.0.0/0->igw"}},
			[]string{"add endpoint two to route table c", "add route 0.0.0.0/0 -> igw to route table c"},
		},
		"two endpoints of a service in one table": {
			Intent{Endpoint: "two", RouteTables: []string{"a"}}, []string{"route table a already has the s3 route of endpoint one"},
		},
		"a route is added where there is none, else its target is another": {
			Intent{RouteTables: []string{"a", "c"}, Routes: []string{"0.0.0.0/0 -> igw"}},
			[]string{"give route 0.0.0.0/0 in route table a the target igw", "add route 0.0.0.0/0 -> igw to route table c"},
		},
		"a local route is always there": {
			Intent{RouteTables: []string{"c"}, Routes: []string{"10.0.0.1/16->local"}}, []string{"give route 10.0.0.1/16 in route table c the target local"},
		},
		"routes that go":                 {Intent{RouteTables: []string{"a"}, Routes: []string{"0.0.0.0/0"}, Delete: true}, []string{"delete route 0.0.0.0/0 from route table a"}},
		"an endpoint without a table":    {Intent{Endpoint: "s3"}, []string{"endpoint s3: there are several"}},
		"an endpoint that is not there":  {Intent{Endpoint: "four", Delete: true}, []string{"no endpoint four; there are one, two, three"}},
		"an id that nobody has":          {Intent{Endpoint: "vpce-1", RouteTables: []string{"a"}}, []string{"no endpoint vpce-1; there are one, two"}},
		"nothing":                        {Intent{}, []string{"nothing to plan"}},
		"a target that is not there":     {Intent{RouteTables: []string{"c"}, Routes: []string{"0.0.0.0/0->nat"}}, []string{"nat"}},
		"a table that is not there":      {Intent{VPC: "right", Endpoint: "s3", RouteTables: []string{"dd"}}, []string{"no route table dd"}},
		"a destination that is not CIDR": {Intent{RouteTables: []string{"c"}, Routes: []string{"everywhere->igw"}}, []string{"everywhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, src, err := topology.Parse("intents.vpc.yml", []byte(twoEndpoints))
			require.NoError(t, err)
			n, err := topology.Resolve(spec, src)
			require.NoError(t, err)
			done, _, err := row.intent.Apply(spec.Clone(), n)
			if err != nil {
				require.ErrorContains(t, err, row.want[0])
				return
			}
			require.Equal(t, row.want, summaries(done))
		})
	}
}

func summaries(all []whatif.Request) (texts []string) {
	for _, r := range all {
		texts = append(texts, r.Summary)
	}
	return texts
}
