package topology

import (
	"slices"
	"strings"

	"vpcsim/endpoint/policy"
)

// endpoints resolves the VPC's gateway endpoints without their routes (aws-semantics 3.1).
func (b *vpcBuilder) endpoints() {
	for _, name := range sortedKeys(b.spec.Endpoints) {
		path := b.at("endpoints", name)
		e := &Endpoint{Name: name, ID: b.identify(endpointKind, name), VPC: b.vpc}
		b.service(e, join(path, "service"), b.spec.Endpoints[name].Service)
		e.Policy = b.policy(join(path, "policy"), name, b.spec.Endpoints[name].Policy, policy.ParseEndpoint)
		b.vpc.Endpoints = append(b.vpc.Endpoints, e)
	}
}

// service resolves the service of an endpoint from its short or full name.
func (b *vpcBuilder) service(e *Endpoint, at, text string) {
	region := b.vpc.Region
	short, full := strings.CutPrefix(text, serviceName(region, ""))
	switch {
	case text == "":
		b.errorf(at, "missing; s3 is the service there is")
	case short == "s3":
		e.Service, e.ServiceName = short, serviceName(region, short)
		if e.PrefixList = b.managedPrefixList(region, short); e.PrefixList == nil && isRegion(region) {
			b.errorf(at, "%s", b.unknownS3(region))
		}
	case short == "dynamodb":
		b.errorf(at, "dynamodb is not simulated by this version; s3 is the service there is")
	case !full && strings.HasPrefix(text, "com.amazonaws.") && strings.HasSuffix(text, ".s3"):
		b.errorf(at, "%s is another region's service; in %s it is %s", shown(text), region, serviceName(region, "s3"))
	default:
		b.errorf(at, "unknown service %s%s", shown(text), DidYouMean(short, []string{"s3"}))
	}
}

// endpointRoutes puts the route of every endpoint into its tables. AWS allows one such route per service and table.
func (b *vpcBuilder) endpointRoutes() {
	for _, e := range b.vpc.Endpoints {
		for i, name := range b.spec.Endpoints[e.Name].RouteTables {
			at := item(b.at("endpoints", e.Name, "route_tables"), i)
			t := b.table(name)
			if t == nil {
				b.errorf(at, "%s", b.noTable(name))
				continue
			}
			if e.PrefixList == nil {
				continue // its service was refused
			}
			if t.Edge {
				b.errorf(at, "%s is the gateway route table, which has no routes to endpoints", t.Name)
				continue
			}
			if !b.endpointRouteFits(e, t, at) {
				continue
			}
			e.RouteTables = append(e.RouteTables, t)
			t.Routes = append(t.Routes, &Route{PrefixList: e.PrefixList, Target: e.ID, State: RouteActive, Endpoint: e})
		}
	}
}

// endpointRouteFits reports whether the table has no route to the endpoint's prefix list yet.
func (b *vpcBuilder) endpointRouteFits(e *Endpoint, t *RouteTable, at string) bool {
	i := slices.IndexFunc(t.Routes, func(r *Route) bool { return r.PrefixList == e.PrefixList })
	if i < 0 {
		return true
	}
	switch other := t.Routes[i].Endpoint; {
	case i < len(b.spec.RouteTables[t.Name].Routes):
		b.errorf(at, "route table %s already has a route to %s, written by hand", t.Name, e.PrefixList.Name)
	case other == e:
		b.errorf(at, "route table %s is listed twice", t.Name)
	default:
		b.errorf(at, "route table %s already has the %s route of endpoint %s; AWS allows one endpoint route per service and table",
			t.Name, e.Service, other.Name)
	}
	return false
}
