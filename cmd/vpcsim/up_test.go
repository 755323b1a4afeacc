package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

func TestACrowdedSubnetIsToldOf(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		subnets, each int
		want          string // part of it; empty for no warning
	}{
		"as many as there are places for":        {1, 32, ""},
		"one more":                               {1, 33, "know 1056 neighbours, and the kernel has 1024 places"},
		"many, but few in each subnet":           {80, 4, ""},
		"many, and the others are no neighbours": {90, 4, "1080 neighbours"},
		"a cure that suffices":                   {1, 200, "sudo sysctl net.ipv4.neigh.default.gc_thresh3=79600"},
	} {
		var b strings.Builder
		b.WriteString("region: us-east-1\nquotas: raised\nvpcs:\n  main:\n    cidr: 10.0.0.0/16\n    subnets:\n")
		for s := range row.subnets {
			fmt.Fprintf(&b, "      s%d: {cidr: 10.0.%d.0/24}\n", s, s)
		}
		b.WriteString("    instances:\n")
		for s := range row.subnets {
			for i := range row.each {
				fmt.Fprintf(&b, "      i%d-%d: {subnet: s%d}\n", s, i, s)
			}
		}
		spec, src, err := topology.Parse("crowd.vpc.yml", []byte(b.String()))
		require.NoError(t, err)
		n, err := topology.Resolve(spec, src)
		require.NoError(t, err)
		if got := crowded(n, 1024); (got == "") != (row.want == "") || !strings.Contains(got, row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}
