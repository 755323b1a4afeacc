package topology

// kind is a kind of thing that a VPC has under names.
type kind struct {
	noun   string // route table
	prefix string // of its ids: rtb
	key    string // in the file: route_tables

	names func(VPCSpec) []string
	// written returns the id that the file writes for a name, or nothing.
	written func(v VPCSpec, name string) string
}

// The kinds.
var (
	subnetKind = kind{
		"subnet", "subnet", "subnets",
		func(v VPCSpec) []string { return sortedKeys(v.Subnets) },
		func(v VPCSpec, name string) string { return v.Subnets[name].ID },
	}
	tableKind = kind{
		"route table", "rtb", "route_tables", tableNames,
		func(v VPCSpec, name string) string { return v.RouteTables[name].ID },
	}
	endpointKind = kind{
		"endpoint", "vpce", "endpoints",
		func(v VPCSpec) []string { return sortedKeys(v.Endpoints) },
		func(v VPCSpec, name string) string { return v.Endpoints[name].ID },
	}
	natKind = kind{
		"NAT gateway", "nat", "nat_gateways",
		func(v VPCSpec) []string { return sortedKeys(v.NATGateways) },
		func(v VPCSpec, name string) string { return v.NATGateways[name].ID },
	}
	groupKind = kind{
		"security group", "sg", "security_groups",
		func(v VPCSpec) []string { return withDefault(v.SecurityGroups) },
		func(v VPCSpec, name string) string { return v.SecurityGroups[name].ID },
	}
	aclKind = kind{
		"network ACL", "acl", "network_acls",
		func(v VPCSpec) []string { return withDefault(v.NetworkACLs) },
		func(v VPCSpec, name string) string { return v.NetworkACLs[name].ID },
	}
	instanceKind = kind{
		"instance", "i", "instances",
		func(v VPCSpec) []string { return sortedKeys(v.Instances) },
		func(v VPCSpec, name string) string { return v.Instances[name].ID },
	}
)

// identity is that of the thing of this kind that a VPC has under a name.
func (k *kind) identity(vpc string, v VPCSpec, name string) identity {
	return identity{k.prefix, name, k.written(v, name), idPath("vpcs", vpc, k.key, name)}
}

// tableNames lists a VPC's route tables, the implied main one last.
func tableNames(v VPCSpec) []string {
	names := sortedKeys(v.RouteTables)
	if implied := impliedMain(v); implied != "" {
		names = append(names, implied)
	}
	return names
}
