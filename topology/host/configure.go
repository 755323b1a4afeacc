package host

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Config is what a namespace's kernel is told about its network.
type Config struct {
	Interfaces []Interface // the first is the primary one

	// Local are prefixes this namespace owns as a whole, as a service's edge does: a listener on 0.0.0.0 answers for
	// every address in them.
	Local []netip.Prefix

	// Answers are the only TCP ports that the one interface answers at, besides ICMP; nil for whatever a kernel answers.
	Answers []uint16

	// IgnorePings makes the kernel answer no echo request.
	IgnorePings bool
}

// Interface is a network interface that is there already; its MTU and MAC address are those it was made with (port/tap).
type Interface struct {
	Name  string
	Addrs []netip.Prefix // each with its subnet's length; the first of each family is the primary address

	// Router is the next hop of the default route, Router6 that of IPv6's; none if it is not valid. They are taken to be on the
	// link, whether or not an address says so: an edge has a link-local one (169.254.0.1), in IPv6 every interface has
	// (fe80:ec2::1), and the port answers ARP and Neighbor Discovery for it.
	Router, Router6 netip.Addr

	// RouterMAC is the router's, on both families, which the kernel is told as it would otherwise find it out: zero if it is to.
	//
	// The kernels of all network namespaces share one small table of neighbours (arp(7), gc_thresh3). One that was told (extern_learn)
	// takes no place in it, and is else like any other: it is asked for again when it has not been heard of for a while. So who
	// speaks to the router only takes no place at all, however many they are.
	RouterMAC [6]byte
}

// hasIPv6 tells whether the interface needs IPv6, which is disabled else.
func (ifc Interface) hasIPv6() bool {
	return ifc.Router6.IsValid() || slices.ContainsFunc(ifc.Addrs, isIPv6)
}

func isIPv6(p netip.Prefix) bool { return p.Addr().Is6() }

const (
	firstTable = 100  // the routing table of the first interface; the others follow
	priority6  = 1024 // what the kernel takes for none in IPv6 (IP6_RT_PRIO_USER)
)

// Configure brings up the loopback interface and cfg's, with addresses and routes.
//
// With several interfaces the first has the default route, and what is sent from an interface's own address leaves by
// that interface: a rule for each address leads to a table of the interface's own, as Amazon Linux's ec2-net-utils sets
// it up. Configure is for a new namespace; a second time it fails, with the addresses that exist.
func (ns *Namespace) Configure(cfg Config) error {
	return ns.withLoopback(func(h *netlink.Handle, lo int) error {
		if cfg.IgnorePings {
			if err := ignorePings(); err != nil {
				return err
			}
		}
		for i, ifc := range cfg.Interfaces {
			if ifc.hasIPv6() {
				if err := errors.Join(enableIPv6("lo"), enableIPv6(ifc.Name)); err != nil {
					return fmt.Errorf("interface %s: enabling IPv6: %w", ifc.Name, err)
				}
			}
			index, err := up(h, ifc.Name)
			if err != nil {
				return err
			}
			err = errors.Join(ifc.configure(h, index, i, len(cfg.Interfaces) > 1), ifc.addNeighbours(h, index))
			if err == nil && cfg.Answers != nil {
				err = ifc.quiet(h, cfg.Answers)
			}
			if err != nil {
				return fmt.Errorf("interface %s: %w", ifc.Name, err)
			}
		}
		return addLocal(h, lo, cfg.Local)
	})
}

// AddLocal makes every address of the prefixes the configured namespace's own, besides those of [Config].Local.
func (ns *Namespace) AddLocal(prefixes []netip.Prefix) error {
	if len(prefixes) == 0 {
		return nil
	}
	return ns.withLoopback(func(h *netlink.Handle, lo int) error { return addLocal(h, lo, prefixes) })
}

// withLoopback runs f in the namespace with a netlink handle of its own and the loopback interface, which is up.
func (ns *Namespace) withLoopback(f func(h *netlink.Handle, lo int) error) error {
	return ns.Do(func() error {
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("netlink: %w", err)
		}
		defer h.Close()
		lo, err := up(h, "lo")
		if err != nil {
			return err
		}
		return f(h, lo)
	})
}

// up brings the interface up and returns its index.
func up(h *netlink.Handle, name string) (index int, err error) {
	link, err := h.LinkByName(name)
	if err != nil {
		return 0, fmt.Errorf("interface %s: %w", name, err)
	}
	if err := h.LinkSetUp(link); err != nil {
		return 0, fmt.Errorf("interface %s: bringing it up: %w", name, err)
	}
	return link.Attrs().Index, nil
}

// configure gives the n-th interface its addresses and its routes: in the main table, less preferred the higher n, and if
// there are several interfaces in its own table too.
func (ifc Interface) configure(h *netlink.Handle, index, n int, several bool) error {
	for _, addr := range ifc.Addrs {
		if err := addAddr(h, index, addr); err != nil {
			return fmt.Errorf("address %s: %w", addr, err)
		}
	}
	if err := ifc.addRoutes(h, netlink.Route{LinkIndex: index, Table: unix.RT_TABLE_MAIN, Priority: n}); err != nil || !several {
		return err
	}
	table := firstTable + n
	if err := ifc.addRoutes(h, netlink.Route{LinkIndex: index, Table: table}); err != nil {
		return err
	}
	for _, addr := range ifc.Addrs {
		rule := netlink.NewRule()
		rule.Src, rule.Table, rule.Family = ipNet(netip.PrefixFrom(addr.Addr(), addr.Addr().BitLen())), table, unix.AF_INET
		if isIPv6(addr) {
			rule.Family = unix.AF_INET6
		}
		if err := h.RuleAdd(rule); err != nil {
			return fmt.Errorf("rule from %s lookup %d: %w", addr.Addr(), table, err)
		}
	}
	return nil
}

// addAddr adds an address to the interface, and nothing but the address: the kernel's own subnet route would have the same
// preference on every interface, and nobody else can have it.
func addAddr(h *netlink.Handle, index int, addr netip.Prefix) error {
	a := &netlink.Addr{IPNet: ipNet(addr), Flags: unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_NODAD}
	err := h.AddrAdd(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}, a)
	if err != nil || !isIPv6(addr) {
		return err
	}
	// In IPv6 the kernel makes the address its own a while later, on a work queue. Until then this does.
	return addLocal(h, index, []netip.Prefix{netip.PrefixFrom(addr.Addr(), addr.Addr().BitLen())})
}

// addRoutes adds the subnets' and the default routes to base's interface and table.
func (ifc Interface) addRoutes(h *netlink.Handle, base netlink.Route) error {
	seen := map[netip.Prefix]bool{}
	for _, addr := range ifc.Addrs {
		if subnet := addr.Masked(); !addr.IsSingleIP() && !seen[subnet] {
			seen[subnet] = true
			r := base
			if isIPv6(addr) {
				r.Priority += priority6
			}
			r.Dst, r.Scope, r.Src = ipNet(subnet), netlink.SCOPE_LINK, addr.Addr().AsSlice()
			if err := h.RouteAdd(&r); err != nil {
				return fmt.Errorf("route %s: %w", subnet, err)
			}
		}
	}
	for _, router := range []netip.Addr{ifc.Router, ifc.Router6} {
		if !router.IsValid() {
			continue
		}
		r := base
		if router.Is6() {
			r.Priority += priority6
		}
		r.Gw, r.Flags = router.AsSlice(), int(netlink.FLAG_ONLINK)
		if i := slices.IndexFunc(ifc.Addrs, func(p netip.Prefix) bool { return isIPv6(p) == router.Is6() }); i >= 0 {
			r.Src = ifc.Addrs[i].Addr().AsSlice()
		}
		if err := h.RouteAdd(&r); err != nil {
			return fmt.Errorf("default route via %s: %w", router, err)
		}
	}
	return nil
}

// addNeighbours tells the kernel the router's MAC address.
func (ifc Interface) addNeighbours(h *netlink.Handle, index int) error {
	if ifc.RouterMAC == ([6]byte{}) {
		return nil
	}
	for _, router := range []netip.Addr{ifc.Router, ifc.Router6} {
		if !router.IsValid() {
			continue
		}
		n := &netlink.Neigh{
			LinkIndex: index, IP: router.AsSlice(), HardwareAddr: ifc.RouterMAC[:], State: netlink.NUD_STALE, Flags: netlink.NTF_EXT_LEARNED,
		}
		if router.Is6() {
			n.Flags |= netlink.NTF_ROUTER
		}
		if err := h.NeighSet(n); err != nil {
			return fmt.Errorf("neighbour %s: %w", router, err)
		}
	}
	return nil
}

// addLocal makes every address of the prefixes the namespace's own ("ip route add local"), at the interface.
func addLocal(h *netlink.Handle, index int, prefixes []netip.Prefix) error {
	if slices.ContainsFunc(prefixes, isIPv6) {
		if err := enableIPv6("lo"); err != nil {
			return fmt.Errorf("local prefixes: %w", err)
		}
	}
	for _, p := range prefixes {
		r := &netlink.Route{LinkIndex: index, Dst: ipNet(p), Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST}
		if err := h.RouteAdd(r); err != nil {
			return fmt.Errorf("local prefix %s: %w", p, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
