package control

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"vpcsim/endpoint"
	"vpcsim/endpoint/policy"
	"vpcsim/endpoint/s3"
	"vpcsim/internal/probe"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// AccessQuery asks what S3 would make of a request.
type AccessQuery struct {
	Operation string `json:"operation"` // of S3's API: GetObject
	Bucket    string `json:"bucket"`
	Key       string `json:"key,omitempty"`
	From      string `json:"from"`                // who sends, as of a probe
	Principal string `json:"principal,omitempty"` // ARN of a user or role; empty for the role of the instance, if it has one
	Anonymous bool   `json:"anonymous,omitempty"` // without a signature
	Plain     bool   `json:"plain,omitempty"`     // by HTTP and not by HTTPS
	// Conditions are condition keys that the request is to have, in place of those that it would.
	Conditions map[string][]string `json:"conditions,omitempty"`
}

// AccessAnswer is what became of it. Its field names are a contract, as those of probe.Answer.
type AccessAnswer struct {
	AccessQuery
	Verdict     string             `json:"verdict"` // allowed, denied or unreachable
	Status      int                `json:"status"`  // of HTTP that S3 answers with if the object is there; 0 if unreachable
	Message     string             `json:"message"` // of AccessDenied
	Region      string             `json:"region"`  // of the bucket
	Path        string             `json:"path"`    // internet, or the endpoint's id
	Peer        string             `json:"source"`  // the address that S3 sees
	Permissions []PermissionAnswer `json:"permissions"`
	Network     *probe.Answer      `json:"network"`
}

// PermissionAnswer is what became of one action that the operation needs.
type PermissionAnswer struct {
	Action    string              `json:"action"`
	Resource  string              `json:"resource"`
	Principal string              `json:"principal"` // empty for an anonymous request
	Context   map[string][]string `json:"context"`   // condition keys
	Allowed   bool                `json:"allowed"`
	Explicit  bool                `json:"explicit_deny"`
	By        string              `json:"by"` // the kind of policy that decided
	Message   string              `json:"message"`
	Policies  []PolicyAnswer      `json:"policies"`
}

// PolicyAnswer is what one policy says.
type PolicyAnswer struct {
	Kind       string            `json:"kind"`
	Name       string            `json:"name"` // where it is in the topology
	Statements []StatementAnswer `json:"statements"`
}

// StatementAnswer is what one statement says.
type StatementAnswer struct {
	Statement int    `json:"statement"` // from 0
	Sid       string `json:"sid,omitempty"`
	Effect    string `json:"effect"`
	Matches   bool   `json:"matches"`
	Why       string `json:"why"`
}

// The verdicts on access.
const (
	AccessAllowed     = "allowed"
	AccessDenied      = "denied"
	AccessUnreachable = "unreachable"
)

// TraceAccess asks a topology that does not run.
func TraceAccess(n *topology.Network, q AccessQuery) (*AccessAnswer, error) {
	t, err := probe.New(n)
	if err != nil {
		return nil, err
	}
	a, err := s3.NewAuthoriser(s3Config(n), endpointPolicies(n, nil))
	if err != nil {
		return nil, err
	}
	return (&accessTracer{n, t, a}).trace(q)
}

// traceAccess asks the lab as it is, clients' changes of bucket policies included.
func (l *Lab) traceAccess(q AccessQuery) (*AccessAnswer, error) {
	t := l.tracer()
	return (&accessTracer{t.Network, t, l.s3.Authoriser()}).trace(q)
}

// accessTracer is what an answer comes from.
type accessTracer struct {
	network    *topology.Network
	probe      *probe.Tracer
	authoriser *s3.Authoriser
}

// trace follows the request: first the packets, to the S3 of the bucket's region, then what the policies say of it there.
func (t *accessTracer) trace(q AccessQuery) (*AccessAnswer, error) {
	region, ok := t.authoriser.Region(q.Bucket)
	if !ok {
		var names []string
		for _, b := range t.network.S3.Buckets {
			names = append(names, b.Name)
		}
		return nil, fmt.Errorf("no bucket %s%s; there are %s", q.Bucket, topology.DidYouMean(q.Bucket, names), strings.Join(names, ", "))
	}
	a := &AccessAnswer{AccessQuery: q, Region: region, Verdict: AccessUnreachable, Permissions: []PermissionAnswer{}}
	question := probe.Query{From: q.From, To: "s3." + region + ".amazonaws.com", Protocol: "tcp", Port: 443}
	if q.Plain {
		question.Port = 80
	}
	given, err := q.given()
	if err != nil {
		return nil, err
	}
	if a.Network, err = t.probe.Trace(question); err != nil {
		return nil, err
	}
	x := &s3.Access{Bucket: q.Bucket, Key: q.Key, Region: region, Secure: !q.Plain, Now: time.Now(), Given: given}
	if x.Principal, err = t.principal(q, x.Now); err != nil {
		return nil, err
	}
	if x.Origin, ok = t.origin(a.Network); !ok {
		return a, t.judge(a, x, false)
	}
	a.Path, a.Peer = x.Origin.Path(), a.Network.SourceAtDestination
	if x.Peer, err = netip.ParseAddr(a.Peer); err != nil {
		return nil, err
	}
	return a, t.judge(a, x, true)
}

// origin is where S3 would be reached; false if it would not.
func (t *accessTracer) origin(a *probe.Answer) (endpoint.Origin, bool) {
	switch e := t.network.Endpoint(a.Where); {
	case !a.Both():
		return endpoint.Origin{}, false
	case e != nil:
		return endpoint.Origin{VPC: e.VPC.ID, Endpoint: e.ID}, true
	}
	return endpoint.Origin{}, a.Where == compile.S3Internet
}

// principal finds who signs the request.
func (t *accessTracer) principal(q AccessQuery, now time.Time) (s3.Principal, error) {
	i := t.network.Instance(q.From)
	session := "trace"
	if i != nil {
		session = i.ID
	}
	name := q.Principal
	switch {
	case q.Anonymous && name != "":
		return s3.Principal{}, fmt.Errorf("a request of %s is not anonymous", name)
	case q.Anonymous:
		return s3.Principal{}, nil
	case name == "" && i != nil:
		name = i.Role
	}
	if name == "" {
		return s3.Principal{}, nil
	}
	p, ok := t.authoriser.Principal(name, session, now)
	if !ok {
		return p, fmt.Errorf("nobody in iam is %s; there are %s", name, strings.Join(t.arns(), ", "))
	}
	return p, nil
}

func (t *accessTracer) arns() (all []string) {
	for _, u := range t.network.IAM.Users {
		all = append(all, u.ARN)
	}
	for _, r := range t.network.IAM.Roles {
		all = append(all, r.ARN)
	}
	return all
}

// judge asks the policies, if the request would reach S3.
func (t *accessTracer) judge(a *AccessAnswer, x *s3.Access, reached bool) error {
	judgements, ok := t.authoriser.Judge(x, a.Operation)
	switch {
	case !ok:
		return fmt.Errorf("%s is no operation of S3's API%s", a.Operation, topology.DidYouMean(a.Operation, operationNames()))
	case !reached:
		return nil
	}
	a.Verdict, a.Status = AccessAllowed, 200
	for _, j := range judgements {
		a.Permissions = append(a.Permissions, t.answer(j))
		if !j.Verdict.Allowed && a.Verdict == AccessAllowed {
			a.Verdict, a.Status, a.Message = AccessDenied, 403, j.Verdict.Message
		}
	}
	return nil
}

func operationNames() (all []string) {
	for _, op := range policy.Operations {
		all = append(all, op.Name)
	}
	return all
}

// answer explains a judgement: every statement of every policy that has a say.
func (t *accessTracer) answer(j s3.Judgement) PermissionAnswer {
	p := PermissionAnswer{
		Action: j.Permission.Action, Resource: j.Permission.Resource, Principal: j.Request.Principal, Context: j.Request.Context,
		Allowed: j.Verdict.Allowed, Explicit: j.Verdict.Explicit, By: j.Verdict.By.String(), Message: j.Verdict.Message, Policies: []PolicyAnswer{},
	}
	add := func(kind policy.Kind, d *policy.Document, otherwise string) {
		if d == nil {
			return
		}
		a := PolicyAnswer{Kind: kind.String(), Name: cmp.Or(t.name(d), otherwise), Statements: []StatementAnswer{}}
		for _, e := range d.Explain(&j.Request) {
			a.Statements = append(a.Statements, StatementAnswer{Statement: e.Statement, Sid: e.Sid, Effect: e.Effect.String(), Matches: e.Matches, Why: e.Why})
		}
		p.Policies = append(p.Policies, a)
	}
	for _, d := range j.Policies.Identity {
		add(policy.Identity, d, "")
	}
	add(policy.Endpoint, j.Policies.Endpoint, "AWS's default")
	bucket := "the policy that " + j.Permission.Bucket + " has now"
	if j.Open {
		bucket = "the lab has neither users nor roles: what has no policy is open"
	}
	add(policy.Bucket, j.Policies.Bucket, bucket)
	return p
}

// name says where in the topology a document is; empty if it is not there.
func (t *accessTracer) name(d *policy.Document) string {
	for _, u := range t.network.IAM.Users {
		for _, p := range u.Policies {
			if p.Document == d {
				return "iam.users." + u.Name + ".policies." + p.Name
			}
		}
	}
	for _, r := range t.network.IAM.Roles {
		for _, p := range r.Policies {
			if p.Document == d {
				return "iam.roles." + r.Name + ".policies." + p.Name
			}
		}
	}
	for _, v := range t.network.VPCs {
		for _, e := range v.Endpoints {
			if e.Policy != nil && e.Policy.Document == d {
				return "vpcs." + v.Name + ".endpoints." + e.Name + ".policy"
			}
		}
	}
	return ""
}
