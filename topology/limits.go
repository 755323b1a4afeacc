package topology

import "math"

// Limits are the quotas of AWS that a preset puts on a topology, and the abilities that AWS had then. Adjustable quotas
// stand at their default; a file with raised quotas has them out of the way.
type Limits struct {
	RoutesPerTable      int // static routes, IPv4 and IPv6 each, prefix lists by weight (aws-semantics 1.6: amazon-vpc-limits)
	RouteTablesPerVPC   int // aws-semantics 1.6
	SubnetsPerVPC       int // aws-semantics 1.6
	CIDRsPerVPC         int // IPv4, the primary included (aws-semantics 1.6, 8.1)
	EndpointsPerRegion  int // gateway endpoints (aws-semantics 3.1: vpc-limits-endpoints)
	CustomerPrefixLists int // per region; 0 before they existed, 2020-06-29 (aws-semantics 2.4, 10)
	PrefixListEntries   int // per customer list (aws-semantics 2.4)

	GroupsPerRegion    int // security groups (aws-semantics 6.1: amazon-vpc-limits)
	GroupsPerInterface int // aws-semantics 6.1
	RulesPerGroup      int // per direction and IP version (aws-semantics 6.1)
	ACLsPerVPC         int // aws-semantics 7: amazon-vpc-limits
	EntriesPerACL      int // per direction (aws-semantics 7)

	PrefixListRoutes      bool // hand-made routes to prefix lists, since 2020-06-29 (inferred from aws-semantics 10)
	MoreSpecificThanLocal bool // routes for a whole subnet inside the VPC's CIDR, since 2021 (aws-semantics 1.2)
	IPv6                  bool // in a VPC, since December 2016 (aws-semantics 10)
	NitroV6               bool // since 2025 (aws-semantics 6.3)
	NATGateways           bool // since 2015-12-17 (aws-semantics 5.6)
	PrivateNATGateways    bool // since June 2021 (aws-semantics 10)
}

// Limits returns what a preset allows.
func (p Preset) Limits() Limits {
	l := Limits{
		RoutesPerTable:     50,
		RouteTablesPerVPC:  200,
		SubnetsPerVPC:      200,
		CIDRsPerVPC:        5,
		EndpointsPerRegion: 20,
		PrefixListEntries:  1000,
		GroupsPerRegion:    2500,
		GroupsPerInterface: 5,
		RulesPerGroup:      60,
		ACLsPerVPC:         200,
		EntriesPerACL:      20,
		IPv6:               true,
		NATGateways:        true,
	}
	switch p {
	case Launch2015:
		l.CIDRsPerVPC = 1 // secondary CIDRs came in August 2017 (aws-semantics 10)
		l.IPv6 = false
		l.NATGateways = false
	case Current, "":
		l.RoutesPerTable = 500
		l.CustomerPrefixLists = 100
		l.PrefixListRoutes = true
		l.MoreSpecificThanLocal = true
		l.NitroV6 = true
		l.PrivateNATGateways = true
	}
	return l
}

// raised returns the limits of an account whose quotas may all have been raised: as high as AWS documents that it raises them
// (aws-semantics 1.6, 2.4, 6.1), else without end. What AWS did not have then, which is a quota of 0, or of 1 CIDR, no account had.
func (l Limits) raised() Limits {
	quotas := map[*int]int{
		&l.RoutesPerTable: math.MaxInt, &l.RouteTablesPerVPC: math.MaxInt, &l.SubnetsPerVPC: math.MaxInt, &l.CIDRsPerVPC: 50,
		&l.EndpointsPerRegion: math.MaxInt, &l.CustomerPrefixLists: math.MaxInt, &l.GroupsPerRegion: math.MaxInt,
		&l.GroupsPerInterface: 16, &l.RulesPerGroup: math.MaxInt, &l.ACLsPerVPC: math.MaxInt, &l.EntriesPerACL: math.MaxInt,
	}
	for quota, most := range quotas {
		if *quota > 1 {
			*quota = most
		}
	}
	return l
}

// Limits of ours, which keep a hostile or mistaken file from costing more than a message.
const (
	MaxFileBytes = 16 << 20 // of a file
	maxNodes     = 500_000  // keys and values of a file, aliases expanded
	maxDepth     = 64       // of nesting, aliases expanded
	maxMarks     = 1 << 20  // bytes of a file that may start a YAML node, which bounds what the parser builds
	maxProblems  = 500      // told at once
	maxName      = 63       // bytes of a name: what fits a DNS label and AWS's own names
)
