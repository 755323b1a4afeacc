package dns

import (
	"net/netip"
	"strings"
)

// PrivateDomain is the domain of the private DNS names of a region's instances, and what completes names without a dot there
// (aws-semantics 8.1; vpc-dns, VPC_DHCP_Options).
func PrivateDomain(region string) string {
	if region == globalRegion {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}

// PrivateName is the name, without its domain, that an instance is given after a private IPv4 address: ip-10-0-1-10.
func PrivateName(a netip.Addr) string { return "ip-" + dashed(a) }

// PublicName is the public DNS name that an instance is given after a public IPv4 address.
func PublicName(region string, a netip.Addr) string {
	if region == globalRegion {
		return "ec2-" + dashed(a) + ".compute-1" + domain(region)
	}
	return "ec2-" + dashed(a) + "." + region + ".compute" + domain(region)
}

func dashed(a netip.Addr) string { return strings.ReplaceAll(a.String(), ".", "-") }
