package host_test

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

func TestMain(m *testing.M) {
	if host.IsInit() {
		host.Init()
	}
	if as := os.Getenv(asVariable); as != "" {
		os.Exit(program(as))
	}
	nstest.Main(m)
}

// netnsOf is the identity of a thread's or process's network namespace: "net:[4026531840]".
func netnsOf(t testing.TB, proc string) string {
	t.Helper()
	id, err := os.Readlink(filepath.Join("/proc", proc, "ns/net"))
	require.NoError(t, err)
	return id
}

func TestDoRunsInsideAndLeavesNoThreadBehind(t *testing.T) {
	nstest.Require(t)
	ns := nstest.Namespace(t)
	own := netnsOf(t, "thread-self")
	for range 100 {
		require.NoError(t, ns.Do(func() error {
			if netnsOf(t, "thread-self") == own {
				t.Error("the function does not run in the namespace")
			}
			return nil
		}))
	}
	threads, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	for _, thread := range threads {
		if got := netnsOf(t, "self/task/"+thread.Name()); got != own {
			t.Errorf("thread %s is in %s, want %s", thread.Name(), got, own)
		}
	}
}

func TestDoReturnsTheFunctionsErrorAndSurvivesItsEnd(t *testing.T) {
	nstest.Require(t)
	ns := nstest.Namespace(t)
	want := fmt.Errorf("it did not work")
	if err := ns.Do(func() error { return want }); err != want {
		t.Errorf("got %v, want the function's own error", err)
	}
	if err := ns.Do(func() error { runtime.Goexit(); return nil }); err == nil {
		t.Error("got no error from a function that never returned")
	}
}

func TestStartStartsTheProcessInside(t *testing.T) {
	nstest.Require(t)
	ns := nstest.Namespace(t)
	cmd := exec.Command("readlink", "/proc/self/ns/net")
	var out strings.Builder
	cmd.Stdout = &out
	require.NoError(t, ns.Start(cmd, nil))
	require.NoError(t, cmd.Wait())
	var want string
	require.NoError(t, ns.Do(func() error { want = netnsOf(t, "thread-self"); return nil }))
	if got := strings.TrimSpace(out.String()); got != want {
		t.Errorf("the process is in %s, want %s", got, want)
	}
}

func TestNewNamespaceHasItsParametersSet(t *testing.T) {
	nstest.Require(t)
	require.NoError(t, nstest.Namespace(t).Do(func() error {
		for path, want := range map[string]string{
			"ipv6/conf/default/disable_ipv6": "1", "ipv6/conf/default/accept_ra": "0", "ipv6/conf/default/accept_dad": "0", "ipv4/ip_forward": "0", "ipv4/conf/all/rp_filter": "0",
			"ipv4/conf/default/accept_redirects": "0", "ipv4/ip_unprivileged_port_start": "0",
			"ipv4/tcp_congestion_control": "cubic reno", "ipv4/ping_group_range": "0\t2147483647 or 0\t0",
		} {
			text, err := os.ReadFile("/proc/sys/net/" + path)
			if os.IsNotExist(err) && strings.HasPrefix(path, "ipv6") {
				continue
			}
			require.NoError(t, err)
			if got := strings.TrimSpace(string(text)); !strings.Contains(want, got) {
				t.Errorf("%s is %q, want %q", path, got, want)
			}
		}
		return nil
	}))
}

// instance makes a namespace with n TAPs eth0, eth1, … that nobody serves.
func instance(t testing.TB, n int) *host.Namespace {
	t.Helper()
	ns := nstest.Namespace(t)
	for i := range n {
		require.NoError(t, ns.Do(func() error {
			p, err := tap.Open(tap.Config{Name: fmt.Sprint("eth", i), MTU: 9001, MAC: [6]byte{2, 0, 0, 0, 0, byte(5 + i)}})
			if err == nil {
				t.Cleanup(func() { _ = p.Close() })
			}
			return err
		}))
	}
	return ns
}

func prefixes(list ...string) (ps []netip.Prefix) {
	for _, p := range list {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

func TestConfigureRoutes(t *testing.T) {
	nstest.RequireTAP(t)
	ns := instance(t, 2)
	require.NoError(t, ns.Configure(host.Config{Interfaces: []host.Interface{
		{Name: "eth0", Addrs: prefixes("10.0.1.5/24", "10.0.1.15/24"), Router: netip.MustParseAddr("10.0.1.1")},
		{Name: "eth1", Addrs: prefixes("10.0.1.6/24", "10.0.1.16/24"), Router: netip.MustParseAddr("10.0.1.1")},
	}}))
	for _, c := range []struct{ name, src, dst, dev, gw, wantSrc string }{
		{"out into the world by the primary interface", "", "1.2.3.4", "eth0", "10.0.1.1", "10.0.1.5"},
		{"in the subnet by the primary interface, without the router", "", "10.0.1.9", "eth0", "<nil>", "10.0.1.5"},
		{"from a secondary address of the first", "10.0.1.15", "1.2.3.4", "eth0", "10.0.1.1", "10.0.1.15"},
		{"from the second's address by the second", "10.0.1.6", "1.2.3.4", "eth1", "10.0.1.1", "10.0.1.6"},
		{"from the second's secondary address by the second", "10.0.1.16", "10.0.1.9", "eth1", "<nil>", "10.0.1.16"},
		{"to an own address over loopback", "10.0.1.6", "10.0.1.5", "lo", "<nil>", "10.0.1.6"},
	} {
		dev, gw, src := route(t, ns, c.src, c.dst)
		if dev != c.dev || gw != c.gw || src != c.wantSrc {
			t.Errorf("%s: got dev %s via %s src %s, want dev %s via %s src %s", c.name, dev, gw, src, c.dev, c.gw, c.wantSrc)
		}
	}
}

func TestConfigureRoutesIPv6(t *testing.T) {
	nstest.RequireTAP(t)
	nstest.RequireIPv6(t)
	ns := instance(t, 2)
	router, router6 := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("fe80:ec2::1")
	require.NoError(t, ns.Configure(host.Config{Interfaces: []host.Interface{
		{Name: "eth0", Addrs: prefixes("10.0.1.5/24", "2001:db8:0:1::5/64", "2001:db8:0:1::15/64"), Router: router, Router6: router6},
		{Name: "eth1", Addrs: prefixes("2001:db8:0:1::6/64", "10.0.1.6/24"), Router: router, Router6: router6},
	}}))
	for _, c := range []struct{ name, src, dst, dev, gw, wantSrc string }{
		{"IPv4 as ever", "", "1.2.3.4", "eth0", "10.0.1.1", "10.0.1.5"},
		{"IPv4 from the second's address by the second", "10.0.1.6", "1.2.3.4", "eth1", "10.0.1.1", "10.0.1.6"},
		{"out into the world by the primary interface", "", "2600::1", "eth0", "fe80:ec2::1", "2001:db8:0:1::5"},
		{"in the subnet by the primary interface, without the router", "", "2001:db8:0:1::9", "eth0", "<nil>", "2001:db8:0:1::5"},
		{"from a secondary address of the first", "2001:db8:0:1::15", "2600::1", "eth0", "fe80:ec2::1", "2001:db8:0:1::15"},
		{"from the second's address by the second", "2001:db8:0:1::6", "2600::1", "eth1", "fe80:ec2::1", "2001:db8:0:1::6"},
		{"from the second's address in the subnet", "2001:db8:0:1::6", "2001:db8:0:1::9", "eth1", "<nil>", "2001:db8:0:1::6"},
		{"to an own address over loopback", "2001:db8:0:1::6", "2001:db8:0:1::5", "lo", "<nil>", "2001:db8:0:1::6"},
	} {
		dev, gw, src := route(t, ns, c.src, c.dst)
		if dev != c.dev || gw != c.gw || src != c.wantSrc {
			t.Errorf("%s: got dev %s via %s src %s, want dev %s via %s src %s", c.name, dev, gw, src, c.dev, c.gw, c.wantSrc)
		}
	}
	require.NoError(t, ns.Do(func() error { // an address in doubt (DAD) could not be bound
		c, err := net.Dial("udp6", "[2001:db8:0:1::5]:9")
		if err == nil {
			err = c.Close()
		}
		return err
	}))
}

func TestOnlyInterfacesWithIPv6AddressesSpeakIt(t *testing.T) {
	nstest.RequireTAP(t)
	nstest.RequireIPv6(t)
	ns := instance(t, 2)
	require.NoError(t, ns.Configure(host.Config{Interfaces: []host.Interface{
		{Name: "eth0", Addrs: prefixes("10.0.1.5/24")}, {Name: "eth1", Addrs: prefixes("2001:db8::6/64")},
	}}))
	require.NoError(t, ns.Do(func() error {
		for name, want := range map[string]string{"eth0": "[10.0.1.5/24]", "eth1": "[2001:db8::6/64 fe80::ff:fe00:6/64]", "lo": "[127.0.0.1/8 ::1/128]"} {
			ifc, err := net.InterfaceByName(name)
			require.NoError(t, err)
			addrs, err := ifc.Addrs()
			require.NoError(t, err)
			if fmt.Sprint(addrs) != want {
				t.Errorf("%s has %v, want %s", name, addrs, want)
			}
		}
		return nil
	}))
}

func TestConfigureEdgeOwnsItsIPv6Prefixes(t *testing.T) {
	nstest.RequireTAP(t)
	nstest.RequireIPv6(t)
	ns := instance(t, 1)
	require.NoError(t, ns.Configure(host.Config{
		Interfaces: []host.Interface{{Name: "eth0", Router6: netip.MustParseAddr("fe80:ec2::1")}},
		Local:      prefixes("2600:1fa0::/36"),
	}))
	require.NoError(t, ns.AddLocal(prefixes("2600:1ff2:4000::/40")))
	for _, c := range []struct{ name, src, dst, dev, gw string }{
		{"an address of a prefix is its own", "", "2600:1fa0::77", "lo", "<nil>"},
		{"so is one of a prefix added later", "", "2600:1ff2:4000::77", "lo", "<nil>"},
		{"answers leave by the router", "2600:1fa0::77", "2001:db8::5", "eth0", "fe80:ec2::1"},
	} {
		if dev, gw, _ := route(t, ns, c.src, c.dst); dev != c.dev || gw != c.gw {
			t.Errorf("%s: got dev %s via %s, want dev %s via %s", c.name, dev, gw, c.dev, c.gw)
		}
	}
	require.NoError(t, ns.Do(func() error {
		ln, err := net.Listen("tcp6", "[::]:80")
		if err != nil {
			return err
		}
		defer ln.Close()
		c, err := net.Dial("tcp6", "[2600:1fa0::77]:80")
		if err == nil {
			defer c.Close()
		}
		return err
	}))
}

func TestConfigureEdgeOwnsItsPrefixes(t *testing.T) {
	nstest.RequireTAP(t)
	ns := instance(t, 1)
	own := prefixes("54.231.0.0/16", "3.5.0.0/19", "198.51.100.7/32")
	for i := range 60 {
		own = append(own, netip.PrefixFrom(netip.AddrFrom4([4]byte{52, 216, byte(i), 0}), 24))
	}
	require.NoError(t, ns.Configure(host.Config{
		Interfaces: []host.Interface{{Name: "eth0", Router: netip.MustParseAddr("169.254.0.1")}},
		Local:      own,
	}))
	for _, c := range []struct{ name, src, dst, dev, gw string }{
		{"an address of a prefix is its own", "", "54.231.77.1", "lo", "<nil>"},
		{"so is a prefix's last", "", "54.231.255.255", "lo", "<nil>"},
		{"so is that of a single one", "", "198.51.100.7", "lo", "<nil>"},
		{"answers leave by the router", "54.231.77.1", "10.0.1.5", "eth0", "169.254.0.1"},
		{"the address beside a prefix is not its own", "54.231.77.1", "54.232.0.0", "eth0", "169.254.0.1"},
	} {
		if dev, gw, _ := route(t, ns, c.src, c.dst); dev != c.dev || gw != c.gw {
			t.Errorf("%s: got dev %s via %s, want dev %s via %s", c.name, dev, gw, c.dev, c.gw)
		}
	}
	require.NoError(t, ns.Do(func() error {
		ln, err := net.Listen("tcp4", "0.0.0.0:80")
		if err != nil {
			return err
		}
		defer ln.Close()
		c, err := net.Dial("tcp4", "54.231.77.1:80")
		if err == nil {
			defer c.Close()
		}
		return err
	}))
}

// route asks the kernel of the namespace by which interface and router it would send, and from which address.
func route(t *testing.T, ns *host.Namespace, src, dst string) (dev, gw, from string) {
	t.Helper()
	require.NoError(t, ns.Do(func() error {
		routes, err := netlink.RouteGetWithOptions(net.ParseIP(dst), &netlink.RouteGetOptions{SrcAddr: net.ParseIP(src)})
		if err != nil {
			return fmt.Errorf("from %q to %s: %w", src, dst, err)
		}
		link, err := netlink.LinkByIndex(routes[0].LinkIndex)
		if err != nil {
			return err
		}
		dev, gw, from = link.Attrs().Name, routes[0].Gw.String(), routes[0].Src.String()
		if src != "" {
			from = src
		}
		return nil
	}))
	return dev, gw, from
}

// TestTheRouterTakesNoPlaceAmongTheNeighbours: the kernel's table of all namespaces together has 1,024 places, unless the machine's owner says
// otherwise, and those who were told take none of them.
func TestTheRouterTakesNoPlaceAmongTheNeighbours(t *testing.T) {
	nstest.RequireTAP(t)
	nstest.RequireIPv6(t)
	ns := instance(t, 1)
	ifc := host.Interface{
		Name: "eth0", Addrs: prefixes("10.0.1.5/24", "2001:db8::5/64"), Router: netip.MustParseAddr("10.0.1.1"), Router6: netip.MustParseAddr("fe80:ec2::1"),
		RouterMAC: [6]byte{2, 0, 0, 0, 0, 1},
	}
	require.NoError(t, ns.Configure(host.Config{Interfaces: []host.Interface{ifc}}))
	neighbours := func() (all []netlink.Neigh) {
		require.NoError(t, ns.Do(func() error {
			link, err := netlink.LinkByName("eth0")
			require.NoError(t, err)
			for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
				of, err := netlink.NeighList(link.Attrs().Index, family)
				require.NoError(t, err)
				for _, n := range of {
					if n.State&netlink.NUD_NOARP == 0 { // multicast
						all = append(all, n)
					}
				}
			}
			return nil
		}))
		return all
	}
	for _, n := range neighbours() {
		if n.HardwareAddr.String() != "02:00:00:00:00:01" || n.State != netlink.NUD_STALE || n.Flags&netlink.NTF_EXT_LEARNED == 0 || n.IP.String() != "10.0.1.1" && n.IP.String() != "fe80:ec2::1" {
			t.Errorf("%+v", n)
		}
	}
	require.Len(t, neighbours(), 2)

	const more = 5000 // told in the same way
	require.NoError(t, ns.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		require.NoError(t, err)
		for i := range more {
			err := netlink.NeighSet(&netlink.Neigh{
				LinkIndex: link.Attrs().Index, IP: net.IPv4(10, 1, byte(i>>8), byte(i)), HardwareAddr: ifc.RouterMAC[:], State: netlink.NUD_STALE, Flags: netlink.NTF_EXT_LEARNED,
			})
			require.NoError(t, err, "neighbour %d", i)
		}
		return nil
	}))
	require.Len(t, neighbours(), 2+more)
}

func TestConfigureNamesWhatItCouldNotDo(t *testing.T) {
	nstest.RequireTAP(t)
	err := instance(t, 1).Configure(host.Config{Interfaces: []host.Interface{{Name: "eth7"}}})
	require.ErrorContains(t, err, "interface eth7")
	err = instance(t, 1).Configure(host.Config{Interfaces: []host.Interface{{Name: "eth0", Addrs: prefixes("10.0.1.5/24", "10.0.1.5/24")}}})
	require.ErrorContains(t, err, "interface eth0: address 10.0.1.5/24")
}

func TestTwoHundredInstances(t *testing.T) {
	nstest.RequireTAP(t)
	for range 200 {
		require.NoError(t, instance(t, 1).Configure(primary()))
	}
}

func primary() host.Config {
	return host.Config{Interfaces: []host.Interface{{Name: "eth0", Addrs: prefixes("10.0.1.5/24"), Router: netip.MustParseAddr("10.0.1.1")}}}
}

// BenchmarkInstance makes an instance and lets go of it: namespace, TAP, configuration.
func BenchmarkInstance(b *testing.B) {
	nstest.RequireTAP(b)
	for range b.N {
		ns, err := host.NewNamespace()
		require.NoError(b, err)
		var p *tap.Port
		require.NoError(b, ns.Do(func() (err error) {
			p, err = tap.Open(tap.Config{Name: "eth0", MTU: 9001, MAC: [6]byte{2, 0, 0, 0, 0, 5}})
			return err
		}))
		require.NoError(b, ns.Configure(primary()))
		b.StopTimer()
		_, _ = p.Close(), ns.Close()
		b.StartTimer()
	}
}
