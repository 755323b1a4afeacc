package control

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/nstest"
	"vpcsim/topology"
)

// BenchmarkUp starts a lab, from its text to the last network interface, and tells how much memory the process then has for each
// instance.
func BenchmarkUp(b *testing.B) {
	nstest.RequireTAP(b)
	for _, instances := range []int{1, 200} {
		b.Run(fmt.Sprint(instances), func(b *testing.B) {
			text := manyInstances(instances)
			for b.Loop() {
				spec, src, err := topology.Parse("test.vpc.yml", []byte(text))
				require.NoError(b, err)
				lab, err := Start(spec, src, Options{})
				require.NoError(b, err)
				b.StopTimer()
				b.ReportMetric(float64(residentKB(b))/float64(instances), "KB/instance")
				require.NoError(b, lab.Close())
				b.StartTimer()
			}
		})
	}
}

// manyInstances is a topology of one VPC with ten subnets.
func manyInstances(n int) string {
	var b strings.Builder
	b.WriteString("region: us-east-1\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    internet_gateway: igw\n    subnets:\n")
	for s := range 10 {
		fmt.Fprintf(&b, "      s%d: {cidr: 10.0.%d.0/24}\n", s, s)
	}
	b.WriteString("    route_tables: {main: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}}\n    instances:\n")
	for i := range n {
		fmt.Fprintf(&b, "      i%d: {subnet: s%d}\n", i, i%10)
	}
	return b.String()
}

// residentKB is how much of the process's memory is in the machine's, files not counted (proc(5), RssAnon).
func residentKB(b testing.TB) (kB int) {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	_, after, _ := strings.Cut(string(status), "RssAnon:")
	_, err = fmt.Sscan(after, &kB)
	require.NoError(b, err)
	return kB
}
