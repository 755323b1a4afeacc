package topology_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestGolden reads each testdata/*.txtar: the file lab.vpc.yml must lead to the file "errors", one problem a line, or,
// resolved, to the file "network". The comment on top says what the case is about.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { golden(t, file) })
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	got := txtar.File{Name: "network"}
	network, err := resolve(archive.Files[0].Name, archive.Files[0].Data)
	if err != nil {
		got = txtar.File{Name: "errors", Data: []byte(err.Error() + "\n")}
	} else {
		got.Data = []byte(summary(network))
	}
	if *update {
		archive.Files = append(archive.Files[:1], got)
		require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
		return
	}
	require.Len(t, archive.Files, 2, "run go test -update and read the difference")
	if want := archive.Files[1]; want.Name != got.Name || string(want.Data) != string(got.Data) {
		t.Errorf("got %s:\n%s\nwant %s:\n%s", got.Name, got.Data, want.Name, want.Data)
	}
}

func resolve(file string, data []byte) (*topology.Network, error) {
	spec, src, err := topology.Parse(file, data)
	if err != nil {
		return nil, err
	}
	return topology.Resolve(spec, src)
}

// summary writes a Network for people.
func summary(n *topology.Network) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("%s %s %s", n.Name, n.Region, n.Preset)
	for _, v := range n.VPCs {
		summarizeVPC(p, v)
	}
	summarizeBetween(p, n)
	for _, l := range n.PrefixLists {
		p("prefix list %s %s aws=%v weight=%d entries=%d", l.Name, l.ID, l.AWSManaged, l.Weight, len(l.Entries))
	}
	for _, h := range n.InternetHosts {
		p("host %s %s %s%s", h.Name, h.ID, h.Address, optional(" ", h.IPv6Address.IsValid(), h.IPv6Address))
	}
	p("s3 %v", n.S3.CIDRs)
	for _, bucket := range n.S3.Buckets {
		for _, o := range bucket.Objects {
			p("  %s/%s %d %q", bucket.Name, o.Key, o.Size, o.Content)
		}
	}
	for _, region := range n.S3.Regions {
		p("  %s %v", region.Name, region.Addresses)
	}
	return b.String()
}

func summarizeVPC(p func(string, ...any), v *topology.VPC) {
	p("vpc %s %s realm=%d %v%s", v.Name, v.ID, v.Realm, v.CIDRs, optional(" ", v.IPv6CIDR.IsValid(), v.IPv6CIDR))
	if igw := v.InternetGateway; igw != nil {
		p("  igw %s %s", igw.Name, igw.ID)
	}
	summarizeNames(p, v)
	summarizeGateways(p, v)
	for _, s := range v.Subnets {
		p("  subnet %s %s %s %s table=%s explicit=%v%s%s", s.Name, s.ID, s.CIDR, s.AZ, s.RouteTable.Name, s.Explicit,
			optional(" ", s.IPv6CIDR.IsValid(), s.IPv6CIDR), optional(" acl=", !s.ACL.Default, s.ACL.Name))
	}
	for _, t := range v.RouteTables {
		p("  table %s %s main=%v", t.Name, t.ID, t.Main)
		for _, r := range t.Routes {
			destination := r.Destination.String()
			if r.PrefixList != nil {
				destination = r.PrefixList.ID
			}
			p("    %s -> %s %s igw=%v endpoint=%v%s", destination, r.Target, r.State, r.InternetGateway != nil, r.Endpoint != nil, otherTarget(r)+optional(" ", r.Propagated, "propagated"))
		}
	}
	for _, e := range v.Endpoints {
		var tables []string
		for _, t := range e.RouteTables {
			tables = append(tables, t.Name)
		}
		p("  endpoint %s %s %s %s %v", e.Name, e.ID, e.ServiceName, e.PrefixList.ID, slices.Sorted(slices.Values(tables)))
	}
	summarizeFilters(p, v)
	for _, i := range v.Instances {
		p("  instance %s %s", i.Name, i.ID)
		for _, e := range i.Interfaces {
			p("    %d %s", e.Index, interfaceText(e))
		}
	}
	for _, e := range v.NetworkInterfaces {
		p("  interface %s %s %q %s", e.Name, e.Type, e.Description, interfaceText(e))
	}
}
