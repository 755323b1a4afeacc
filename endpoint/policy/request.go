package policy

import "strings"

// Request is what policies judge.
type Request struct {
	// Principal is who asks: the ARN of a user, of an account's root or of a role's session, or the name of an AWS service
	// (logging.s3.amazonaws.com). "" is an anonymous request.
	Principal string
	// Role is the ARN of the role that a session (arn:aws:sts::…:assumed-role/…) is of, with its path. "" otherwise.
	Role string
	// CanonicalUser is the canonical user id of the principal's account, "" if it has none.
	CanonicalUser string
	// Action is what is asked for: "s3:GetObject".
	Action string
	// Resource is the ARN of what it is asked of: "arn:aws:s3:::bucket/key".
	Resource string
	// Context has the request's condition keys. What is not in it is absent, as aws:SourceIp is of a request that came through
	// an endpoint (aws-semantics 3.6).
	Context Context
}

// Context is condition keys and their values. AWS reads keys without regard to case, so they are kept in lower case, as http.Header
// keeps its keys in a form of its own: write with Set, not by index. A key without values is as one that is not there.
type Context map[string][]string

// Set gives a key its values, in place of those it had.
func (c Context) Set(key string, values ...string) { c[strings.ToLower(key)] = values }

// Get returns a key's values, and whether it is there.
func (c Context) Get(key string) ([]string, bool) {
	values, ok := c[strings.ToLower(key)]
	return values, ok
}

// Account returns the account of a principal by its ARN, "" if it has none.
func Account(principal string) string {
	if !strings.HasPrefix(principal, "arn:") {
		return ""
	}
	for range 4 {
		_, rest, ok := strings.Cut(principal, ":")
		if !ok {
			return ""
		}
		principal = rest
	}
	account, _, ok := strings.Cut(principal, ":")
	if !ok {
		return ""
	}
	return account
}
