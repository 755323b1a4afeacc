package topology

// refuse reports what the file may say but this version does not enforce. Taking it in silence would let a user believe
// in a protection, or a path, that is not there. Whoever teaches the router one of these removes its lines here.
func (r *resolver) refuse() {
	no := func(path string, given bool, what string) {
		if given {
			r.errorf(path, "%s", what)
		}
	}
	no("peerings", len(r.spec.Peerings) > 0, "VPC peerings are not simulated by this version; remove them (VPCs can't reach one another)")
	for _, name := range sortedKeys(r.spec.S3.Buckets) {
		no(join(join("s3.buckets", name), "policy"), r.spec.S3.Buckets[name].Policy != nil,
			"bucket policies are not enforced by this version; remove it (without it every request is allowed)")
	}
	for _, name := range sortedKeys(r.spec.VPCs) {
		path, spec := join("vpcs", name), r.spec.VPCs[name]
		no(join(path, "nat_gateways"), len(spec.NATGateways) > 0,
			"NAT gateways are not simulated by this version; remove them and the routes that lead to them")
		no(join(path, "security_groups"), len(spec.SecurityGroups) > 0,
			"security groups are not enforced by this version; remove them (without them every packet is allowed)")
		no(join(path, "network_acls"), len(spec.NetworkACLs) > 0,
			"network ACLs are not enforced by this version; remove them (without them every packet is allowed)")
		for _, subnet := range sortedKeys(spec.Subnets) {
			no(join(join(join(path, "subnets"), subnet), "network_acl"), spec.Subnets[subnet].NetworkACL != "",
				"network ACLs are not enforced by this version; remove it (without it every packet is allowed)")
		}
		for _, endpoint := range sortedKeys(spec.Endpoints) {
			no(join(join(join(path, "endpoints"), endpoint), "policy"), spec.Endpoints[endpoint].Policy != nil,
				"endpoint policies are not enforced by this version; remove it (without it every request is allowed)")
		}
		for _, instance := range sortedKeys(spec.Instances) {
			at := join(join(path, "instances"), instance)
			r.refuseInInterface(at, spec.Instances[instance].InterfaceSpec)
			for i, eni := range spec.Instances[instance].Interfaces {
				r.refuseInInterface(item(join(at, "interfaces"), i), eni)
			}
		}
	}
}

func (r *resolver) refuseInInterface(path string, spec InterfaceSpec) {
	if len(spec.SecurityGroups) > 0 {
		r.errorf(join(path, "security_groups"),
			"security groups are not enforced by this version; remove them (without them every packet is allowed)")
	}
	if spec.SourceDestCheck != nil && !*spec.SourceDestCheck {
		r.errorf(join(path, "source_dest_check"),
			"an interface without source/destination check is not simulated by this version; remove it")
	}
}
