package interop

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
)

// paths are the hops that traceroute shows: a NAT gateway is one, by its private address; implicit routers and the internet
// gateway show none (aws-semantics 5.1, 8.4).
var paths = []struct {
	name     string
	from, to string
	hops     []string
}{
	{"a private instance sees the NAT gateway before an internet host", "app", "203.0.113.10", []string{"10.0.0.5", "203.0.113.10"}},
	{"a public instance sees only the internet host", "web", "203.0.113.10", []string{"203.0.113.10"}},
	{"a neighbour in the subnet is one hop away", "web", "10.0.0.11", []string{"10.0.0.11"}},
	{"an instance in another subnet is one hop away", "app", "10.0.2.10", []string{"10.0.2.10"}},
	{"an internet host sees the instance behind a gateway that does not tell", "peer", "198.51.100.10", []string{"*", "198.51.100.10"}},
	{"a neighbour's public address is behind the internet gateway", "web", "198.51.100.11", []string{"*", "198.51.100.11"}},
	{"behind the NAT gateway a public address is two gateways away", "app", "198.51.100.11", []string{"10.0.0.5", "*", "198.51.100.11"}},
}

func TestTracerouteShowsTheHops(t *testing.T) {
	t.Parallel()
	tool(t, "traceroute")
	for _, method := range []string{"--icmp", "--udp", "--tcp", "--sim-queries=1"} {
		l := start(t, office) // its own, as kernels limit how many ICMP errors they send
		for _, p := range paths {
			t.Run(fmt.Sprintf("%s/%s", method, p.name), func(t *testing.T) {
				t.Parallel()
				l.leads(t, p.from, p.to, p.hops, method)
			})
		}
	}
}

// leads fails the test unless traceroute shows the hops, "*" standing for one that does not answer. Probes go one by one: kernels
// limit how many ICMP errors they send.
func (l lab) leads(t testing.TB, from, to string, want []string, args ...string) {
	t.Helper()
	out := l.run(t, from, "traceroute", append(append([]string{"-n", "-q", "1", "-N", "1", "-w", "8", "-m", "6"}, args...), to)...)
	if got := hops(out); !slices.Equal(got, want) {
		t.Errorf("traceroute %q from %s to %s: hops %q, want %q:\n%s", args, from, to, got, want, out)
	}
}

var hopLine = regexp.MustCompile(`(?m)^ *\d+\.?(?:\|--)? +([0-9a-f.:]+|\*|\?\?\?)`)

// hops are the answering addresses of traceroute's lines, in order.
func hops(output string) (all []string) {
	for _, m := range hopLine.FindAllStringSubmatch(output, -1) {
		all = append(all, m[1])
	}
	return all
}

// TestTracerouteThroughTheEndpoint: one hop by TCP, which is how AWS's support tells an endpoint from an internet gateway; UDP
// probes die (aws-semantics 3.2).
func TestTracerouteThroughTheEndpoint(t *testing.T) {
	t.Parallel()
	l := start(t, office)
	l.leads(t, "inner", s3Address, []string{s3Address}, "--tcp", "-p", "80")
	l.leads(t, "inner", s3Address, []string{"*", "*"}, "--udp", "-p", "443", "-m", "2")
	if n := l.drops(drop.EndpointProtocol); n != 2 {
		t.Errorf("%d packets dropped as %s, want both UDP probes", n, drop.EndpointProtocol)
	}
}

// TestMtrAgreesWithTraceroute and loses nothing.
func TestMtrAgreesWithTraceroute(t *testing.T) {
	t.Parallel()
	tool(t, "mtr")
	l := start(t, office)
	for _, p := range paths {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			out := l.run(t, p.from, "mtr", "--report", "-n", "-c", "3", "-i", "0.2", "-G", "3", "-Z", "5", "-j", p.to)
			var parsed struct {
				Report struct {
					Hubs []struct {
						Host string
						Loss float64 `json:"Loss%"`
					}
				}
			}
			require.NoError(t, json.Unmarshal([]byte(out), &parsed), out)
			var got []string
			for _, h := range parsed.Report.Hubs {
				if h.Host == "???" {
					h.Host = "*"
				} else if h.Loss != 0 {
					t.Errorf("%s: %v %% lost", h.Host, h.Loss)
				}
				got = append(got, h.Host)
			}
			if !slices.Equal(got, p.hops) {
				t.Errorf("hops %q, want %q:\n%s", got, p.hops, out)
			}
		})
	}
}
