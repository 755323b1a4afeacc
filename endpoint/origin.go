package endpoint

import "context"

// Origin is which VPC and which gateway endpoint a connection to a service came through. The zero Origin is the internet:
// an internet gateway and a NAT gateway look the same from a service, which sees a public address either way.
//
// These are the values of the condition keys aws:SourceVpc and aws:SourceVpce, both absent for the internet, and whether
// the peer's address is aws:VpcSourceIp or aws:SourceIp (aws-semantics 3.6: reference_policies_condition-keys).
type Origin struct {
	VPC      string // vpc-…, the VPC that owns the endpoint
	Endpoint string // vpce-…, the gateway endpoint
}

// Path names the way the connection came: the endpoint's id, or "internet".
func (o Origin) Path() string {
	if o == (Origin{}) {
		return "internet"
	}
	return o.Endpoint
}

type contextKey struct{}

// NewContext returns a copy of ctx that carries o. A service calls it once per accepted connection.
func NewContext(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, contextKey{}, o)
}

// FromContext returns the Origin of the connection on which a request with this context arrived. It reports false if the
// context carries none: an authoriser must then refuse, not take the request for one from the internet.
func FromContext(ctx context.Context) (Origin, bool) {
	o, ok := ctx.Value(contextKey{}).(Origin)
	return o, ok
}
