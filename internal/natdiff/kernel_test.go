package natdiff

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

// ruleset makes a kernel a NAT and nothing else: it keeps connections to itself, since the kernel as a host is not what is compared.
const ruleset = `
table ip natdiff {
	chain after_routing {
		type nat hook postrouting priority 100
		oifname "eth1" masquerade
	}
	chain for_itself {
		type filter hook input priority 0; policy drop
	}
}
`

// parameters are kernel parameters below /proc/sys/net that make it a router, the same on every machine. Those that a kernel does not
// have it does not need.
var parameters = map[string]string{
	"ipv4/ip_forward":                       "1",
	"ipv4/icmp_ratelimit":                   "0",
	"ipv4/icmp_msgs_per_sec":                "100000",
	"ipv4/conf/all/accept_source_route":     "0",
	"ipv4/conf/all/send_redirects":          "0",
	"ipv4/conf/eth0/send_redirects":         "0",
	"ipv4/conf/eth1/send_redirects":         "0",
	"netfilter/nf_conntrack_checksum":       "1",
	"netfilter/nf_conntrack_tcp_loose":      "1",
	"netfilter/nf_conntrack_tcp_be_liberal": "0",
}

// newKernel returns the kernel's NAT: a network namespace with a TAP on either side. It skips the test where there is none.
func newKernel(t testing.TB) *engine {
	nstest.RequireTAP(t)
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Skip("no nftables: the program nft is not installed")
	}
	e := newEngine(t, "kernel")
	ns := nstest.Namespace(t)
	wires := [2]*tap.Port{openTAP(t, ns, "eth0"), openTAP(t, ns, "eth1")}
	require.NoError(t, ns.Configure(host.Config{Interfaces: []host.Interface{
		{Name: "eth0", Addrs: []netip.Prefix{netip.PrefixFrom(private, vpc.Bits())}},
		{Name: "eth1", Addrs: []netip.Prefix{netip.PrefixFrom(public, 24)}, Router: uplink},
	}}))
	require.NoError(t, ns.Do(func() error { return errors.Join(noARP("eth0"), noARP("eth1")) }))
	cmd := exec.Command(nft, "-f", "-")
	cmd.Stdin = strings.NewReader(ruleset)
	var said strings.Builder
	cmd.Stderr = &said
	require.NoError(t, ns.Start(cmd, nil))
	if err := cmd.Wait(); err != nil && strings.Contains(said.String(), "Could not process rule") {
		t.Skip("no NAT in this kernel, or not for this user:", said.String())
	} else {
		require.NoError(t, err, said.String())
	}
	require.NoError(t, ns.Do(setParameters))
	came := [2]chan []byte{read(t, wires[inside]), read(t, wires[outside])}
	out := packet.New(packet.MaxSize)
	e.inject = func(s side, b []byte) {
		out.SetBytes(b)
		n, err := wires[s].Write([]*packet.Packet{out})
		require.True(t, n == 1 && err == nil, "the kernel's TAP took %d datagrams: %v", n, err)
	}
	e.next = func(ctx context.Context, s side) ([]byte, error) {
		select {
		case b := <-came[s]:
			return b, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return e
}

func openTAP(t testing.TB, ns *host.Namespace, name string) (p *tap.Port) {
	require.NoError(t, ns.Do(func() (err error) {
		p, err = tap.Open(tap.Config{
			Name: name, MTU: 1500, MAC: [6]byte{2, 0, 0, 0, 0, name[3]}, Router: [6]byte{2, 0, 0, 0, 0, 1},
			Neighbour: func(netip.Addr) (mac [6]byte, ok bool) { return mac, false },
		})
		return err
	}))
	return p
}

// noARP makes an interface of the thread's namespace send to whomever, without asking who it is: nothing waits for an answer,
// and so nothing is overtaken.
func noARP(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetARPOff(link)
}

func setParameters() error {
	for name, value := range parameters {
		if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// read passes on what comes out of a TAP until the test ends.
func read(t testing.TB, p *tap.Port) chan []byte {
	came, done := make(chan []byte, 1024), make(chan struct{})
	go func() {
		defer close(done)
		batch := []*packet.Packet{packet.New(packet.MaxSize)}
		for {
			if _, err := p.Read(batch); err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			came <- append([]byte(nil), batch[0].Bytes()...)
		}
	}()
	t.Cleanup(func() { _ = p.Close(); <-done })
	return came
}
