package survey

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/control"
	"vpcsim/internal/nstest"
	"vpcsim/internal/prober"
	"vpcsim/topology"
)

// TestMain makes the test binary a stand-in for our executable: run with the verb, it is the prober.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "prober" {
		os.Exit(prober.Main(os.Stdin, os.Stdout, os.Stderr))
	}
	nstest.Main(m)
}

// everyKind has a way of every kind: inside a subnet and a VPC, internet, NAT and transit gateway, peering, endpoint; filters that let
// pings pass, or connections, or nothing; several network interfaces; the same addresses in two VPCs.
const everyKind = `
name: survey
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      public: {cidr: 10.0.1.0/24, az: us-east-1a, route_table: public}
      private: {cidr: 10.0.2.0/24, az: us-east-1a, route_table: private}
      trap: {cidr: 10.0.3.0/24, az: us-east-1a, route_table: public, network_acl: trap}
    nat_gateways: {nat: {subnet: public, public_ip: auto}}
    route_tables:
      public: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}
      private:
        routes: [{destination: 0.0.0.0/0, target: nat}, {destination: 10.1.0.0/16, target: pcx}, {destination: 10.2.0.0/16, target: tgw}]
    endpoints: {s3: {service: s3, route_tables: [private]}}
    security_groups:
      open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}
      ping: {ingress: [{protocol: icmp, icmp: 8, peer: 10.0.0.0/8}]}
      https: {ingress: [{protocol: tcp, ports: 443, peer: open}]}
    network_acls:
      trap:
        ingress: [{number: 100, action: allow, protocol: tcp, ports: 443, cidr: 0.0.0.0/0}]
        egress: [{number: 100, action: allow, protocol: all, cidr: 0.0.0.0/0}]
    instances:
      web: {subnet: public, public_ip: auto, security_groups: [open]}
      two:
        interfaces: [{subnet: private, security_groups: [open]}, {subnet: public, security_groups: [open]}]
      ping: {subnet: private, security_groups: [ping]}
      https: {subnet: public, security_groups: [https]}
      trapped: {subnet: trap, public_ip: auto, security_groups: [open]}
    network_interfaces:
      ssm: {type: vpc_endpoint, subnet: private, security_groups: [open]}
  peer:
    cidr: 10.1.0.0/16
    subnets: {s: {cidr: 10.1.1.0/24, az: us-east-1a}}
    route_tables: {main: {main: true, routes: [{destination: 10.0.0.0/16, target: pcx}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 10.0.0.0/8}]}}
    instances: {far: {subnet: s, security_groups: [open]}}
  hub:
    cidr: 10.2.0.0/16
    subnets: {s: {cidr: 10.2.1.0/24, az: us-east-1a}}
    route_tables: {main: {main: true, routes: [{destination: 10.0.0.0/16, target: tgw}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 10.0.0.0/8}]}}
    instances: {spoke: {subnet: s, security_groups: [open]}}
  twin:
    cidr: 10.0.0.0/16
    subnets: {s: {cidr: 10.0.1.0/24, az: us-east-1a}}
    instances: {clone: {subnet: s}}
peerings: {pcx: {requester: main, accepter: peer}}
transit_gateways:
  tgw: {attachments: {to-main: {vpc: main, subnets: [private]}, to-hub: {vpc: hub, subnets: [s]}}}
internet: {hosts: {client: {address: 203.0.113.10}}}
`

// socket is an abstract name, known to this test's confined process alone. Tests that use it are not parallel.
const socket = "@survey"

func startLab(t *testing.T, text string) *control.Lab {
	t.Helper()
	nstest.RequireTAP(t)
	spec, src, err := topology.Parse("survey.vpc.yml", []byte(text))
	require.NoError(t, err)
	lab, err := control.Start(spec, src, control.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lab.Close()) })
	server, err := control.Serve(lab, socket)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	return lab
}

func options(t *testing.T) Options {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	return Options{
		ICMP: true, Ports: []uint16{22, 443}, Wait: time.Second, Executable: exe, Env: append(os.Environ(), "GORACE=atexit_sleep_ms=0"),
		Say: t.Logf,
	}
}

func run(t *testing.T, o Options) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r, err := Run(ctx, control.Client{Socket: socket}, o)
	require.NoError(t, err)
	return r
}

// marks returns what the matrix shows in one cell.
func (r *Report) marks(from, to string) string { return r.cells()[[2]string{from, to}] }

// TestPacketsAndTracesAgree: on every kind of way real packets fare as the trace says, time to live included.
func TestPacketsAndTracesAgree(t *testing.T) {
	startLab(t, everyKind)
	r := run(t, options(t))
	if r.Differ > 0 {
		t.Errorf("%d differ:\n%s", r.Differ, r.summary())
	}
	for pair, want := range map[[2]string]string{
		{"web", "two"}: "+++", {"web", "ping"}: "+..", {"web", "https"}: "..+", {"web", "client"}: "+++", {"web", "s3.us-east-1"}: "+.+",
		{"web", "trapped"}: "..+", {"ping", "https"}: "...", {"two", "far"}: "+++", {"two", "spoke"}: "+++", {"far", "spoke"}: "...",
		{"two", "client"}: "+++", {"ping", "s3.us-east-1"}: "+.+", {"trapped", "client"}: "...", {"trapped", "s3.us-east-1"}: "...", {"clone", "client"}: "...",
		{"web", "web"}: "", {"web", "ssm"}: "..+", {"web", "clone"}: "..+*", {"https", "clone"}: "",
	} {
		if got := r.marks(pair[0], pair[1]); got != want {
			t.Errorf("%s to %s: got %q, want %q", pair[0], pair[1], got, want)
		}
	}
	ttl := map[string]int{}
	for _, f := range r.Findings {
		if f.From == "two" && f.Protocol == prober.ICMP {
			ttl[f.To] = f.TTL
		}
	}
	for to, want := range map[string]int{"web": 64, "far": 64, "spoke": 63, "client": 62, "s3.us-east-1": 64} {
		if ttl[to] != want {
			t.Errorf("the answer of %s to a ping has a time to live of %d, want %d", to, ttl[to], want)
		}
	}
}

// TestDifferencesAreTold: instances that do not behave as the trace takes for granted.
func TestDifferencesAreTold(t *testing.T) {
	lab := startLab(t, `
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    subnets: {a: {cidr: 10.0.1.0/24}}
    instances: {deaf: {subnet: a}, old: {subnet: a}, plain: {subnet: a}}
`)
	set := func(name, parameter, value string) {
		cmd := exec.Command("sh", "-c", fmt.Sprintf("echo %s > /proc/sys/net/ipv4/%s", value, parameter))
		require.NoError(t, lab.Run(name, cmd))
		require.NoError(t, cmd.Wait())
	}
	set("deaf", "icmp_echo_ignore_all", "1")
	set("old", "ip_default_ttl", "255")
	o := options(t)
	o.Ports = nil
	o.Wait = 300 * time.Millisecond
	r := run(t, o)
	var table strings.Builder
	require.NoError(t, r.Table(&table))
	require.Equal(t, `FROM \ TO  deaf  old  plain  s3.us-east-1
deaf       -     !    +      .
old        !     -    +      .
plain      !     !    -      .

icmp: + answered, . not, ! not as the trace says; * after it: another one has that address there
deaf -> old (10.0.1.5) icmp: the answer has a time to live of 255, which the trace says is 64
old -> deaf (10.0.1.4) icmp: there is no answer, which the trace says is delivered
plain -> deaf (10.0.1.4) icmp: there is no answer, which the trace says is delivered
plain -> old (10.0.1.5) icmp: the answer has a time to live of 255, which the trace says is 64
5 of 9 answers are as the trace says
`, table.String())
}

func TestWhatCannotBeSurveyed(t *testing.T) {
	o := options(t)
	_, err := Run(context.Background(), control.Client{Socket: "@nobody"}, o)
	require.ErrorContains(t, err, "the lab does not answer")
	startLab(t, "region: us-east-1\nvpcs: {main: {cidr: 10.0.0.0/16, subnets: {a: {cidr: 10.0.1.0/24}}, instances: {app: {subnet: a}}}}\n")
	o.Executable = "/nonexistent"
	_, err = Run(context.Background(), control.Client{Socket: socket}, o)
	require.ErrorContains(t, err, "prober in app: ")
	require.ErrorContains(t, err, "/nonexistent")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Run(ctx, control.Client{Socket: socket}, options(t))
	require.ErrorIs(t, err, context.Canceled)
}

func TestManyNeighboursAreTold(t *testing.T) {
	t.Parallel()
	describe := func(instances int) *control.Description {
		d := &control.Description{}
		for n := range instances {
			d.Instances = append(d.Instances, control.InstanceView{Name: fmt.Sprint(n), NetworkInterfaces: []control.InterfaceView{
				{NetworkInterfaceID: fmt.Sprintf("eni-%d", n), SubnetID: "subnet-a", PrivateIPAddress: fmt.Sprintf("10.0.1.%d", 4+n), MacAddress: "02:00:00:00:00:01"},
			}})
		}
		return d
	}
	require.Empty(t, newSurvey(describe(20), Options{ICMP: true}).neighbours(), "the kernel's own ARP does")
	all := newSurvey(describe(40), Options{ICMP: true}).neighbours()
	require.Len(t, all, 40)
	require.Len(t, all["0"], 39)
	require.Equal(t, "10.0.1.5 02:00:00:00:00:01 eth0", fmt.Sprint(all["0"][0].Address, " ", all["0"][0].MAC, " ", all["0"][0].Device))
}

func TestColumnsHaveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	eni := func(id, name string) control.InterfaceView {
		return control.InterfaceView{NetworkInterfaceID: id, Name: name, InterfaceType: "vpc_endpoint"}
	}
	d := &control.Description{
		Interfaces:  []control.InterfaceView{eni("eni-1", "ssm"), eni("eni-2", "ssm"), {NetworkInterfaceID: "eni-3", Name: "nlb", InterfaceType: "network_load_balancer"}},
		PrefixLists: []control.PrefixListView{{PrefixListName: "com.amazonaws.eu-west-1.s3", OwnerID: "AWS", Cidrs: []string{"52.218.0.0/17"}}, {PrefixListName: "own.s3", OwnerID: "self", Cidrs: []string{"10.0.0.0/8"}}},
	}
	require.Equal(t, []string{"ssm", "eni-2", "s3.eu-west-1"}, newSurvey(d, Options{ICMP: true}).report(Options{ICMP: true}).To)
}

func TestSourcesAreApart(t *testing.T) {
	t.Parallel()
	d := &control.Description{}
	for n := range 3 {
		d.Instances = append(d.Instances, control.InstanceView{Name: fmt.Sprint(n), NetworkInterfaces: []control.InterfaceView{
			{NetworkInterfaceID: fmt.Sprint("eni-", n), PrivateIPAddress: fmt.Sprintf("10.0.%d.4", n)},
		}})
	}
	sources := map[uint16]bool{}
	for _, f := range newSurvey(d, Options{Ports: []uint16{49153}}).findings {
		sources[f.Source] = true
	}
	require.Equal(t, map[uint16]bool{49152: true, 49154: true, 49155: true}, sources, "one each, and none of the ports asked")
}

func TestCompare(t *testing.T) {
	t.Parallel()
	answered := Expected{Verdict: "delivered", TTL: 64}
	denied := Expected{Verdict: "dropped", Reason: "SUBNET_ACL_RESTRICTION", By: "acl-1"}
	for name, row := range map[string]struct {
		f    Finding
		want string
	}{
		"both say yes":             {Finding{Protocol: "icmp", Sighting: prober.Sighting{Reached: true, TTL: 64}, Trace: answered}, ""},
		"both say no":              {Finding{Protocol: "icmp", Trace: denied}, ""},
		"a refusal counts":         {Finding{Protocol: "tcp", Sighting: prober.Sighting{Reached: true, Refused: true}, Trace: answered}, ""},
		"only packets say yes":     {Finding{Protocol: "tcp", Sighting: prober.Sighting{Reached: true}, Trace: denied}, "there is an answer, which the trace says is dropped by acl-1: SUBNET_ACL_RESTRICTION"},
		"only the trace says yes":  {Finding{Protocol: "tcp", Trace: answered}, "there is no answer, which the trace says is delivered"},
		"the network says why not": {Finding{Protocol: "tcp", Sighting: prober.Sighting{Said: "no route to host"}, Trace: answered}, "there is no answer, which the trace says is delivered: no route to host"},
		"a ping from further away": {Finding{Protocol: "icmp", Sighting: prober.Sighting{Reached: true, TTL: 62}, Trace: answered}, "the answer has a time to live of 62, which the trace says is 64"},
		"nobody knows":             {Finding{Protocol: "tcp", Sighting: prober.Sighting{Error: "address in use"}, Trace: denied}, "could not be asked: address in use"},
	} {
		row.f.compare()
		if row.f.Difference != row.want {
			t.Errorf("%s: got %q, want %q", name, row.f.Difference, row.want)
		}
	}
}
