package policy

import "fmt"

// Policies are all that have a say in a request to S3.
type Policies struct {
	// Identity are the policies of the user or role that asks.
	Identity []*Document
	// Endpoint is the policy of the endpoint that the request came through: [FullAccess] if nobody wrote one, nil if it came
	// through none.
	Endpoint *Document
	// Bucket is the policy of the bucket, nil if it has none or if the request is of no bucket.
	Bucket *Document
	// Owner is the account that owns the bucket, "" if the request is of no bucket that is there.
	Owner string
}

// Verdict is the answer to a request.
type Verdict struct {
	Allowed bool
	// Explicit says that a statement denied the request, rather than none allowed it.
	Explicit bool
	// By is the kind of policy that denied the request, or that allowed it, which an endpoint's never does alone.
	By Kind
	// Document and Statement are the statement that did, nil and -1 if it was none.
	Document  *Document
	Statement int
	// Message is the text of S3's error AccessDenied, "" if the request is allowed.
	Message string
}

// Authorize combines the policies as S3 does (aws-semantics 3.7): a Deny anywhere denies; the endpoint's policy must allow; and so must
// the identity's or the bucket's for a principal of the bucket's own account, both for one of another account, the bucket's for an
// anonymous request. It allocates nothing if the request is allowed.
//
// Two things follow from what AWS says of accounts. An account's root needs no identity-based policy. And a bucket policy that
// allows an account leaves it to the account to allow its users and roles (IAM: reference_policies_elements_principal).
func Authorize(p *Policies, r *Request) Verdict {
	v := p.decide(r)
	if !v.Allowed {
		v.Message = p.message(v, r)
	}
	return v
}

func (p *Policies) decide(r *Request) Verdict {
	endpoint, bucket, identity := silent(), silent(), silent()
	if p.Endpoint != nil {
		if endpoint = p.Endpoint.opinion(r); endpoint.decision == Denied {
			return endpoint.verdict(Endpoint)
		}
	}
	if p.Bucket != nil {
		if bucket = p.Bucket.opinion(r); bucket.decision == Denied && p.ownersWayBack(r) {
			bucket = silent()
		}
	}
	for _, d := range p.Identity {
		if o := d.opinion(r); o.decision > identity.decision {
			identity = o
		}
	}
	switch {
	case bucket.decision == Denied:
		return bucket.verdict(Bucket)
	case identity.decision == Denied:
		return identity.verdict(Identity)
	case p.Endpoint != nil && endpoint.decision != Allowed:
		return silent().verdict(Endpoint)
	}
	return p.combine(r, bucket, identity)
}

// combine decides where nothing denies and the endpoint, if there is one, allows.
func (p *Policies) combine(r *Request, bucket, identity opinion) Verdict {
	identityAllows := identity.decision == Allowed || isRoot(r.Principal)
	account := Account(r.Principal)
	switch {
	case account == "": // anonymous, or a service: nobody's user
		return bucket.verdict(Bucket)
	case p.Owner != "" && account != p.Owner:
		if !identityAllows {
			return silent().verdict(Identity)
		}
		return bucket.verdict(Bucket)
	case bucket.decision == Allowed && bucket.grant == directly && !identityAllows:
		return bucket.verdict(Bucket)
	case identityAllows && identity.decision != Allowed:
		return Verdict{Allowed: true, By: Identity, Statement: -1}
	default:
		return identity.verdict(Identity)
	}
}

// ownersWayBack reports whether the bucket policy's Deny does not count: the root of the owner's account can always read, replace
// and delete the policy, so that nobody is locked out for good (S3: API_PutBucketPolicy).
func (p *Policies) ownersWayBack(r *Request) bool {
	if !isRoot(r.Principal) || p.Owner == "" || Account(r.Principal) != p.Owner {
		return false
	}
	switch r.Action {
	case "s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy":
		return true
	}
	return false
}

// opinion is what one document says, on the way to a verdict.
type opinion struct {
	document  *Document
	decision  Decision
	statement int
	grant     grant
}

// silent is the opinion of a document that says nothing of a request.
func silent() opinion { return opinion{statement: -1} }

func (d *Document) opinion(r *Request) opinion {
	result, granted := d.evaluate(r)
	if result.Decision == NoMatch {
		return silent()
	}
	return opinion{document: d, decision: result.Decision, statement: result.Statement, grant: granted}
}

func (o opinion) verdict(by Kind) Verdict {
	return Verdict{Allowed: o.decision == Allowed, Explicit: o.decision == Denied, By: by, Document: o.document, Statement: o.statement}
}

// message is what S3 says of a denial: who, what, and which kind of policy, to principals of the bucket's own account; to others
// nothing but "Access Denied" (S3: troubleshoot-403-errors).
func (p *Policies) message(v Verdict, r *Request) string {
	account := Account(r.Principal)
	if account == "" || p.Owner != "" && account != p.Owner {
		return "Access Denied"
	}
	because := fmt.Sprintf("because no %s allows the %s action", v.By, r.Action)
	if v.Explicit {
		article := "a"
		if v.By == Identity {
			article = "an"
		}
		because = fmt.Sprintf("with an explicit deny in %s %s", article, v.By)
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: \"%s\" %s", r.Principal, r.Action, r.Resource, because)
}

// FullAccessText is the policy of an endpoint that was created without one: everybody may do everything (aws-semantics 3.7).
const FullAccessText = `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`

// FullAccess returns [FullAccessText], read.
func FullAccess() *Document {
	d, err := ParseEndpoint([]byte(FullAccessText))
	if err != nil {
		panic("policy: the default endpoint policy: " + err.Error())
	}
	return d
}
