package control

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"vpcsim/internal/whatif"
	"vpcsim/topology"
)

// Intent is a change as `vpcsim plan` is told it: what is to be there, or with Delete what is not. The changes that bring it about
// follow from what is there already.
type Intent struct {
	VPC         string   `json:"Vpc,omitempty"`
	Endpoint    string   `json:"Endpoint,omitempty"` // name or id of an endpoint, or a service: s3, com.amazonaws.REGION.s3
	RouteTables []string `json:"RouteTables,omitempty"`
	Routes      []string `json:"Routes,omitempty"` // DESTINATION->TARGET; with Delete DESTINATION
	Delete      bool     `json:"Delete,omitempty"`
}

// Apply makes the changes that the intent means to a topology, of which spec is a copy of its own and n what it means so far. It
// returns the requests and what the topology then means. After an error spec is of no use any more.
func (q Intent) Apply(spec *topology.Spec, n *topology.Network) (done []whatif.Request, after *topology.Network, err error) {
	changes, err := q.changes(n)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range changes {
		e, err := c.edit()
		if err == nil {
			err = e.apply(spec)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", e.action, err)
		}
		done = append(done, whatif.Request{Action: e.action, Summary: c.sentence(), Request: c})
	}
	after, err = topology.Resolve(spec, nil)
	return done, after, err
}

// changes lists the changes that bring the intent about, the endpoint's first.
func (q Intent) changes(n *topology.Network) (all []Change, err error) {
	if q.VPC == "" && len(q.RouteTables) > 0 {
		if t := n.RouteTable(q.RouteTables[0]); t != nil {
			q.VPC = t.VPC.Name
		}
	}
	if q.Endpoint != "" {
		c, err := q.endpoint(n)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	for _, r := range q.Routes {
		if len(q.RouteTables) == 0 {
			return nil, fmt.Errorf("route %s: in which route table? name it with --route-table", r)
		}
		for _, table := range q.RouteTables {
			c, err := q.route(n, table, r)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	if all == nil {
		return nil, fmt.Errorf("nothing to plan: name an endpoint with --endpoint or routes with --route")
	}
	return all, nil
}

// endpoint is the change of the endpoint.
func (q Intent) endpoint(n *topology.Network) (c Change, err error) {
	e, err := q.find(n)
	switch {
	case err != nil:
		return c, err
	case e != nil && q.Delete && len(q.RouteTables) == 0:
		c.DeleteEndpoint = &DeleteEndpoint{VPC: e.VPC.Name, Name: e.Name}
	case e != nil && q.Delete:
		c.ModifyEndpoint = &ModifyEndpoint{VPC: e.VPC.Name, Name: e.Name, Remove: q.RouteTables}
	case len(q.RouteTables) == 0:
		return c, fmt.Errorf("endpoint %s: in which route tables? name each with --route-table", q.Endpoint)
	case e != nil:
		for _, t := range e.RouteTables {
			if slices.Contains(q.RouteTables, t.Name) || slices.Contains(q.RouteTables, t.ID) {
				return c, fmt.Errorf("endpoint %s: route table %s has its route already", e.Name, t.Name)
			}
		}
		c.ModifyEndpoint = &ModifyEndpoint{VPC: e.VPC.Name, Name: e.Name, Add: q.RouteTables}
	default:
		name := strings.TrimPrefix(path.Ext("."+q.Endpoint), ".") // com.amazonaws.us-east-1.s3 is s3
		c.CreateEndpoint = &CreateEndpoint{VPC: q.VPC, Name: name, Service: q.Endpoint, RouteTables: q.RouteTables}
	}
	return c, nil
}

// find returns the endpoint that is meant by its name or id, or as the only one of its service; nil if it is yet to be made.
func (q Intent) find(n *topology.Network) (*topology.Endpoint, error) {
	var named, of []*topology.Endpoint
	var there []string
	for _, v := range n.VPCs {
		if q.VPC != "" && q.VPC != v.Name && q.VPC != v.ID {
			continue
		}
		for _, e := range v.Endpoints {
			there = append(there, e.Name)
			switch q.Endpoint {
			case e.Name, e.ID:
				named = append(named, e)
			case e.Service, e.ServiceName:
				of = append(of, e)
			}
		}
	}
	if len(named) == 0 {
		named = of
	}
	switch {
	case len(named) == 1:
		return named[0], nil
	case len(named) > 1:
		return nil, fmt.Errorf("endpoint %s: there are several: %s; name one by its id, or say --vpc", q.Endpoint, identities(named))
	case q.Delete || strings.HasPrefix(q.Endpoint, "vpce-"):
		return nil, fmt.Errorf("no endpoint %s; there are %s", q.Endpoint, orNone(there))
	}
	return nil, nil
}

func identities(all []*topology.Endpoint) string {
	var words []string
	for _, e := range all {
		words = append(words, e.ID)
	}
	return strings.Join(words, ", ")
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// arrow separates the destination of a route from its target.
const arrow = "->"

// route is the change of one route in one table: it is added, or if there is one to the destination gets another target.
func (q Intent) route(n *topology.Network, table, text string) (c Change, err error) {
	destination, target, pointed := strings.Cut(text, arrow)
	r := &RouteChange{VPC: q.VPC, RouteTable: table, Destination: strings.TrimSpace(destination), Target: strings.TrimSpace(target)}
	switch {
	case q.Delete && pointed:
		return c, fmt.Errorf("route %s: with --delete write the destination alone", text)
	case q.Delete:
		c.DeleteRoute = r
	case r.Target == "" || r.Destination == "":
		return c, fmt.Errorf("route %s: write DESTINATION%sTARGET", text, arrow)
	case has(n, r):
		c.ReplaceRoute = r
	default:
		c.CreateRoute = r
	}
	return c, nil
}

// has says whether there is a route to the destination of r, a local one included.
func has(n *topology.Network, r *RouteChange) bool {
	t := n.RouteTable(r.RouteTable)
	if v := n.VPC(r.VPC); v != nil {
		if i := slices.IndexFunc(v.RouteTables, func(t *topology.RouteTable) bool { return t.Name == r.RouteTable || t.ID == r.RouteTable }); i >= 0 {
			t = v.RouteTables[i]
		}
	}
	if t == nil {
		return false // which the edit will say
	}
	list := n.PrefixList(r.Destination) // of the file's region; those of others by their names and ids alone
	cidr, _ := netip.ParsePrefix(r.Destination)
	cidr = cidr.Masked()
	return slices.Contains(t.VPC.AllCIDRs(), cidr) || slices.ContainsFunc(t.Routes, func(o *topology.Route) bool {
		if o.PrefixList != nil {
			return o.PrefixList == list || o.PrefixList.Name == r.Destination || o.PrefixList.ID == r.Destination
		}
		return !o.Propagated && o.Destination == cidr
	})
}

// sentence tells a person what the change does, of the kinds that an intent may mean.
func (c Change) sentence() string {
	switch {
	case c.CreateEndpoint != nil:
		return fmt.Sprintf("create endpoint %s for %s, with a route in %s", c.CreateEndpoint.Name, c.CreateEndpoint.Service, tables(c.CreateEndpoint.RouteTables))
	case c.ModifyEndpoint != nil && c.ModifyEndpoint.Add != nil:
		return fmt.Sprintf("add endpoint %s to %s", c.ModifyEndpoint.Name, tables(c.ModifyEndpoint.Add))
	case c.ModifyEndpoint != nil:
		return fmt.Sprintf("remove endpoint %s from %s", c.ModifyEndpoint.Name, tables(c.ModifyEndpoint.Remove))
	case c.DeleteEndpoint != nil:
		return fmt.Sprintf("delete endpoint %s with its routes", c.DeleteEndpoint.Name)
	case c.CreateRoute != nil:
		return fmt.Sprintf("add route %s -> %s to route table %s", c.CreateRoute.Destination, c.CreateRoute.Target, c.CreateRoute.RouteTable)
	case c.ReplaceRoute != nil:
		return fmt.Sprintf("give route %s in route table %s the target %s", c.ReplaceRoute.Destination, c.ReplaceRoute.RouteTable, c.ReplaceRoute.Target)
	case c.DeleteRoute != nil:
		return fmt.Sprintf("delete route %s from route table %s", c.DeleteRoute.Destination, c.DeleteRoute.RouteTable)
	}
	return c.Action()
}

func tables(names []string) string {
	if len(names) == 1 {
		return "route table " + names[0]
	}
	return "route tables " + strings.Join(names, ", ")
}
