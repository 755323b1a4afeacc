package host

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Priorities of the rules that keep a namespace quiet: before the kernel's own addresses are looked at, which is usually first.
const (
	quietPriority = 10
	localPriority = 20
)

// quiet has the namespace take nothing in by an interface but ICMP and TCP to the given ports, and say nothing of the rest: a kernel
// would answer what nobody listens for with RST and ICMP errors. Later fragments carry no ports, and pass.
func (ifc Interface) quiet(h *netlink.Handle, ports []uint16) error {
	families := []int{unix.AF_INET}
	if ifc.hasIPv6() {
		families = append(families, unix.AF_INET6)
	}
	for _, family := range families {
		if err := h.RuleAdd(ownAddresses(family, localPriority)); err != nil {
			return fmt.Errorf("rule to its own addresses: %w", err)
		}
		for _, gap := range gaps(ports) {
			if err := h.RuleAdd(ignore(ifc.Name, family, unix.IPPROTO_TCP, gap)); err != nil {
				return fmt.Errorf("rule to ignore TCP ports %d to %d: %w", gap.Start, gap.End, err)
			}
		}
		if err := h.RuleAdd(ignore(ifc.Name, family, unix.IPPROTO_UDP, nil)); err != nil {
			return fmt.Errorf("rule to ignore UDP: %w", err)
		}
		if err := h.RuleDel(ownAddresses(family, 0)); err != nil {
			return fmt.Errorf("the first rule, to its own addresses: %w", err)
		}
	}
	return nil
}

// ownAddresses is the rule by which the kernel looks at its own addresses.
func ownAddresses(family, priority int) *netlink.Rule {
	r := netlink.NewRule()
	r.Family, r.Table, r.Priority = family, unix.RT_TABLE_LOCAL, priority
	return r
}

// ignore is a rule by which packets that come in by a device lead nowhere.
func ignore(device string, family, protocol int, ports *netlink.RulePortRange) *netlink.Rule {
	r := netlink.NewRule()
	r.Family, r.Priority, r.Type, r.IifName, r.IPProto, r.Dport = family, quietPriority, unix.RTN_BLACKHOLE, device, protocol, ports
	return r
}

// lastPort is the last port that a rule can name; the kernel takes 65535 for a mistake.
const lastPort = 65534

// gaps returns the ranges of ports between the given ones.
func gaps(ports []uint16) (all []*netlink.RulePortRange) {
	next := 1
	for _, p := range slices.Sorted(slices.Values(ports)) {
		if int(p) > next {
			all = append(all, netlink.NewRulePortRange(uint16(next), p-1))
		}
		next = int(p) + 1
	}
	if next <= lastPort {
		all = append(all, netlink.NewRulePortRange(uint16(next), lastPort))
	}
	return all
}
