package natdiff

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/port"
	"vpcsim/internal/packettest"
	"vpcsim/nat"
	"vpcsim/routing"
)

// newOurs returns our NAT gateway, in a router with two subnets and an internet gateway, watched by a checker. The instances' checks of
// source and destination are off, so that the NAT has to deal with everything.
func newOurs(t testing.TB) *engine {
	e := newEngine(t, "ours")
	r := dataplane.NewRouter(dataplane.Config{Now: func() int64 { return 1 }})
	c := packettest.NewChecker(t, netip.PrefixFrom(public, 32))
	wires := [2]*port.Pipe{port.NewPipe(256), port.NewPipe(256)}
	r.Attach("inside", c.Watch(wires[inside], packettest.Instance))
	r.Attach("outside", c.Watch(wires[outside], packettest.Internet))
	r.Commit(snapshot(t))
	t.Cleanup(func() {
		require.NoError(t, r.Close())
		n := r.Counters()
		c.Balanced(n.PacketsIn, n.PacketsOut, n.Resets+n.ICMPErrors, n.Drops[:])
	})
	e.inject = func(s side, b []byte) { require.NoError(t, wires[s].Inject(b)) }
	e.next = func(ctx context.Context, s side) ([]byte, error) { return wires[s].Receive(ctx) }
	return e
}

func snapshot(t testing.TB) *dataplane.Snapshot {
	static := nat.NewStatic(map[netip.Addr]netip.Addr{private: public})
	local, internet := &dataplane.Node{ID: "vpc"}, &dataplane.Node{ID: "internet"}
	subnet := func(cidr string, table *dataplane.Node) *dataplane.Subnet {
		p := netip.MustParsePrefix(cidr)
		return &dataplane.Subnet{ID: cidr, Prefix: p, Router: p.Addr().Next(), Local: local, Node: table}
	}
	a, b := &dataplane.Node{ID: "rtb-a"}, &dataplane.Node{ID: "rtb-b"}
	in := &dataplane.Interface{ID: "inside", Addrs: hosts, Subnet: subnet("10.0.1.0/24", a)}
	out := &dataplane.Interface{ID: "outside", Node: internet}
	gateway := &dataplane.Interface{ID: "nat", Addrs: []netip.Addr{private}, Public: []netip.Addr{public}, Subnet: subnet("10.0.0.0/24", b),
		Gateway: nat.NewGateway(nat.GatewayConfig{Addresses: []netip.Addr{private}, Sources: []netip.Prefix{vpc}})}
	toLocal := &dataplane.Route{Prefix: vpc, Target: "local", Path: conntrack.PathLocal, Node: local}
	all := netip.MustParsePrefix("0.0.0.0/0")
	a.Routes = table(t, toLocal, &dataplane.Route{Prefix: all, Target: "nat", Path: conntrack.PathNAT, Interface: gateway})
	b.Routes = table(t, toLocal, &dataplane.Route{Prefix: all, Target: "igw", Path: conntrack.PathInternet, Gateway: static.Egress(), Node: internet, MTU: 1500})
	local.Routes = table(t,
		&dataplane.Route{Prefix: in.Subnet.Prefix, Target: "local", Path: conntrack.PathLocal, Interface: in},
		&dataplane.Route{Prefix: netip.PrefixFrom(private, 32), Target: "local", Path: conntrack.PathLocal, Interface: gateway})
	internet.Routes = table(t,
		&dataplane.Route{Prefix: netip.PrefixFrom(public, 32), Target: "igw", Gateway: static.Ingress(), Node: local},
		&dataplane.Route{Prefix: all, Target: "outside", Interface: out})
	return &dataplane.Snapshot{Change: "initial", Interfaces: []*dataplane.Interface{in, out, gateway}}
}

func table(t testing.TB, routes ...*dataplane.Route) *routing.Table[*dataplane.Route] {
	var b routing.Builder[*dataplane.Route]
	for _, r := range routes {
		b.Add(r.Prefix, r.Origin, r)
	}
	built, err := b.Build()
	require.NoError(t, err)
	return built
}
