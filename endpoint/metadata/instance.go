package metadata

import (
	"net/netip"
	"time"
)

// Instance is what the service says of an instance.
type Instance struct {
	ID            string // i-…
	Name          string // the Name tag; empty if the instance's tags are not to be told
	Type          string // t3.micro
	ImageID       string // ami-…
	ReservationID string // r-…
	Account       string // of twelve digits
	Region        string
	Zone          string    // us-east-1a
	Launched      time.Time // UTC
	Role          string    // whose credentials it has; empty for none
	ProfileID     string    // of the role's instance profile, AIPA…; counts only with a role

	Interfaces     []Interface // the primary first; at least one
	RequiresTokens bool        // IMDSv1 is refused
}

// Interface is one of the instance's network interfaces.
type Interface struct {
	ID        string // eni-…
	MAC       [6]byte
	Index     int          // device index
	Addresses []netip.Addr // private IPv4 addresses, the primary first
	PublicIPs []netip.Addr // of each of Addresses; the zero Addr where it has none
	IPv6      []netip.Addr

	LocalHostname  string // of the primary address
	PublicHostname string // of its public address; empty if it has none

	SubnetID, VPCID  string
	SubnetCIDR       netip.Prefix
	SubnetIPv6       netip.Prefix // invalid if it has none
	VPCCIDRs         []netip.Prefix
	VPCIPv6          netip.Prefix // invalid if it has none
	SecurityGroups   []string     // names
	SecurityGroupIDs []string
}

// Credentials are temporary ones of a role.
type Credentials struct {
	AccessKeyID     string // ASIA…
	SecretAccessKey string
	Token           string
	Expiration      time.Time
}
