package scenario

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/internal/control"
	"vpcsim/internal/nstest"
	"vpcsim/internal/workload"
	"vpcsim/topology"
)

// TestMain lets the test binary stand in for vpcsim, which runs the workloads.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "workload" {
		os.Exit(workload.Main(os.Args[2:], os.Stdin, os.Stdout))
	}
	nstest.Main(m)
}

func play(t *testing.T, name string, mode dataplane.Mode, scope control.Scope) *Report {
	t.Helper()
	nstest.RequireTAP(t)
	f, src, err := Embedded(name)
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	r, err := Run(context.Background(), f, src, Options{Executable: exe, Mode: mode, Scope: scope})
	require.NoError(t, err)
	if !r.Passed {
		t.Error("\n" + r.Summary())
	}
	checkRecord(t, r)
	return r
}

func TestLibrary(t *testing.T) {
	for _, name := range Library() {
		t.Run(name, func(t *testing.T) { play(t, name, dataplane.Natural, control.ScopeS3) })
	}
}

// TestModesAndScopes plays what the modes and the wide scope make a difference to; with -short, for the race detector, one of each:
// who runs beside whom is the same in all.
func TestModesAndScopes(t *testing.T) {
	modes := []string{"nat-endpoint", "endpoint-created", "endpoint-deleted", "flap", "nat-subnet-endpoint", "address-change"}
	scopes := []string{"nat-endpoint", "endpoint-created", "static-route", "s3-endpoint", "nat-subnet-endpoint"}
	if testing.Short() {
		modes, scopes = modes[:1], scopes[:1]
	}
	for _, mode := range []dataplane.Mode{dataplane.Silent, dataplane.Reset} {
		for _, name := range modes {
			t.Run(name+"/"+mode.String(), func(t *testing.T) { play(t, name, mode, control.ScopeS3) })
		}
	}
	for _, name := range scopes {
		t.Run(name+"/public-ip", func(t *testing.T) { play(t, name, dataplane.Natural, control.ScopePublicIP) })
	}
}

// TestReportShape pins the object that scripts rely on.
func TestReportShape(t *testing.T) {
	r := play(t, "endpoint-created", dataplane.Natural, control.ScopeS3)
	text, err := json.Marshal(r)
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(text, &got))
	require.ElementsMatch(t, []string{"scenario", "passed", "events", "connections", "expectations"}, keys(got))
	require.ElementsMatch(t, []string{"name", "instance", "path_before", "path_after", "source_before", "source_after",
		"destination", "outcome", "error", "expected", "dropped_after_ms"}, keys(got["connections"].([]any)[0].(map[string]any)))
	require.ElementsMatch(t, []string{"text", "passed", "got"}, keys(got["expectations"].([]any)[0].(map[string]any)))
	require.Len(t, got["events"], 2, "the creation and the one cut")
}

func keys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// TestExpectationsCanFail: a scenario whose expectations are wrong must say so.
func TestExpectationsCanFail(t *testing.T) {
	nstest.RequireTAP(t)
	data, err := library.ReadFile("library/endpoint-created.yml")
	require.NoError(t, err)
	wrong := strings.Replace(string(data), "{outcome: dropped, error: ECONNRESET, path_before: igw, path_after: vpce", "{outcome: survived, path_before: igw, path_after: igw", 1)
	require.NotEqual(t, string(data), wrong)
	f, src, err := Parse("wrong.yml", []byte(wrong))
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	r, err := Run(context.Background(), f, src, Options{Executable: exe})
	require.NoError(t, err)
	if r.Passed {
		t.Error("passed")
	}
	for _, want := range []string{"FAILED  download: outcome survived; got dropped", "FAILED  download: path after igw; got vpce"} {
		if !strings.Contains(r.Summary(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, r.Summary())
		}
	}
}

func TestCheckReportsEverything(t *testing.T) {
	f, src, err := Parse("bad.yml", []byte(`
scenario: bad
topology:
  region: us-east-1
  name: bad
  vpcs:
    main:
      cidr: 10.0.0.0/16
      subnets: {a: {cidr: 10.9.0.0/24}}
      instances: {}
workloads:
  one: {on: nobody, kind: download, to: "s3:/demo"}
  two: {on: nobody, kind: dowload, to: s3://demo/x}
  three: {on: nobody, kind: serve}
  four: {on: nobody, kind: stream, to: "x", replaces: five, expect: {outcome: gone, path_after: vpn, source_after: outside}}
timeline:
  - start: [one, one, six]
  - {wait: 1s, start: [two]}
  - stop: [three]
`))
	require.NoError(t, err)
	err = f.Check(src)
	var errs topology.Errors
	require.ErrorAs(t, err, &errs)
	for _, want := range []string{
		"topology.vpcs.main.subnets.a.cidr: ", "workloads.one.to: ", "workloads.two.kind: ", "workloads.three.listen: ",
		"workloads.four.to: ", "workloads.four.replaces: ", "workloads.four.expect.outcome: ", "workloads.four.expect.path_after: ",
		"workloads.four.expect.source_after: ", "timeline[0].start: one is started a second time", "timeline[0].start: no workload is called \"six\"",
		"timeline[1]: a step does exactly one thing", "timeline[2].stop: three has not been started", "workloads.three: is never started", "(bad.yml:",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %q:\n%v", want, err)
		}
	}
}

// TestNothingCountsAsAliveWithoutProof: a client whose own timer is too long to notice that it is cut off is not called alive.
func TestNothingCountsAsAliveWithoutProof(t *testing.T) {
	nstest.RequireTAP(t)
	data, err := library.ReadFile("library/blackhole.yml")
	require.NoError(t, err)
	patient := strings.Replace(string(data), "stall: 1s\n    expect: {outcome: dropped, error: stalled,", "stall: 1h\n    expect: {outcome: survived,", 1)
	patient = strings.Replace(patient, "  - lost: [to-internet]\n", "", 1)
	require.NotContains(t, patient, "lost:")
	f, src, err := Parse("patient.yml", []byte(patient))
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	r, err := Run(context.Background(), f, src, Options{Executable: exe})
	require.NoError(t, err)
	if r.Passed || r.Connections[0].Name != "to-internet" || r.Connections[0].Outcome != Dropped || r.Connections[0].Error != stalled {
		t.Errorf("the connection that hears nothing more is reported as %+v", r.Connections[0])
	}
}

const oneInstance = `
topology:
  name: one
  region: us-east-1
  vpcs:
    main:
      cidr: 10.0.0.0/16
      internet_gateway: igw
      subnets: {a: {cidr: 10.0.1.0/24}}
      route_tables: {main: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}}
      instances: {app: {subnet: a, address: 10.0.1.10, public_ip: 198.51.100.10}}
  s3: {buckets: {demo: {objects: {movie: "size:1MiB"}}}}
`

func playText(t *testing.T, text string) *Report {
	t.Helper()
	nstest.RequireTAP(t)
	f, src, err := Parse("test.yml", []byte(oneInstance+text))
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	r, err := Run(context.Background(), f, src, Options{Executable: exe})
	require.NoError(t, err)
	return r
}

// TestAClientThatDiesIsNotAlive: what ends without being asked to has not survived.
func TestAClientThatDiesIsNotAlive(t *testing.T) {
	r := playText(t, `
workloads:
  download: {on: app, kind: download, to: s3://demo/movie, expect: {outcome: survived}}
  killer: {on: app, kind: command, command: [sh, -c, 'for p in /proc/[0-9]*; do tr "\0" " " <$p/cmdline | grep -q " workload .*download" && kill -9 ${p#/proc/}; done; true']}
timeline:
  - start: [download]
  - start: [killer]
  - ended: [killer]
  - lost: [download]
`)
	if c := r.Connections[0]; r.Passed || c.Outcome != Dropped || !strings.Contains(c.Error, "killed") {
		t.Errorf("the killed client is reported as %+v", c)
	}
}

// TestCommandsRunWhileTheVPCChanges: a program is cut in its midst like any client, and judged by its exit code.
func TestCommandsRunWhileTheVPCChanges(t *testing.T) {
	r := playText(t, `
workloads:
  command: {on: app, kind: command, command: [sleep, "30"]}
  quick: {on: app, kind: command, command: [sh, -c, "exit 7"], expect: {exit_code: 7}}
  download: {on: app, kind: download, to: s3://demo/movie, expect: {outcome: dropped, error: ECONNRESET}}
timeline:
  - start: [command, download, quick]
  - create_endpoint: {name: s3, service: s3, route_tables: [main]}
  - lost: [download]
  - ended: [quick]
  - stop: [command]
`)
	if !r.Passed || len(r.Expectations) != 3 {
		t.Errorf("%+v", r.Expectations)
	}
}

func TestExpectationsThatNobodyJudgesAreRefused(t *testing.T) {
	f, src, err := Parse("test.yml", []byte(oneInstance+`
workloads:
  command: {on: app, kind: command, command: ["true"], expect: {outcome: dropped}}
  server: {on: app, kind: serve, listen: 7, expect: {outcome: survived}}
  download: {on: app, kind: download, to: s3://demo/movie, expect: {exit_code: 5}}
timeline:
  - start: [command, server, download]
  - lost: [command]
  - ended: [download]
`))
	require.NoError(t, err)
	err = f.Check(src)
	require.Error(t, err)
	for _, want := range []string{
		"workloads.command.expect: of a command only exit_code is judged", "workloads.server.expect: a server has no connection",
		"workloads.download.expect.exit_code: is for commands", "timeline[1].lost: command is a command", "timeline[2].ended: download is no command",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %q:\n%v", want, err)
		}
	}
}

// TestACutByTheReleaseOfAnAddressIsFoundByTheOldAddress: after the change nobody has the address that the connection was opened to.
// The new holder of the address is reached by workloads that name the address.
func TestACutByTheReleaseOfAnAddressIsFoundByTheOldAddress(t *testing.T) {
	r := playText(t, `
  internet: {hosts: {client: {address: 203.0.113.10}}}
workloads:
  server: {on: app, kind: serve, listen: 7}
  before: {on: client, kind: stream, to: "public:app:7", stall: 1s, expect: {outcome: dropped, source_after: none}}
  after: {on: client, kind: stream, to: "app:7", address: 198.51.100.77, expect: {outcome: survived}}
timeline:
  - modify_security_group: {security_group: default, ingress: [{protocol: tcp, peer: 0.0.0.0/0}]}
  - start: [server]
  - start: [before]
  - associate_address: {instance: app}
  - lost: [before]
  - associate_address: {instance: app, public_ip: 198.51.100.77}
  - start: [after]
`)
	if !r.Passed || len(r.Expectations) != 3 {
		t.Errorf("%+v", r.Expectations)
	}
}

// TestAChangeThatCannotBeMadeIsFoundBeforeTheRun: names are looked up in the topology as the changes before have left it.
func TestAChangeThatCannotBeMadeIsFoundBeforeTheRun(t *testing.T) {
	f, src, err := Parse("test.yml", []byte(oneInstance+`
workloads:
  download: {on: app, kind: download, to: s3://demo/movie}
timeline:
  - start: [download]
  - create_endpoint: {name: s3, service: s3, route_tables: [main]}
  - delete_endpoint: {name: s3}
  - delete_endpoint: {name: s3}
`))
	require.NoError(t, err)
	err = f.Check(src)
	require.Error(t, err)
	if !strings.HasPrefix(err.Error(), "timeline[3]: DeleteVpcEndpoints: ") || !strings.HasSuffix(err.Error(), "(test.yml:20)") {
		t.Error(err)
	}
}
