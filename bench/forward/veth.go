package forward

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"

	"github.com/vishvananda/netlink"

	"vpcsim/topology/host"
)

// The addresses of peers' beds are those of our own path to the internet.
var (
	clientAddr = netip.MustParsePrefix("10.0.1.10/24")
	serverAddr = netip.MustParsePrefix("203.0.113.10/24")
	gateways   = [2]netip.Addr{netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("203.0.113.1")}
)

// MTUs of an instance's interface and of what lies beyond a gateway, as a lab has them.
const (
	vpcMTU  = 9001
	edgeMTU = 1500
)

// mtus are those of client and server on one of our paths: the peers' are the same.
func mtus(path string) [2]int {
	if path == "local" {
		return [2]int{vpcMTU, vpcMTU}
	}
	return [2]int{vpcMTU, edgeMTU}
}

// wired is a bed of a peer while it is built: a namespace for each end and one between them.
type wired struct {
	*bed
	ends   [2]*host.Namespace
	middle *host.Namespace
	mtus   [2]int
}

func newWired(name, about, path string) (*wired, error) {
	w := &wired{bed: &bed{name: name, about: about, to: serverAddr.Addr()}, mtus: mtus(path)}
	for _, place := range []**host.Namespace{&w.ends[client], &w.ends[server], &w.middle} {
		ns, err := host.NewNamespace()
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		*place = ns
		w.onClose(ns.Close)
	}
	w.start = func(e end, cmd *exec.Cmd) error {
		if e == middle {
			return w.middle.Start(cmd, nil)
		}
		return w.ends[e].Start(cmd, nil)
	}
	w.inside = w.ends[server].Do
	return w, nil
}

// done is the bed, or nothing if building it failed.
func (w *wired) done(err error) (*bed, error) {
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", w.name, err), w.close())
	}
	return w.bed, nil
}

// cables lays a veth pair from each end to the middle, which knows it as veth0 and veth1. Both are up there, without addresses.
func (w *wired) cables() error {
	for e := range w.ends {
		if err := cable(w.middle, fmt.Sprintf("veth%d", e), w.ends[e], w.mtus[e]); err != nil {
			return err
		}
	}
	return nil
}

// cable joins two namespaces by a veth pair, whose far end is eth0.
func cable(near *host.Namespace, name string, far *host.Namespace, mtu int) error {
	var fd *os.File
	if err := far.Do(func() (err error) { fd, err = os.Open("/proc/thread-self/ns/net"); return err }); err != nil {
		return err
	}
	defer fd.Close()
	return near.Do(func() error {
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, MTU: mtu}, PeerName: "eth0", PeerMTU: uint32(mtu), PeerNamespace: netlink.NsFd(fd.Fd())}
		if err := netlink.LinkAdd(pair); err != nil {
			return fmt.Errorf("veth pair %s: %w", name, err)
		}
		return up(name)
	})
}

func up(name string) error {
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	return err
}

// address gives both ends their addresses; each has the given gateway, which is taken to be on its link.
func (w *wired) address(device string, gateways [2]netip.Addr) error {
	for e, addr := range []netip.Prefix{clientAddr, serverAddr} {
		ifc := host.Interface{Name: device, Addrs: []netip.Prefix{addr}, Router: gateways[e]}
		if err := w.ends[e].Configure(host.Config{Interfaces: []host.Interface{ifc}}); err != nil {
			return err
		}
	}
	return nil
}

// newDirect is two ends and a cable.
func newDirect(path string) (*bed, error) {
	w, err := newWired(Direct, "a veth pair, and nobody in between: what the ends can do", path)
	if err != nil {
		return nil, err
	}
	// Both sides of a pair have one MTU in effect: the server's.
	err = cable(w.ends[client], "eth0", w.ends[server], w.mtus[server])
	if err == nil {
		err = w.address("eth0", [2]netip.Addr{serverAddr.Addr(), clientAddr.Addr()})
	}
	return w.done(err)
}

// newBridge is a switch: it forwards frames, and neither routes nor looks into them.
func newBridge(path string) (*bed, error) {
	w, err := newWired("bridge", "Linux bridge between two veth pairs", path)
	if err != nil {
		return nil, err
	}
	w.mtus[client] = w.mtus[server] // a switch cannot tell anybody of an MTU
	err = w.cables()
	if err == nil {
		err = w.middle.Do(func() error { return bridge("veth0", "veth1") })
	}
	if err == nil {
		err = w.address("eth0", [2]netip.Addr{serverAddr.Addr(), clientAddr.Addr()})
	}
	return w.done(err)
}

func bridge(ports ...string) error {
	br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	if err := netlink.LinkAdd(br); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	for _, name := range ports {
		link, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetMaster(link, br)
		}
		if err != nil {
			return fmt.Errorf("bridge: port %s: %w", name, err)
		}
	}
	return netlink.LinkSetUp(br)
}

// newKernel is Linux as a router.
func newKernel(path string) (*bed, error) {
	w, err := newWired("kernel", "Linux, ip_forward between two veth pairs", path)
	if err != nil {
		return nil, err
	}
	return w.done(w.routed())
}

func (w *wired) routed() error {
	if err := w.cables(); err != nil {
		return err
	}
	err := w.middle.Do(func() error {
		for e, gateway := range gateways {
			link, err := netlink.LinkByName(fmt.Sprintf("veth%d", e))
			if err != nil {
				return err
			}
			addr := &netlink.Addr{IPNet: &net.IPNet{IP: gateway.AsSlice(), Mask: net.CIDRMask(clientAddr.Bits(), 32)}}
			if err := netlink.AddrAdd(link, addr); err != nil {
				return fmt.Errorf("address %s: %w", gateway, err)
			}
		}
		return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
	})
	if err != nil {
		return err
	}
	return w.address("eth0", gateways)
}

// masquerade tracks every connection, lets only those pass that began at the client, and gives them the router's address.
const masquerade = `table ip nat {
	chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; iifname "veth0" accept; }
	chain postrouting { type nat hook postrouting priority 100; oifname "veth1" masquerade; }
}
`

// newKernelNAT is Linux as a router that tracks connections and translates addresses: the nearest to what a VPC does.
func newKernelNAT(path string) (*bed, error) {
	w, err := newWired("kernel-nat", "Linux, ip_forward, nftables with connection tracking and masquerade", path)
	if err != nil {
		return nil, err
	}
	if err = w.routed(); err == nil {
		nft := exec.Command("nft", "-f", "-")
		nft.Stdin = bytes.NewReader([]byte(masquerade))
		err = run(w.middle, nft)
	}
	return w.done(err)
}

// run runs a command in a namespace until it ends.
func run(in *host.Namespace, cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := in.Start(cmd, nil)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %s", cmd.Path, err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}
