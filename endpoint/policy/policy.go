// Package policy is the IAM policy language: documents are read and checked, requests are judged by them, and the judgement can be
// explained statement by statement.
//
//	endpointPolicy, err := policy.ParseEndpoint(text)
//	...
//	verdict := policy.Authorize(policies, request) // identity, endpoint and bucket policy together, as S3 does
//
// A document is compiled when it is read, so that judging a request allocates nothing. Nothing here does I/O, keeps state or asks
// a clock: everything a decision depends on is in the documents and in the [Request]. What the language means is in docs/policies.md
// of this module, with AWS's page for every rule (aws-semantics 3.6, 3.7).
package policy

// Kind is what a document is attached to. AWS has different rules for each, and names the kind in its messages of denial.
type Kind uint8

const (
	// Identity policies are attached to a user or role: no Principal.
	Identity Kind = iota
	// Endpoint policies are attached to a VPC endpoint and filter what passes it.
	Endpoint
	// Bucket policies are attached to a bucket: AWS calls them resource-based.
	Bucket
)

// String returns the kind as AWS's messages of denial have it.
func (k Kind) String() string {
	return [...]string{"identity-based policy", "VPC endpoint policy", "resource-based policy"}[k]
}

// Effect is what a statement does to the requests that it matches.
type Effect bool

// A statement's effect.
const (
	Deny  Effect = false
	Allow Effect = true
)

func (e Effect) String() string {
	if e == Allow {
		return "Allow"
	}
	return "Deny"
}

// Document is a policy, compiled. It does not change, so any number of goroutines may use it.
type Document struct {
	// ID is the element Id, "" if there is none.
	ID string
	// Version is the version of the language: "2012-10-17", or "2008-10-17", which is also what an absent Version means and
	// which has no policy variables.
	Version string
	// Warnings are what AWS accepts but can hardly be meant, and what is accepted but cannot match here.
	Warnings []Problem

	statements []statement
}

// Parse reads a document by the rules that hold for all kinds of policies. The error is [Problems]: all of them, not just the first.
func Parse(text []byte) (*Document, error) { return parse(text, rules{}) }

// ParseIdentity reads a policy of a user or role: neither Id nor Principal, statement ids of letters and digits, at most 10,240
// characters without white space (IAM: reference_policies_grammar).
func ParseIdentity(text []byte) (*Document, error) {
	return parse(text, rules{kind: Identity, strict: true})
}

// ParseEndpoint reads a policy of a gateway endpoint: each statement has a Principal, and at most 20,480 characters (aws-semantics 3.1, 3.7).
func ParseEndpoint(text []byte) (*Document, error) {
	return parse(text, rules{kind: Endpoint, strict: true})
}

// ParseBucket reads the policy of a bucket: each statement has a Principal, only S3's own actions, only resources that can be this
// bucket or objects in it, and at most 20 KB (S3: example-bucket-policies).
func ParseBucket(bucket string, text []byte) (*Document, error) {
	return parse(text, rules{kind: Bucket, strict: true, bucket: bucket})
}
