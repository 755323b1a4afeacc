package topology

// refuse reports what the file may say but this version does not enforce. Taking it in silence would let a user believe
// in a protection, or a path, that is not there. Whoever teaches the router one of these removes its lines here.
func (r *resolver) refuse() {
	no := func(path string, given bool, what string) {
		if given {
			r.errorf(path, "%s", what)
		}
	}
	for _, name := range sortedKeys(r.spec.S3.Buckets) {
		no(join(join("s3.buckets", name), "policy"), r.spec.S3.Buckets[name].Policy != nil,
			"bucket policies are not enforced by this version; remove it (without it every request is allowed)")
	}
	for _, name := range sortedKeys(r.spec.VPCs) {
		path, spec := join("vpcs", name), r.spec.VPCs[name]
		for _, instance := range sortedKeys(spec.Instances) {
			no(join(join(join(path, "instances"), instance), "role"), spec.Instances[instance].Role != "",
				"roles have no credentials in this version; remove it")
		}
		for _, endpoint := range sortedKeys(spec.Endpoints) {
			no(join(join(join(path, "endpoints"), endpoint), "policy"), spec.Endpoints[endpoint].Policy != nil,
				"endpoint policies are not enforced by this version; remove it (without it every request is allowed)")
		}
	}
}
