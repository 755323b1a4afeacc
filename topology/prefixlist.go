package topology

import (
	"net/netip"
	"slices"
	"strings"
)

// managedList is one AWS-managed prefix list with its contents at each preset's time; a preset that is not there had no
// such list.
type managedList struct {
	region, service, id string
	entries             map[Preset][]string
}

// name is the list's AWS name, which is also the name of the endpoint service behind it.
func (m *managedList) name() string { return serviceName(m.region, m.service) }

// known reports whether the user's text means this list: its id, its name or the short name of its service.
func (m *managedList) known(text string) bool {
	return text == m.id || text == m.name() || text == m.service
}

func serviceName(region, service string) string { return "com.amazonaws." + region + "." + service }

// serviceRegion returns the region in the name of an AWS-managed list, and the rest of the name: s3, or
// global and cloudfront.origin-facing. It reports false for a name that is no such list's.
func serviceRegion(name string) (region, service string, ok bool) {
	rest, ok := strings.CutPrefix(name, "com.amazonaws.")
	if !ok {
		return "", "", false
	}
	region, service, ok = strings.Cut(rest, ".")
	return region, service, ok && service != "" && (isRegion(region) || region == "global")
}

// managedWeights is what the AWS-managed lists of other services count against a quota (aws-semantics 2.1); all others are
// taken to weigh 1, as S3's and DynamoDB's do.
var managedWeights = map[string]int{
	"s3express": 6, "vpc-lattice": 10, "route53-healthchecks": 25, "cloudfront.origin-facing": 55, "groundstation": 5,
	"ec2-instance-connect": 2, "secretsmanager-managed-external-secrets": 20,
}

// managed returns the region's list that the user's text means.
func managed(region, text string) (*managedList, bool) {
	for i, m := range managedLists {
		if m.region == region && m.known(text) {
			return &managedLists[i], true
		}
	}
	return nil, false
}

// Regions returns the regions the simulator knows the prefix lists of.
func Regions() []string {
	var all []string
	for _, m := range managedLists {
		if !slices.Contains(all, m.region) {
			all = append(all, m.region)
		}
	}
	return all
}

// ManagedPrefixLists returns the AWS-managed prefix lists of a region as they were at the preset's time, S3's first;
// nothing for a region that is not known. The entries are IPv4 and sorted as published.
func ManagedPrefixLists(region string, p Preset) []PrefixList {
	if p == "" {
		p = Current
	}
	var all []PrefixList
	for _, m := range managedLists {
		if entries, ok := m.entries[p]; ok && m.region == region {
			// S3 and DynamoDB weigh 1 each (aws-semantics 2.1).
			all = append(all, PrefixList{
				Name: m.name(), ID: m.id, Region: region, AWSManaged: true, Weight: 1, State: PrefixListCreated, Entries: prefixes(entries),
			})
		}
	}
	return all
}

func prefixes(texts []string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}
