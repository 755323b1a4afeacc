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
// (FROM TO PROTOCOL), and in the file "traces" what becomes of each under the compiled snapshot.
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
	s, err := compile.Snapshot(n)
	require.NoError(t, err)
	return n, dataplane.Prepare(s)
}

func traces(t *testing.T, lab []byte, packets string) string {
	n, s := snapshot(t, lab)
	names := friendly(n)
	var b strings.Builder
	for line := range strings.Lines(packets) {
		f := strings.Fields(line)
		require.Len(t, f, 3, line)
		from, src := sender(t, n, s, f[0])
		p := packet.New(128)
		build(t, p, src, netip.MustParseAddr(f[1]), f[2])
		trace := s.Trace(nil, from, p)
		fmt.Fprintf(&b, "%s", strings.TrimSpace(line))
		for _, step := range trace.Steps {
			fmt.Fprintf(&b, "\n  %-9s %s", step.Stage, names.Replace(step.Where))
			if step.Rule != "" {
				fmt.Fprintf(&b, ": %s", names.Replace(step.Rule))
			}
		}
		if trace.Delivered != nil {
			fmt.Fprintf(&b, "\n  => delivered, source %s, destination %s\n", p.Src, p.Dst)
		} else {
			fmt.Fprintf(&b, "\n  => dropped %s\n", trace.Drop)
		}
	}
	return b.String()
}

// sender finds the interface of an instance (by name) or an edge (by id), and its first address.
func sender(t *testing.T, n *topology.Network, s *dataplane.Snapshot, name string) (*dataplane.Interface, netip.Addr) {
	name, source, _ := strings.Cut(name, "@")
	for _, i := range s.Interfaces {
		if i.ID != name && i.Name != name {
			continue
		}
		if source != "" {
			return i, netip.MustParseAddr(source)
		}
		return i, i.Addrs[0]
	}
	t.Fatalf("no interface %s", name)
	return nil, netip.Addr{}
}

func build(t *testing.T, p *packet.Packet, src, dst netip.Addr, protocol string) {
	from, to := netip.AddrPortFrom(src, 40000), netip.AddrPortFrom(dst, 443)
	switch protocol {
	case "tcp":
		packet.BuildTCP(p, from, to, packet.SYN, 1, 0, nil)
	case "udp":
		packet.BuildUDP(p, from, to, nil)
	case "ping":
		packet.BuildICMPEcho(p, src, dst, 1, 1, nil)
	default:
		t.Fatalf("unknown protocol %s", protocol)
	}
}

// friendly replaces ids by names, which people can read.
func friendly(n *topology.Network) *strings.Replacer {
	var pairs []string
	add := func(id, name string) { pairs = append(pairs, id, name) }
	for _, v := range n.VPCs {
		add(v.ID, v.Name)
		if v.InternetGateway != nil {
			add(v.InternetGateway.ID, v.InternetGateway.Name)
		}
		for _, table := range v.RouteTables {
			add(table.ID, "rtb:"+table.Name)
		}
		for _, e := range v.Endpoints {
			add(e.ID, "vpce:"+e.Name)
		}
	}
	for _, eni := range n.NetworkInterfaces() {
		add(eni.ID, fmt.Sprintf("eni:%s/%d", eni.Instance.Name, eni.Index))
	}
	for _, h := range n.InternetHosts {
		add(h.ID, "host:"+h.Name)
	}
	return strings.NewReplacer(pairs...)
}

// TestTwoVPCsWithTheSameAddresses: the realm keeps their flows apart, and each endpoint answers into its own VPC.
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
		build(t, p, eni.Addresses[0], netip.MustParseAddr("52.216.1.2"), "tcp")
		trace := s.Trace(nil, s.Interface(eni.ID), p)
		require.NotNil(t, trace.Delivered)
		if trace.Delivered.ID != v.Endpoints[0].ID {
			t.Errorf("%s: delivered at %s, want its own endpoint", v.Name, trace.Delivered.ID)
		}
		back := packet.New(128)
		build(t, back, p.Dst, p.Src, "tcp")
		trace = s.Trace(nil, trace.Delivered, back)
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
    instances: {%s: {subnet: a, address: 10.0.1.10}}
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
	built, err := compile.Snapshot(now, gone)
	require.NoError(t, err)
	s := dataplane.Prepare(built)
	eni := now.VPCs[0].Instances[0].Interfaces[0]
	s3 := netip.MustParseAddr("52.216.1.2")

	p := packet.New(128)
	build(t, p, eni.Addresses[0], s3, "tcp")
	if trace := s.Trace(nil, s.Interface(eni.ID), p); trace.Delivered != nil {
		t.Errorf("delivered at %s, want no route", trace.Delivered.ID)
	}
	build(t, p, s3, eni.Addresses[0], "tcp")
	if trace := s.Trace(nil, s.Interface(gone.ID), p); trace.Delivered == nil || trace.Delivered.ID != eni.ID {
		t.Errorf("what S3 still sends is dropped: %s", trace.Drop)
	}
}
