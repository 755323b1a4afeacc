package control

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"vpcsim/endpoint/metadata"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// metadata is what the instance of a VPC that has a private address learns of itself, as the lab is now; nil if none has it.
func (l *Lab) metadata(vpc string, a netip.Addr) *metadata.Instance {
	k := l.known.Load()
	eni := k.owner(vpc, a)
	if eni == nil || eni.Instance == nil {
		return nil
	}
	i := eni.Instance
	m := &metadata.Instance{
		ID: i.ID, Type: i.Type, ImageID: i.ImageID, ReservationID: "r-" + strings.TrimPrefix(i.ID, "i-"), Account: k.network.IAM.Account,
		Region: i.VPC.Region, Zone: i.Interfaces[0].Subnet.AZ, Launched: l.began, Role: i.Role, RequiresTokens: i.RequiresTokens,
	}
	if r := k.network.IAM.Role(i.Role); r != nil {
		m.ProfileID = "AIPA" + strings.TrimPrefix(r.ID, "AROA")
	}
	if i.MetadataTags {
		m.Name = i.Name
	}
	for _, eni := range i.Interfaces {
		m.Interfaces = append(m.Interfaces, interfaceMetadata(eni))
	}
	return m
}

// issue makes credentials of a role for an instance, which S3 knows again.
func (l *Lab) issue(role, instance string, now time.Time) (metadata.Credentials, bool) {
	c, ok := l.s3.Credentials(role, instance, now)
	return metadata.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, Token: c.SessionToken, Expiration: c.Expiration}, ok
}

func interfaceMetadata(eni *topology.NetworkInterface) metadata.Interface {
	v := eni.Subnet.VPC
	m := metadata.Interface{
		ID: eni.ID, MAC: eni.MAC, Index: eni.Index, Addresses: eni.Addresses, PublicIPs: eni.PublicIPs, IPv6: eni.IPv6Addresses,
		LocalHostname: hostname(v, eni.Addresses[0]), PublicHostname: compile.PublicDNSName(v, eni.PublicIP()),
		SubnetID: eni.Subnet.ID, VPCID: v.ID, SubnetCIDR: eni.Subnet.CIDR, SubnetIPv6: eni.Subnet.IPv6CIDR, VPCCIDRs: v.CIDRs, VPCIPv6: v.IPv6CIDR,
	}
	groups := slices.Clone(eni.SecurityGroups)
	slices.SortFunc(groups, func(a, b *topology.SecurityGroup) int { return strings.Compare(a.Name, b.Name) })
	for _, g := range groups {
		m.SecurityGroups, m.SecurityGroupIDs = append(m.SecurityGroups, g.Name), append(m.SecurityGroupIDs, g.ID)
	}
	return m
}

// hostname is what an instance calls itself. A domain of the DHCP option set counts only beside name servers of its own
// (VPC_DHCP_Options).
func hostname(v *topology.VPC, a netip.Addr) string {
	name := compile.PrivateDNSName(v, a)
	if domain, _, _ := strings.Cut(v.DHCPOptions.DomainName, " "); domain != "" && len(v.DHCPOptions.NameServers) > 0 {
		host, _, _ := strings.Cut(name, ".")
		return host + "." + domain
	}
	return name
}
