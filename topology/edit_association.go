package topology

import "slices"

// ReplaceMainRouteTable makes another table the VPC's main one, for every subnet without a table of its own at once
// (aws-semantics 1.1). The old one stays, also if the file does not write it.
func (s *Spec) ReplaceMainRouteTable(vpc, table string) error {
	vpc, table, err := s.find(tableKind, vpc, table)
	if err != nil {
		return err
	}
	v := s.VPCs[vpc]
	names := tableNames(v)
	if v.RouteTables == nil {
		v.RouteTables = map[string]RouteTableSpec{}
	}
	for _, name := range names {
		t := v.RouteTables[name]
		t.Main = name == table
		v.RouteTables[name] = t
	}
	s.VPCs[vpc] = v
	return nil
}

// AssociateRouteTable gives a subnet a route table of its own; the empty table stands for the VPC's main one, whichever that
// is.
func (s *Spec) AssociateRouteTable(vpc, subnet, table string) error {
	vpc, subnet, err := s.find(subnetKind, vpc, subnet)
	if err != nil {
		return err
	}
	if table != "" {
		if _, table, err = s.find(tableKind, vpc, table); err != nil {
			return err
		}
	}
	spec := s.VPCs[vpc].Subnets[subnet]
	spec.RouteTable = table
	s.VPCs[vpc].Subnets[subnet] = spec
	return nil
}

// AssociateNetworkACL gives a subnet another network ACL; the empty one stands for the VPC's default.
func (s *Spec) AssociateNetworkACL(vpc, subnet, acl string) error {
	vpc, subnet, err := s.find(subnetKind, vpc, subnet)
	if err != nil {
		return err
	}
	if acl != "" {
		if _, acl, err = s.find(aclKind, vpc, acl); err != nil {
			return err
		}
	}
	spec := s.VPCs[vpc].Subnets[subnet]
	spec.NetworkACL = acl
	s.VPCs[vpc].Subnets[subnet] = spec
	return nil
}

// editPrimary changes the primary network interface of an instance.
func (s *Spec) editPrimary(vpc, instance string, change func(*InterfaceSpec)) error {
	vpc, instance, err := s.find(instanceKind, vpc, instance)
	if err != nil {
		return err
	}
	spec := s.VPCs[vpc].Instances[instance]
	eni := &spec.InterfaceSpec
	if len(spec.Interfaces) > 0 {
		spec.Interfaces = slices.Clone(spec.Interfaces)
		eni = &spec.Interfaces[0]
	}
	change(eni)
	s.VPCs[vpc].Instances[instance] = spec
	return nil
}
