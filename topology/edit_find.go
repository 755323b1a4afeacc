package topology

import (
	"fmt"
	"slices"
	"strings"
)

// endpoint finds an endpoint by name or id and returns the names of its VPC and its own.
func (s *Spec) endpoint(vpc, want string) (string, string, error) {
	return s.find("endpoint", "vpce", "endpoints", vpc, want, func(v VPCSpec) []string { return sortedKeys(v.Endpoints) })
}

// table finds a route table by name or id, the implied main table included.
func (s *Spec) table(vpc, want string) (string, string, error) {
	return s.find("route table", "rtb", "route_tables", vpc, want, tableNames)
}

// subnet finds a subnet by name or id.
func (s *Spec) subnet(vpc, want string) (string, string, error) {
	return s.find("subnet", "subnet", "subnets", vpc, want, func(v VPCSpec) []string { return sortedKeys(v.Subnets) })
}

// instance finds an instance by name or id.
func (s *Spec) instance(vpc, want string) (string, string, error) {
	return s.find("instance", "i", "instances", vpc, want, func(v VPCSpec) []string { return sortedKeys(v.Instances) })
}

// securityGroup finds a security group by name or id, the default one included.
func (s *Spec) securityGroup(vpc, want string) (string, string, error) {
	return s.find("security group", "sg", "security_groups", vpc, want,
		func(v VPCSpec) []string { return withDefault(v.SecurityGroups) })
}

// networkACL finds a network ACL by name or id, the default one included.
func (s *Spec) networkACL(vpc, want string) (string, string, error) {
	return s.find("network ACL", "acl", "network_acls", vpc, want,
		func(v VPCSpec) []string { return withDefault(v.NetworkACLs) })
}

func tableNames(v VPCSpec) []string {
	names := sortedKeys(v.RouteTables)
	if implied := impliedMain(v); implied != "" {
		names = append(names, implied)
	}
	return names
}

// tableName returns the name of a table of the VPC that may have been given by its id; the text itself if there is none.
func (s *Spec) tableName(vpc, want string) string {
	if _, name, err := s.table(vpc, want); err == nil {
		return name
	}
	return want
}

// find looks for a thing of a kind by name or id: in the VPC if one is named, else in all of them, where it must be the
// only one.
func (s *Spec) find(kind, idKind, key, vpc, want string, namesIn func(VPCSpec) []string) (string, string, error) {
	places := sortedKeys(s.VPCs)
	if vpc != "" || len(places) == 1 {
		one, err := s.vpcOf(vpc)
		if err != nil {
			return "", "", err
		}
		places = []string{one}
	}
	var in, names, all []string
	for _, place := range places {
		there := namesIn(s.VPCs[place])
		all = append(all, there...)
		i := slices.IndexFunc(there, func(name string) bool {
			return name == want || id(idKind, idPath("vpcs", place, key, name)) == want
		})
		if i >= 0 {
			in, names = append(in, place), append(names, there[i])
		}
	}
	switch {
	case len(in) == 1:
		return in[0], names[0], nil
	case len(in) > 1:
		return "", "", fmt.Errorf("which VPC's %s %s? %s have one", kind, shown(want), strings.Join(in, ", "))
	case len(places) == 1:
		return "", "", fmt.Errorf("%s", noSuch(kind, want, join("vpcs", places[0]), all))
	}
	return "", "", fmt.Errorf("%s", noSuch(kind, want, "any VPC", all))
}
