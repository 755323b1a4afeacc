package compile_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/packet"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestGolden reads each testdata/*.txtar: the topology in lab.vpc.yml, the packets in the file "packets", one a line
// (see parse), and in the file "traces" what becomes of each under the compiled snapshot.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.GreaterOrEqual(t, len(archive.Files), 2)
			got := traces(t, archive.Files[0].Data, string(archive.Files[1].Data))
			if *update {
				archive.Files = append(archive.Files[:2], txtar.File{Name: "traces", Data: []byte(got)})
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
				return
			}
			require.Len(t, archive.Files, 3, "run go test -update and read the difference")
			if want := string(archive.Files[2].Data); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func snapshot(t *testing.T, lab []byte) (*topology.Network, *dataplane.Snapshot) {
	spec, src, err := topology.Parse("lab.vpc.yml", lab)
	require.NoError(t, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(t, err)
	s, _, err := compile.Snapshot(n, nil)
	require.NoError(t, err)
	return n, dataplane.Prepare(s)
}

func syn(p *packet.Packet, from, to netip.Addr) {
	packet.BuildTCP(p, netip.AddrPortFrom(from, 40000), netip.AddrPortFrom(to, 443), packet.SYN, 1, 0, nil)
}

// TestTwoVPCsWithTheSameAddresses: their flows are kept apart, and each endpoint answers into its own VPC.
func TestTwoVPCsWithTheSameAddresses(t *testing.T) {
	lab := `
region: us-east-1
name: twins
vpcs:
` + twin("left") + twin("right")
	n, s := snapshot(t, []byte(lab))
	for _, v := range n.VPCs {
		eni := v.Instances[0].Interfaces[0]
		p := packet.New(128)
		syn(p, eni.Addresses[0], netip.MustParseAddr("52.216.1.2"))
		trace := s.Trace(nil, s.Interface(eni.ID), p, nil)
		require.NotNil(t, trace.Delivered)
		if trace.Delivered.ID != v.Endpoints[0].ID {
			t.Errorf("%s: delivered at %s, want its own endpoint", v.Name, trace.Delivered.ID)
		}
		trace = s.Trace(nil, trace.Delivered, answer(t, p), trace)
		if trace.Delivered == nil || trace.Delivered.ID != eni.ID {
			t.Errorf("%s: the answer did not come back: %+v", v.Name, trace)
		}
	}
	if a, b := n.VPCs[0].Realm, n.VPCs[1].Realm; a == b || a == 0 || b == 0 {
		t.Errorf("realms %d and %d", a, b)
	}
}

func twin(name string) string {
	return fmt.Sprintf(`
  %s:
    cidr: 10.0.0.0/16
    subnets: {a: {cidr: 10.0.1.0/24}}
    endpoints: {s3-%s: {service: s3, route_tables: [main]}}
    security_groups: {open: {ingress: [{protocol: tcp, peer: s3}]}}
    instances: {%s: {subnet: a, address: 10.0.1.10, security_groups: [open]}}
`, name, name, name)
}

// TestDrainingEndpoint: no route leads to a deleted endpoint, and what the service still sends through it arrives.
func TestDrainingEndpoint(t *testing.T) {
	lab := "region: us-east-1\nname: drain\nvpcs:\n" + twin("main")
	before, _ := snapshot(t, []byte(lab))
	spec, _, err := topology.Parse("lab.vpc.yml", []byte(lab))
	require.NoError(t, err)
	require.NoError(t, spec.DeleteEndpoint("", "s3-main"))
	now, err := topology.Resolve(spec, nil)
	require.NoError(t, err)
	gone := before.VPCs[0].Endpoints[0]
	built, _, err := compile.Snapshot(now, nil, gone)
	require.NoError(t, err)
	s := dataplane.Prepare(built)
	eni := now.VPCs[0].Instances[0].Interfaces[0]
	s3 := netip.MustParseAddr("52.216.1.2")

	p := packet.New(128)
	syn(p, eni.Addresses[0], s3)
	if trace := s.Trace(nil, s.Interface(eni.ID), p, nil); trace.Delivered != nil {
		t.Errorf("delivered at %s, want no route", trace.Delivered.ID)
	}
	syn(p, s3, eni.Addresses[0])
	if trace := s.Trace(nil, s.Interface(gone.ID), p, nil); trace.Delivered == nil || trace.Delivered.ID != eni.ID {
		t.Errorf("what S3 still sends is dropped: %s", trace.Drop)
	}
}
