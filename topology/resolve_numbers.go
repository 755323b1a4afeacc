package topology

import (
	"cmp"
	"strings"
)

// numbers judges how many things there are against the quotas, before anything looks into them: a list that is too long
// is the one problem worth telling, and no later step need fear its length. It reports whether all is well.
func (r *resolver) numbers() bool {
	before := len(r.errs)
	endpoints, groups := map[string]int{}, map[string]int{} // by region
	for _, name := range sortedKeys(r.spec.VPCs) {
		path, spec := join("vpcs", name), r.spec.VPCs[name]
		r.secondaryCIDRs(path, len(spec.SecondaryCIDRs))
		r.quota(join(path, "subnets"), len(spec.Subnets), r.limits.SubnetsPerVPC, "subnets in a VPC")
		r.quota(join(path, "route_tables"), len(tableNames(spec)), r.limits.RouteTablesPerVPC, "route tables in a VPC, the main one too")
		for _, table := range sortedKeys(spec.RouteTables) {
			r.routeNumbers(join(join(join(path, "route_tables"), table), "routes"), spec.RouteTables[table].Routes)
		}
		r.aclNumbers(path, spec.NetworkACLs)
		region := cmp.Or(spec.Region, r.net.Region)
		endpoints[region] += len(spec.Endpoints)
		groups[region] += len(withDefault(spec.SecurityGroups))
	}
	for _, region := range r.spec.regions() {
		r.quota("vpcs", endpoints[region], r.limits.EndpointsPerRegion, "gateway endpoints in the region")
		r.quota("vpcs", groups[region], r.limits.GroupsPerRegion, "security groups in the region, the default ones too")
	}
	customers := 0
	for _, name := range sortedKeys(r.spec.PrefixLists) {
		if !r.spec.isAWSManaged(name) {
			customers++
		}
		r.quota(join(join("prefix_lists", name), "entries"), len(r.spec.PrefixLists[name].Entries),
			r.limits.PrefixListEntries, "entries in a prefix list")
	}
	if customers > 0 && r.limits.CustomerPrefixLists == 0 {
		r.errorf("prefix_lists", "%s had no customer-managed prefix lists: they came in 2020; use preset current", r.net.Preset)
	} else {
		r.quota("prefix_lists", customers, r.limits.CustomerPrefixLists, "customer-managed prefix lists")
	}
	return len(r.errs) == before
}

// routeNumbers counts the static routes of each IP version (aws-semantics 1.6).
func (r *resolver) routeNumbers(path string, routes []RouteSpec) {
	six, static := 0, 0
	for _, route := range routes {
		if route.Propagated {
			continue
		}
		static++
		if strings.Contains(route.Destination, ":") {
			six++
		}
	}
	r.quota(path, static-six, r.limits.RoutesPerTable, "routes in a table")
	r.quota(path, six, r.limits.RoutesPerTable, "IPv6 routes in a table")
}

func (r *resolver) secondaryCIDRs(path string, n int) {
	at := join(path, "secondary_cidrs")
	if n > 0 && r.limits.CIDRsPerVPC == 1 {
		r.errorf(at, "%s had no secondary CIDRs: they came in 2017", r.net.Preset)
		return
	}
	r.quota(at, n+1, r.limits.CIDRsPerVPC, "IPv4 CIDRs with the primary one")
}

// quota reports a number of things beyond what AWS allows.
func (r *resolver) quota(path string, n, limit int, things string) {
	if n > limit {
		r.errorf(path, "%d %s; AWS allows %d (preset %s)", n, things, limit, r.net.Preset)
	}
}
