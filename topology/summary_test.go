package topology_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"vpcsim/topology"
)

// The parts of a summary that most topologies do not have. What every VPC and interface has anyway (its default group and
// ACL, the usual time-outs) is left out where it is the only one.

func optional(before string, there bool, what any) string {
	if !there {
		return ""
	}
	return fmt.Sprint(before, what)
}

// summarizeFilters writes a VPC's security groups and network ACLs.
func summarizeFilters(p func(string, ...any), v *topology.VPC) {
	for _, g := range v.SecurityGroups {
		if len(v.SecurityGroups) > 1 {
			p("  group %s %s default=%v", g.Name, g.ID, g.Default)
			summarizeRules(p, g.Ingress, g.Egress)
		}
	}
	for _, a := range v.NetworkACLs {
		if len(v.NetworkACLs) > 1 {
			p("  acl %s %s default=%v", a.Name, a.ID, a.Default)
			summarizeRules(p, a.Ingress, a.Egress)
		}
	}
}

func summarizeRules(p func(string, ...any), ingress, egress []*topology.Rule) {
	for _, r := range ingress {
		p("    in  %s", ruleText(r))
	}
	for _, r := range egress {
		p("    out %s", ruleText(r))
	}
}

func ruleText(r *topology.Rule) string {
	peer := r.Prefix.String()
	switch {
	case r.PrefixList != nil:
		peer = r.PrefixList.Name
	case r.StaleGroup != "":
		peer = "stale " + r.StaleGroup
	case r.Group != nil:
		peer = r.Group.VPC.Name + "/" + r.Group.Name
	}
	return fmt.Sprintf("%d allow=%v protocol=%d ports=%d-%d icmp=%d/%d %s",
		r.Number, r.Allow, r.Protocol, r.FirstPort, r.LastPort, r.ICMPType, r.ICMPCode, peer)
}

func interfaceText(e *topology.NetworkInterface) string {
	return fmt.Sprintf("%s %s %v public=%v %x check=%v%s", e.ID, e.Subnet.Name, e.Addresses, e.PublicIP(), e.MAC, e.SourceDestCheck, security(e))
}

// security writes an interface's IPv6 and further public addresses, groups and time-outs.
func security(e *topology.NetworkInterface) string {
	var groups []string
	for _, g := range e.SecurityGroups {
		groups = append(groups, g.Name)
	}
	usual := topology.ConnectionTracking{TCPEstablished: 432000 * time.Second, UDPStream: 180 * time.Second, UDP: 30 * time.Second}
	more := e.PublicIPs[1:]
	return optional(" ", len(e.IPv6Addresses) > 0, e.IPv6Addresses) +
		optional(" more public=", slices.ContainsFunc(more, netip.Addr.IsValid), more) +
		optional(" groups=", len(groups) != 1 || groups[0] != "default", strings.Join(groups, ",")) +
		optional(" tracking=", e.Tracking != usual, e.Tracking)
}

// summarizeNames writes what a VPC says of names, where it says something, and of its instances' metadata where they are not the usual.
func summarizeNames(p func(string, ...any), v *topology.VPC) {
	if o := v.DHCPOptions; !v.DNSSupport || v.DNSHostnames || o.DomainName != "" || o.NameServers != nil {
		p("  dns resolver=%s support=%v hostnames=%v domain=%q servers=%v", v.Resolver(), v.DNSSupport, v.DNSHostnames, o.DomainName, o.NameServers)
	}
	for _, i := range v.Instances {
		if i.RequiresTokens || i.MetadataTags || i.Type != "t3.micro" {
			p("  metadata of %s: %s %s tokens=%v tags=%v", i.Name, i.Type, i.ImageID, i.RequiresTokens, i.MetadataTags)
		}
	}
}
