package archtest

import (
	"slices"
	"strings"
	"testing"
)

// rule says what of ours a package may import, tests aside. What it may import by way of others follows from theirs.
type rule struct {
	pkg string
	may []string
	why string
}

// graph is the whole import graph, from the bottom up. A package that is not in it may not exist.
var graph = []rule{
	{"dataplane/drop", nil, "reasons are words; everybody gives them"},
	{"dataplane/packet", nil, "bytes and their meaning; a leaf, so that it can be read and fuzzed alone"},
	{"routing", nil, "prefixes and precedence; what a route leads to is the caller's type"},
	{"routing/internal/asm", nil, "writes routing's assembly; a module of its own"},
	{"endpoint/policy", nil, "a language: documents and requests in, decisions out; others could import it"},
	{"endpoint/sigv4", nil, "a signature: requests and keys in, yes or no out"},
	{"topology", []string{"endpoint/policy"}, "the user's words and AWS's rules about them, policies among them; knows nothing of packets"},
	{"internal/monotonic", nil, "the clock that all processes of a lab share"},

	{"dataplane/filter", []string{"dataplane/packet"}, "what a packet says of itself; what became of earlier ones is decided above"},
	{"dataplane/index", nil, "keys to slots, slots by time: what tables of millions of connections are built from"},

	{"dataplane/conntrack", []string{"dataplane/drop", "dataplane/index", "dataplane/packet"}, "a flow is opened by a packet; what becomes of it is decided above"},
	{"dataplane/capture", []string{"dataplane/packet"}, "writes what it is handed; drop reasons reach it as text"},
	{"dataplane/pcapfilter", []string{"dataplane/packet"}, "tcpdump's language; asks a packet, and knows of no place where one may be"},
	{"dataplane/flowlog", nil, "AWS's lines and what they mean; a leaf, so that it can be read and fuzzed alone"},
	{
		"dataplane/aggregation", []string{"dataplane/conntrack", "dataplane/drop", "dataplane/index", "dataplane/packet"},
		"adds packets up to flows; what to log of them is decided above",
	},
	{"dataplane/port", []string{"dataplane/packet"}, "moves datagrams and looks into none"},
	{"dataplane/port/tap", []string{"dataplane/packet", "dataplane/port"}, "one port of several kinds"},

	{
		"dataplane", []string{
			"dataplane/aggregation", "dataplane/capture", "dataplane/conntrack", "dataplane/drop", "dataplane/filter", "dataplane/index", "dataplane/packet",
			"dataplane/pcapfilter", "dataplane/port", "routing",
		},
		"forwards over a graph it is given: neither topology nor a kind of gateway, which satisfy its Gateway without knowing it",
	},
	{"nat", []string{"dataplane/drop", "dataplane/index", "dataplane/packet"}, "a gateway rewrites a packet or refuses it; some remember connections"},
	{
		"endpoint", []string{"dataplane/drop", "dataplane/packet", "routing"},
		"a gateway too; whether a source lies in its prefix list is a longest-prefix match",
	},
	{"endpoint/dns", nil, "a service: names and messages; whose they are is the caller's knowledge"},
	{"endpoint/metadata", nil, "a service: HTTP and what it is told of an instance"},
	{"endpoint/s3", []string{"endpoint", "endpoint/policy", "endpoint/sigv4", "internal/monotonic"}, "a service: sockets and HTTP, no packets"},

	{
		"topology/compile", []string{
			"dataplane", "dataplane/conntrack", "dataplane/drop", "dataplane/filter", "dataplane/packet", "endpoint", "endpoint/dns", "nat", "routing", "topology",
		},
		"the one place that sees the user's words and the data plane at once",
	},
	{"topology/awsimport", []string{"endpoint/policy", "topology"}, "what AWS's tools print, in the user's words; knows nothing of packets either"},
	{"topology/host", []string{"dataplane/port", "dataplane/port/tap"}, "namespaces and processes; says what the machine can't as ports do"},

	{"internal/probe", []string{"dataplane", "dataplane/drop", "dataplane/packet", "topology", "topology/compile"}, "a question in words, answered by Forward"},
	{"internal/graph", []string{"internal/probe", "topology"}, "a network and a trace's answer, as a picture"},
	{
		"internal/whatif", []string{
			"dataplane", "dataplane/conntrack", "dataplane/drop", "dataplane/flowlog", "dataplane/packet", "routing", "topology", "topology/compile",
		},
		"what a change would do, in words; what is lost is the data plane's own verdict",
	},
	{"internal/flowlogs/parquet", []string{"dataplane/flowlog"}, "the file format and its library, and nothing else"},
	{
		"internal/flowlogs", []string{
			"dataplane", "dataplane/aggregation", "dataplane/conntrack", "dataplane/drop", "dataplane/flowlog", "internal/flowlogs/parquet", "routing", "topology",
		},
		"says in AWS's words what the data plane has counted; the data plane knows none of them",
	},
	{"internal/workload", []string{"internal/monotonic"}, "programs with sockets; they must not know that they are simulated"},
	{
		"internal/control", []string{
			"dataplane", "dataplane/aggregation", "dataplane/capture", "dataplane/conntrack", "dataplane/drop", "dataplane/flowlog", "dataplane/packet", "dataplane/pcapfilter", "dataplane/port", "dataplane/port/tap",
			"endpoint", "endpoint/dns", "endpoint/metadata", "endpoint/policy", "endpoint/s3", "internal/flowlogs", "internal/monotonic", "internal/whatif", "internal/probe", "nat", "topology", "topology/compile", "topology/host",
		},
		"the one writer: it alone changes a running lab",
	},
	{"internal/metrics", []string{"dataplane/drop", "internal/control", "nat"}, "shows what a lab counts to Prometheus, and counts nothing"},
	{
		"internal/scenario", []string{"dataplane", "dataplane/capture", "dataplane/conntrack", "dataplane/drop", "dataplane/flowlog", "internal/control", "internal/flowlogs", "internal/monotonic", "internal/workload", "topology"},
		"plays a timeline through control, and judges what both ends saw",
	},
	{"internal/report", []string{"internal/control", "internal/scenario", "internal/workload"}, "draws what a run found; text and pictures out"},
	{"internal/prober", nil, "a program with sockets, too"},
	{"internal/survey", []string{"internal/control", "internal/probe", "internal/prober"}, "a client of a lab: what packets say against what traces say"},
	{"internal/packettest", []string{"dataplane/packet", "dataplane/port"}, "watches a router under test at its ports; must not know the router"},
	{"internal/natdiff", nil, "tests only, of our NAT gateway against the kernel's"},
	{"internal/tracediff", nil, "tests only, of what traces say against what the router does"},
	{"bench", []string{"routing"}, "measures lookups, and has a model of its own to check them by"},
	{"bench/load", nil, "programs with sockets at both ends of what is measured; must know of nothing in between"},
	{
		"bench/forward", []string{"bench", "bench/load", "endpoint", "endpoint/s3", "internal/control", "topology", "topology/host"},
		"measures forwarding: a lab as users have it, and peers that it builds itself",
	},
	{"bench/scale", []string{"bench", "bench/load", "internal/control", "topology"}, "measures labs of many instances as users have them"},
	{"bench/soak", []string{"bench", "bench/forward", "bench/load", "internal/control", "topology"}, "keeps a lab busy for long, with the features that forwarding is measured with"},
	{"bench/compare", []string{"bench"}, "a module of its own, so that only who compares needs the peers"},
	{"bench/compare/relay", nil, "peers in forwarding: packets between two devices, and nothing of ours"},
	{"internal/nstest", []string{"dataplane/port", "topology/host"}, "confines a test binary; for tests only"},
	{"internal/interop", nil, "tests only: programs that know nothing of us, in real labs"},
	{
		"cmd/vpcsim", []string{
			"bench", "bench/forward", "bench/load", "bench/scale", "bench/soak", "dataplane", "dataplane/capture", "dataplane/flowlog", "dataplane/port",
			"internal/control", "internal/flowlogs", "internal/graph", "internal/metrics", "internal/monotonic", "internal/probe", "internal/prober", "internal/report", "internal/scenario", "internal/survey", "internal/whatif",
			"internal/workload", "topology", "topology/awsimport", "topology/host",
		},
		"flags in, text out",
	},
}

// users says which packages may import a module that is not ours; no package means tests only.
type users struct {
	module string
	in     []string
	why    string
}

var modules = []users{
	{"github.com/vishvananda/netlink", []string{"bench/forward", "topology/host"}, "whoever talks netlink changes the machine: namespaces of labs, and of peers"},
	{"github.com/google/gopacket", []string{"bench"}, "reads captures for their addresses; else the slow obvious model in tests: per packet it costs ten times our decoder"},
	{"github.com/osrg/gobgp/v4", []string{"bench"}, "reads dumps of routing tables, before anything is measured"},
	{"github.com/gaissmai/bart", []string{"bench/compare"}, "a peer"},
	{"github.com/infobloxopen/go-trees", []string{"bench/compare"}, "a peer"},
	{"github.com/k-sone/critbitgo", []string{"bench/compare"}, "a peer"},
	{"github.com/yl2chen/cidranger", []string{"bench/compare"}, "a peer"},
	{"golang.zx2c4.com/wireguard", []string{"bench/compare", "bench/compare/relay"}, "a peer, in lookup and in forwarding"},
	{"gvisor.dev/gvisor", []string{"bench/compare/relay"}, "a peer"},
	{"github.com/rclone/gofakes3", []string{"endpoint/s3"}, "the S3 protocol, and nobody else's business"},
	{"github.com/spf13/cobra", []string{"cmd/vpcsim"}, "the command line ends at cmd"},
	{"github.com/spf13/pflag", []string{"cmd/vpcsim"}, "the command line ends at cmd"},
	{"github.com/creack/pty", []string{"cmd/vpcsim"}, "terminals end at cmd"},
	{"github.com/gdamore/tcell/v2", []string{"cmd/vpcsim"}, "terminals end at cmd"},
	{"golang.org/x/term", []string{"cmd/vpcsim"}, "terminals end at cmd"},
	{"github.com/prometheus/client_golang", []string{"internal/metrics"}, "names and formats of metrics; what is counted knows nothing of it"},
	{"github.com/prometheus/client_model", nil, "what a scrape is made of, for tests"},
	{"go.yaml.in/yaml/v3", []string{"topology", "cmd/vpcsim"}, "one decoder for all files, and -o yaml"},
	{
		"golang.org/x/sys", []string{"bench", "bench/compare", "bench/forward", "bench/load", "bench/scale", "cmd/vpcsim", "dataplane/port/tap", "endpoint/metadata", "endpoint/s3", "internal/control", "internal/monotonic", "internal/nstest", "internal/prober", "internal/workload", "routing", "topology/host"},
		"system calls, where there is a kernel to call; for routing, what the processor can",
	},
	{"github.com/parquet-go/parquet-go", []string{"internal/flowlogs/parquet"}, "a file format; nobody else's business"},
	{"golang.org/x/net", []string{"endpoint/dns"}, "DNS messages; in tests also ICMP from a program's side, ours being in dataplane/packet"},
	{"github.com/mmcloughlin/avo", []string{"routing/internal/asm"}, "assembly is written at home, and read by the assembler"},
	{"github.com/stretchr/testify", nil, "require, for the set-up of tests"},
	{"github.com/rogpeppe/go-internal", nil, "txtar and testscript"},
	{"github.com/santhosh-tekuri/jsonschema/v6", nil, "judges the published schema"},
}

func TestImportGraph(t *testing.T) {
	files := source(t)
	rules := map[string]rule{}
	for _, r := range graph {
		for _, p := range r.may {
			if _, ok := rules[p]; !ok {
				t.Errorf("%s may import %s, which does not stand above it in the table: arrows point down", r.pkg, p)
			}
		}
		rules[r.pkg] = r
	}
	for _, f := range files {
		r, known := rules[f.dir()]
		if f.test {
			continue
		}
		if !known {
			t.Errorf("%s: package %s is not in the graph; give it a row with its reason", f.path, f.dir())
		}
		for _, i := range f.imports() {
			if p, ours := strings.CutPrefix(i, module+"/"); ours && !slices.Contains(r.may, p) {
				t.Errorf("%s imports %s; it may import %v: %s", f.path, p, r.may, r.why)
			}
		}
	}
	for _, r := range graph {
		if !slices.Contains(packages(files), r.pkg) {
			t.Errorf("the graph has a row for %s, which is not there", r.pkg)
		}
	}
}

func TestOnlyTestsImportTestPackages(t *testing.T) {
	for _, f := range source(t) {
		for _, p := range []string{"internal/nstest", "internal/packettest"} {
			if !f.test && slices.Contains(f.imports(), module+"/"+p) {
				t.Errorf("%s imports %s and is no test", f.path, p)
			}
		}
	}
}

func TestModulesOfOthers(t *testing.T) {
	for _, f := range source(t) {
		for _, i := range f.imports() {
			if first, _, _ := strings.Cut(i, "/"); !strings.Contains(first, ".") {
				continue
			}
			at := slices.IndexFunc(modules, func(u users) bool { return i == u.module || strings.HasPrefix(i, u.module+"/") })
			switch {
			case at < 0:
				t.Errorf("%s imports %s, which is not in the table; give it a row, and one in docs/dependencies.md", f.path, i)
			case !f.test && !slices.Contains(modules[at].in, f.dir()):
				t.Errorf("%s imports %s; only tests and %v may: %s", f.path, i, modules[at].in, modules[at].why)
			}
		}
	}
}

// standard says what of the standard library a package may not import. The packet path carries packets: it reads no files, writes
// no logs and knows no text formats.
var standard = []struct {
	pkgs, never []string
	why         string
}{
	{
		[]string{"dataplane", "dataplane/conntrack", "dataplane/drop", "dataplane/packet", "nat", "endpoint", "routing"},
		[]string{"os", "log", "log/slog", "net/http", "encoding/json", "reflect"},
		"a packet needs none of it",
	},
	{[]string{"topology/compile"}, []string{"os", "time", "log", "net/http", "math/rand", "math/rand/v2"}, "compiling is a pure function"},
}

func TestStandardLibrary(t *testing.T) {
	for _, f := range source(t) {
		for _, s := range standard {
			if f.test || !slices.Contains(s.pkgs, f.dir()) {
				continue
			}
			for _, i := range f.imports() {
				if slices.Contains(s.never, i) {
					t.Errorf("%s imports %s: %s", f.path, i, s.why)
				}
			}
		}
	}
}
