package topology_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

const twoVPCs = `
region: us-east-1
vpcs:
  a:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {s: {cidr: 10.0.1.0/24}}
    route_tables:
      public: {routes: [{destination: 0.0.0.0/0, target: igw}, {destination: 192.0.2.0/24, target: igw}]}
      shared: {}
    endpoints: {s3: {service: s3, route_tables: [main]}}
  b:
    cidr: 10.0.0.0/16
    route_tables: {own: {main: true}, shared: {}}
prefix_lists:
  office: {entries: [203.0.113.0/24]}
`

type spec = *topology.Spec

// edit is one edit of a topology, with what should come of it.
type edit struct {
	name string
	edit func(spec) error
	want string // the error; if empty, the result resolves, and
	see  func(spec) any
	is   any
}

// run makes the edit on a topology.
func (row edit) run(t *testing.T, text string) {
	parse := func() spec {
		s, _, err := topology.Parse("f", []byte(text))
		require.NoError(t, err)
		return s
	}
	s := parse()
	err := row.edit(s)
	if row.want != "" {
		if fmt.Sprint(err) != row.want {
			t.Errorf("got  %v\nwant %s", err, row.want)
		}
		if !reflect.DeepEqual(s, parse()) {
			t.Error("the edit failed and yet changed the topology")
		}
		return
	}
	require.NoError(t, err)
	if got := row.see(s); !reflect.DeepEqual(got, row.is) {
		t.Errorf("got %#v, want %#v", got, row.is)
	}
	_, err = topology.Resolve(s, nil)
	require.NoError(t, err)
}

func TestEdits(t *testing.T) {
	network := network(t, twoVPCs)
	endpointID, publicID, vpcID := network.Endpoint("s3").ID, network.RouteTable("public").ID, network.VPC("a").ID
	igw := topology.RouteSpec{Destination: "198.51.100.7/24", Target: "igw"}
	for _, row := range []edit{
		{"create an endpoint", func(s spec) error {
			return s.CreateEndpoint("b", "s3", topology.EndpointSpec{Service: "s3", RouteTables: []string{"own"}})
		}, "", func(s spec) any { return s.VPCs["b"].Endpoints["s3"].RouteTables }, []string{"own"}},
		{"create an endpoint with ids", func(s spec) error {
			return s.CreateEndpoint(vpcID, "e", topology.EndpointSpec{Service: "s3", RouteTables: []string{publicID}})
		}, "", func(s spec) any { return s.VPCs["a"].Endpoints["e"].RouteTables }, []string{"public"}},
		{"create an endpoint nobody says where", func(s spec) error { return s.CreateEndpoint("", "e", topology.EndpointSpec{}) },
			"which VPC? there are a, b", nil, nil},
		{"create an endpoint twice", func(s spec) error { return s.CreateEndpoint("a", "s3", topology.EndpointSpec{}) },
			"vpcs.a already has an endpoint s3", nil, nil},
		{"create an endpoint in no VPC", func(s spec) error { return s.CreateEndpoint("c", "s3", topology.EndpointSpec{}) },
			"no VPC c in the topology, which has a, b", nil, nil},
		{"add and remove tables of an endpoint", func(s spec) error { return s.ModifyEndpoint("", "s3", []string{publicID, "shared"}, []string{"main"}) },
			"", func(s spec) any { return s.VPCs["a"].Endpoints["s3"].RouteTables }, []string{"public", "shared"}},
		{"remove the last table", func(s spec) error { return s.ModifyEndpoint("a", endpointID, nil, []string{"main"}) },
			"", func(s spec) any { return s.VPCs["a"].Endpoints["s3"].RouteTables }, []string{}},
		{"remove a table the endpoint is not in", func(s spec) error { return s.ModifyEndpoint("", "s3", nil, []string{"public"}) },
			"no route table public in vpcs.a.endpoints.s3, which has main", nil, nil},
		{"add a table of another VPC", func(s spec) error { return s.ModifyEndpoint("", "s3", []string{"own"}, nil) },
			"no route table own in vpcs.a, which has main, public, shared", nil, nil},
		{"modify a misspelt endpoint", func(s spec) error { return s.ModifyEndpoint("", "s4", nil, nil) },
			"no endpoint s4 in any VPC; did you mean s3?", nil, nil},
		{"delete an endpoint", func(s spec) error { return s.DeleteEndpoint("", "s3") },
			"", func(s spec) any { return len(s.VPCs["a"].Endpoints) }, 0},
		{"delete an endpoint where there is none", func(s spec) error { return s.DeleteEndpoint("b", "s3") },
			"no endpoint s3: vpcs.b has none", nil, nil},
		{"create a route", func(s spec) error { return s.CreateRoute("", "public", igw) },
			"", func(s spec) any { return s.VPCs["a"].RouteTables["public"].Routes[2] }, igw},
		{"create a route in the implied main table", func(s spec) error { return s.CreateRoute("a", "main", igw) },
			"", func(s spec) any { return s.VPCs["a"].RouteTables["main"] }, topology.RouteTableSpec{Main: true, Routes: []topology.RouteSpec{igw}}},
		{"create a route that is there, written otherwise", func(s spec) error {
			return s.CreateRoute("", "public", topology.RouteSpec{Destination: "192.0.2.9/24", Target: "igw"})
		}, "route table public already has a route to 192.0.2.9/24; replace it instead", nil, nil},
		{"create a route in one of two tables", func(s spec) error { return s.CreateRoute("", "shared", igw) },
			"which VPC's route table shared? a, b have one", nil, nil},
		{"replace a route", func(s spec) error {
			return s.ReplaceRoute("", publicID, topology.RouteSpec{Destination: "0.0.0.0/0", Target: "gone", State: "blackhole"})
		}, "", func(s spec) any { return s.VPCs["a"].RouteTables["public"].Routes[0].Target }, "gone"},
		{"replace the endpoint's route", func(s spec) error {
			return s.ReplaceRoute("a", "main", topology.RouteSpec{Destination: "pl-63a5400a", Target: "igw"})
		}, "the route to com.amazonaws.us-east-1.s3 in route table main is endpoint s3's; modify the endpoint instead", nil, nil},
		{"delete a route", func(s spec) error { return s.DeleteRoute("", "public", "192.0.2.77/24") },
			"", func(s spec) any { return len(s.VPCs["a"].RouteTables["public"].Routes) }, 1},
		{"delete a local route", func(s spec) error { return s.DeleteRoute("", "public", "10.0.0.0/16") },
			"the local route to 10.0.0.0/16 can't be deleted, only replaced", nil, nil},
		{"delete a route that is not there", func(s spec) error { return s.DeleteRoute("", "public", "192.0.3.0/24") },
			"no route to 192.0.3.0/24 in route table public; did you mean 192.0.2.0/24?", nil, nil},
		{"delete a route of a misspelt table", func(s spec) error { return s.DeleteRoute("", "publik", "0.0.0.0/0") },
			"no route table publik in any VPC; did you mean public?", nil, nil},
		{"make a route a black hole", func(s spec) error { return s.SetRouteState("", "public", "0.0.0.0/0", "blackhole") },
			"", func(s spec) any { return s.VPCs["a"].RouteTables["public"].Routes[0].State }, "blackhole"},
	} {
		t.Run(row.name, func(t *testing.T) { row.run(t, twoVPCs) })
	}
}

func TestWritingTheImpliedMainTableKeepsItsID(t *testing.T) {
	s, _, err := topology.Parse("f", []byte("region: us-east-1\nvpcs: {a: {cidr: 10.0.0.0/16, internet_gateway: igw, route_tables: {main: {}}}}"))
	require.NoError(t, err)
	before, err := topology.Resolve(s, nil)
	require.NoError(t, err)
	require.NoError(t, s.CreateRoute("", "main2", topology.RouteSpec{Destination: "0.0.0.0/0", Target: "igw"}))
	after, err := topology.Resolve(s, nil)
	require.NoError(t, err)
	was, is := before.RouteTable("main2"), after.RouteTable("main2")
	if was.ID != is.ID || !was.Main || !is.Main || len(is.Routes) != 1 {
		t.Errorf("before %+v, after %+v", was, is)
	}
}

// TestEditsOfListsOfOtherRegions: an id and a short name mean the list of the VPC's region.
func TestEditsOfListsOfOtherRegions(t *testing.T) {
	s, _, err := topology.Parse("f", []byte(`
region: eu-west-2
vpcs:
  near:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    route_tables: {t: {routes: [{destination: pl-00000001, target: igw}]}}
  far:
    region: ap-southeast-1
    cidr: 10.1.0.0/16
    internet_gateway: igw
    route_tables: {t: {routes: [{destination: com.amazonaws.ap-southeast-1.s3, target: igw}]}}
prefix_lists:
  com.amazonaws.ap-southeast-1.s3: {id: pl-00000001, entries: [52.219.32.0/21]}
  com.amazonaws.eu-west-2.s3: {id: pl-00000001, entries: [3.5.244.0/22]}
`))
	require.NoError(t, err)
	require.NoError(t, s.ModifyPrefixList("pl-00000001", topology.PrefixListEdit{Entries: []string{"52.95.142.0/23"}}))
	require.Equal(t, []string{"52.95.142.0/23"}, s.PrefixLists["com.amazonaws.eu-west-2.s3"].Entries)
	require.NoError(t, s.ModifyPrefixList("s3", topology.PrefixListEdit{Entries: []string{"52.95.144.0/24"}}))
	require.Equal(t, []string{"52.95.144.0/24"}, s.PrefixLists["com.amazonaws.eu-west-2.s3"].Entries)
	require.NoError(t, s.DeleteRoute("near", "t", "s3"))
	require.NoError(t, s.DeleteRoute("far", "t", "pl-00000001"))
}
