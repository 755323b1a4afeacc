package s3

// Who may do what. A request is judged by the policies of who asks, of the endpoint it came through and of the bucket
// (aws-semantics 3.7), each time anew and each time with the policies of that moment, so that a change of one acts on the next request
// of an open connection. The judgement itself is endpoint/policy's; here is what it is asked: whose policies, which actions on what, and
// what the request carries.

import (
	"cmp"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"vpcsim/endpoint"
	"vpcsim/endpoint/policy"
)

// Access is everything that decides whether a request is allowed. [Authoriser.Judge] takes one that nobody made, too.
type Access struct {
	Principal Principal
	Origin    endpoint.Origin
	Peer      netip.Addr // the address that S3 sees
	Secure    bool       // by TLS
	Bucket    string
	Key       string
	Region    string // of the S3 that was reached
	Now       time.Time
	// Conditions are the condition keys of the request itself, for example s3:prefix.
	Conditions policy.Context
	// Given are the condition keys that a made-up request has, in place of those that follow from all else.
	Given policy.Context
}

// Permission is one action that a request needs, and on what.
type Permission struct {
	Action   string // s3:GetObject
	Resource string // arn:aws:s3:::bucket/key
	Bucket   string // whose policy has a say; empty if none has
}

// Judgement is what became of a permission: the question as the policies were asked it, the policies, and their verdict.
type Judgement struct {
	Permission Permission
	Request    policy.Request
	Policies   policy.Policies
	Verdict    policy.Verdict
	// Open says that the bucket has no policy and that the lab has no users or roles: then everybody may do everything, which
	// is the simulator's own and not AWS's.
	Open bool
}

// Authoriser judges requests, those of a [Service] or made-up ones.
type Authoriser struct {
	buckets    *buckets
	identities *atomic.Pointer[identities]
	endpoints  atomic.Pointer[map[string]*policy.Document] // by id
	open       *policy.Document                            // what stands for the policy of a bucket in an open lab
	full       *policy.Document                            // that of an endpoint which has none of its own
}

// openPolicy is the policy of a bucket without one where there are neither users nor roles.
const openPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"NobodyInTheLabHasKeys","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`

func newAuthoriser(b *buckets, who *atomic.Pointer[identities]) (*Authoriser, error) {
	open, err := policy.Parse([]byte(openPolicy))
	a := &Authoriser{buckets: b, identities: who, open: open, full: policy.FullAccess()}
	a.endpoints.Store(&map[string]*policy.Document{})
	return a, err
}

// NewAuthoriser makes the authoriser of an S3 that does not run: of what a configuration says of buckets and of who may ask, and of the
// policies of endpoints by their ids.
func NewAuthoriser(cfg Config, endpoints map[string]*policy.Document) (*Authoriser, error) {
	table, who := &buckets{byName: map[string]*bucket{}}, new(atomic.Pointer[identities])
	who.Store(newIdentities(cfg.Account, cfg.Users, cfg.Roles))
	for _, b := range cfg.Buckets {
		table.add(b.Name, cmp.Or(b.Region, cfg.Region))
		if err := table.setPolicy(b.Name, b.Policy); err != nil {
			return nil, err
		}
	}
	a, err := newAuthoriser(table, who)
	if err == nil {
		a.endpoints.Store(&endpoints)
	}
	return a, err
}

// Authoriser returns the one that judges the service's requests, as its policies are at each moment.
func (s *Service) Authoriser() *Authoriser { return s.authoriser }

// Region returns the region of a bucket; false if there is no such bucket.
func (a *Authoriser) Region(bucket string) (string, bool) {
	b := a.buckets.find(bucket)
	if b == nil {
		return "", false
	}
	return b.region, true
}

// Principal returns the user or the role with an ARN, the role by a session of the given name; false if there is none.
func (a *Authoriser) Principal(arn, session string, now time.Time) (Principal, bool) {
	who := a.identities.Load()
	for _, u := range who.all {
		if u.ARN == arn {
			return Principal{ARN: arn, User: u, Policies: u.Policies}, true
		}
	}
	for _, r := range who.roles {
		if r.ARN == arn || r.Name == arn {
			return who.session(r, session, now), true
		}
	}
	return Principal{}, false
}

// Judge decides about everything that an operation of S3's API needs, by its name. It reports false if there is no such operation. The
// access is as if it had just been asked, with the headers that its given conditions are of.
func (a *Authoriser) Judge(x *Access, operation string) (all []Judgement, ok bool) {
	op, ok := policy.FindOperation(operation)
	if !ok {
		return nil, false
	}
	for _, p := range permissions(op, x.asked()) {
		all = append(all, a.judge(x, p))
	}
	return all, true
}

// asked is what the given conditions of a made-up request say of its headers.
func (x *Access) asked() asked {
	given := func(key string) string { values, _ := x.Given.Get(key); return cmp.Or(values...) }
	return asked{
		bucket: x.Bucket, key: x.Key, version: given("s3:VersionId") != "", source: given("s3:x-amz-copy-source"),
		has: func(header string) bool {
			return given(cmp.Or(conditionHeader[http.CanonicalHeaderKey(header)], permissionHeader[header])) != ""
		},
	}
}

// judge decides about one permission. The answer holds for this moment.
func (a *Authoriser) judge(x *Access, p Permission) Judgement {
	j := Judgement{Permission: p, Policies: policy.Policies{Identity: x.Principal.Policies}}
	who := a.identities.Load()
	if x.Origin != (endpoint.Origin{}) {
		j.Policies.Endpoint = (*a.endpoints.Load())[x.Origin.Endpoint]
		if j.Policies.Endpoint == nil {
			j.Policies.Endpoint = a.full
		}
	}
	if b := a.buckets.find(p.Bucket); b != nil {
		j.Policies.Bucket, j.Policies.Owner = b.policy, who.account
	}
	if j.Policies.Bucket == nil && who.nobody() {
		j.Policies.Bucket, j.Open = a.open, true
	}
	j.Request = policy.Request{
		Principal: x.Principal.ARN, Action: p.Action, Resource: p.Resource, Context: a.context(x, who, p),
	}
	if x.Principal.Role != nil {
		j.Request.Role = x.Principal.Role.ARN
	}
	j.Verdict = policy.Authorize(&j.Policies, &j.Request)
	return j
}

// nobody says whether there is nobody with keys.
func (i *identities) nobody() bool { return len(i.all) == 0 && len(i.roles) == 0 }

// asked is what of a request decides which actions its operation needs.
type asked struct {
	bucket, key string
	version     bool                     // it names a version
	source      string                   // BUCKET/KEY to copy from
	has         func(header string) bool // whether it has a header
}

// permissions lists what an operation needs.
func permissions(op policy.Operation, q asked) []Permission {
	needed := func(action, versionAction string, version bool, bucket, key string) Permission {
		if version && versionAction != "" {
			action = versionAction
		}
		return Permission{action, op.Resource.ARN(bucket, key), bucket}
	}
	all := []Permission{needed(op.Action, op.VersionAction, q.version, q.bucket, q.key)}
	for _, more := range op.More {
		switch {
		case more.Header != "" && !q.has(more.Header):
		case more.OfSource:
			bucket, key := splitPath(q.source)
			all = append(all, needed(more.Action, "", false, bucket, key))
		default:
			all = append(all, needed(more.Action, more.VersionAction, q.version, q.bucket, q.key))
		}
	}
	return all
}
