package host

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Config is what a namespace's kernel is told about its network.
type Config struct {
	Interfaces []Interface // the first is the primary one

	// Local are prefixes this namespace owns as a whole, as a service's edge does: a listener on 0.0.0.0 answers for
	// every address in them.
	Local []netip.Prefix
}

// Interface is a network interface that is there already; its MTU and MAC address are those it was made with (port/tap).
type Interface struct {
	Name  string
	Addrs []netip.Prefix // each with its subnet's length; the first is the primary address

	// Router is the next hop of the default route; none if it is not valid. It is taken to be on the link, whether or not
	// an address says so: an edge has a link-local one (169.254.0.1), and the port answers ARP for it.
	Router netip.Addr
}

// firstTable is the routing table of the first interface; the others follow.
const firstTable = 100

// Configure brings up the loopback interface and cfg's, with addresses and routes.
//
// With several interfaces the first has the default route, and what is sent from an interface's own address leaves by
// that interface: a rule for each address leads to a table of the interface's own, as Amazon Linux's ec2-net-utils sets
// it up. Configure is for a new namespace; a second time it fails, with the addresses that exist.
func (ns *Namespace) Configure(cfg Config) error {
	return ns.withLoopback(func(h *netlink.Handle, lo int) error {
		for i, ifc := range cfg.Interfaces {
			index, err := up(h, ifc.Name)
			if err != nil {
				return err
			}
			if err := ifc.configure(h, index, i, len(cfg.Interfaces) > 1); err != nil {
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
		// The kernel's own subnet route would have the same preference on every interface.
		a := &netlink.Addr{IPNet: ipNet(addr), Flags: unix.IFA_F_NOPREFIXROUTE}
		if err := h.AddrAdd(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}, a); err != nil {
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
		if err := h.RuleAdd(rule); err != nil {
			return fmt.Errorf("rule from %s lookup %d: %w", addr.Addr(), table, err)
		}
	}
	return nil
}

// addRoutes adds the subnets' and the default route to base's interface and table.
func (ifc Interface) addRoutes(h *netlink.Handle, base netlink.Route) error {
	seen := map[netip.Prefix]bool{}
	for _, addr := range ifc.Addrs {
		if subnet := addr.Masked(); !addr.IsSingleIP() && !seen[subnet] {
			seen[subnet] = true
			r := base
			r.Dst, r.Scope, r.Src = ipNet(subnet), netlink.SCOPE_LINK, addr.Addr().AsSlice()
			if err := h.RouteAdd(&r); err != nil {
				return fmt.Errorf("route %s: %w", subnet, err)
			}
		}
	}
	if !ifc.Router.IsValid() {
		return nil
	}
	r := base
	r.Gw, r.Flags = ifc.Router.AsSlice(), int(netlink.FLAG_ONLINK)
	if len(ifc.Addrs) > 0 {
		r.Src = ifc.Addrs[0].Addr().AsSlice()
	}
	if err := h.RouteAdd(&r); err != nil {
		return fmt.Errorf("default route via %s: %w", ifc.Router, err)
	}
	return nil
}

// addLocal makes every address of the prefixes the namespace's own ("ip route add local").
func addLocal(h *netlink.Handle, lo int, prefixes []netip.Prefix) error {
	for _, p := range prefixes {
		r := &netlink.Route{LinkIndex: lo, Dst: ipNet(p), Type: unix.RTN_LOCAL, Table: unix.RT_TABLE_LOCAL, Scope: netlink.SCOPE_HOST}
		if err := h.RouteAdd(r); err != nil {
			return fmt.Errorf("local prefix %s: %w", p, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
