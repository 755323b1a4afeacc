package policy

import (
	"slices"
	"strings"
)

// principals are the elements Principal and NotPrincipal.
type principals struct {
	element
	everyone  bool
	accounts  []string // account ids
	arns      []string // users, roles, sessions
	services  []string // logging.s3.amazonaws.com
	canonical []string // canonical user ids
	rootOnly  bool     // an account means its root only, as in endpoint policies (aws-semantics 3.7)
}

// grant is how a statement's principal matches a request's.
type grant uint8

const (
	noGrant grant = iota
	// throughAccount: the request's account is named. An Allow for it is a delegation: the account must allow its users and roles
	// itself (IAM: reference_policies_elements_principal).
	throughAccount
	directly
)

// match returns how the request's principal matches; a statement without the element, as those of identity policies, is about
// whoever it is attached to.
func (p *principals) match(effect Effect, r *Request) grant {
	switch {
	case !p.there:
		return directly
	case !p.not:
		return p.names(r)
	case p.excepts(effect, r):
		return noGrant
	default:
		return directly
	}
}

// names returns how the request's principal is in the list.
func (p *principals) names(r *Request) grant {
	if p.everyone {
		return directly
	}
	if r.Principal == "" {
		return noGrant
	}
	if slices.Contains(p.arns, r.Principal) || r.Role != "" && slices.Contains(p.arns, r.Role) ||
		r.CanonicalUser != "" && slices.Contains(p.canonical, r.CanonicalUser) || slices.Contains(p.services, r.Principal) {
		return directly
	}
	if len(p.accounts) == 0 {
		return noGrant
	}
	account := Account(r.Principal)
	if account == "" || !slices.Contains(p.accounts, account) {
		return noGrant
	}
	switch {
	case isRoot(r.Principal):
		return directly
	case p.rootOnly:
		return noGrant
	default:
		return throughAccount
	}
}

// excepts reports whether a NotPrincipal leaves the request's principal out. AWS looks at the account, the role and the session of
// who asks: a Deny spares only those of whom all are listed, and an Allow, to be careful, only reaches those of whom none is (IAM:
// reference_policies_elements_notprincipal).
func (p *principals) excepts(effect Effect, r *Request) bool {
	if p.everyone {
		return true
	}
	if r.Principal == "" {
		return false
	}
	account := Account(r.Principal)
	if account == "" {
		return slices.Contains(p.services, r.Principal)
	}
	if r.CanonicalUser != "" && slices.Contains(p.canonical, r.CanonicalUser) {
		return true
	}
	byAccount := slices.Contains(p.accounts, account)
	self := isRoot(r.Principal) && byAccount || slices.Contains(p.arns, r.Principal)
	role := r.Role != "" && slices.Contains(p.arns, r.Role)
	if effect == Allow {
		return byAccount || self || role
	}
	return byAccount && self && (r.Role == "" || role)
}

// isRoot reports whether a principal is the root of an account.
func isRoot(principal string) bool { return strings.HasSuffix(principal, ":root") }

// principal reads Principal or NotPrincipal.
func (rd *reading) principal(at place, elements map[string]field) principals {
	p := principals{rootOnly: rd.rules.strict && rd.rules.kind == Endpoint}
	f, ok := elements["Principal"]
	g, not := elements["NotPrincipal"]
	name := "Principal"
	switch {
	case ok && not:
		rd.wrong(place{at.path + ".NotPrincipal", g.at}, "is there besides Principal; write one of them")
		return p
	case not:
		f, name = g, "NotPrincipal"
	case !ok:
		if rd.rules.principalled() {
			rd.wrong(at, `has no Principal, which a %s needs; write "Principal": "*"`, rd.rules.kind)
		}
		return p
	}
	here := place{at.path + "." + name, f.at}
	p.element = rd.element(here, not)
	if rd.rules.strict && rd.rules.kind == Identity {
		rd.wrong(here, "an identity-based policy is about whom it is attached to; leave %s out", name)
		return p
	}
	rd.principalMap(here, f.value, &p)
	if effect, ok := elements["Effect"]; not && ok && effect.value.text == "Allow" {
		rd.warn(here, "with Allow lets in everybody else, anonymous requests too; name whom to allow with Principal")
	}
	if p.rootOnly && (!p.everyone || not) {
		rd.warn(here, `a gateway endpoint's policy takes only "*"; restrict who may use it with the condition key aws:PrincipalArn`)
	}
	return p
}

// principalMap reads "*" or {"AWS": …, "Service": …}.
func (rd *reading) principalMap(at place, n node, p *principals) {
	switch {
	case n.kind == stringNode && n.text == "*":
		p.everyone = true
		return
	case n.kind != objectNode:
		rd.wrong(at.of(n), `write "*", or {"AWS": "arn:aws:iam::ACCOUNT:user/NAME"}`)
		return
	case len(n.fields) == 0:
		rd.warn(at.of(n), "names nobody")
	}
	elements := rd.elements(at, n, "AWS", "Service", "CanonicalUser", "Federated")
	for _, f := range n.fields {
		if elements[f.name].at != f.at {
			continue // unknown, or there twice
		}
		rd.strings(place{at.path + "." + f.name, f.at}, f.value, func(at place, text string) {
			switch f.name {
			case "AWS":
				rd.awsPrincipal(at, text, p)
			case "Service":
				rd.service(at, text, p)
			case "CanonicalUser":
				p.canonical = append(p.canonical, text)
			default:
				rd.warn(at, "federated sessions do not exist here, so that this matches nobody")
			}
		})
	}
}

func (rd *reading) service(at place, text string, p *principals) {
	if text == "*" || !strings.Contains(text, ".") {
		rd.wrong(at, `%q is no service; write its name, as "logging.s3.amazonaws.com"`, text)
	}
	p.services = append(p.services, text)
}

// awsPrincipal reads an account, a user, a role, a role's session or "*".
func (rd *reading) awsPrincipal(at place, text string, p *principals) {
	account := Account(text)
	switch {
	case text == "*":
		p.everyone = true
	case isAccount(text):
		p.accounts = append(p.accounts, text)
	case strings.ContainsAny(text, "*?"):
		rd.wrong(at, `%q: a principal has no wildcards; write "*" for everybody and restrict it with the condition key aws:PrincipalArn`, text)
	case account == "" && !isUniqueID(text), account != "" && !isPrincipalARN(text):
		rd.wrong(at, `%q is no principal; write an account's id of 12 digits or the ARN of an account's root, a user, a role or a session`, text)
	case account == "":
		rd.warn(at, "%q stands for a user or role that was deleted, so that it matches nobody", text)
	case isRoot(text):
		p.accounts = append(p.accounts, account)
	default:
		p.arns = append(p.arns, text)
	}
}

func isAccount(text string) bool { return len(text) == 12 && strings.Trim(text, "0123456789") == "" }

// isUniqueID reports whether the text is the unique id of a user or role, which AWS puts in place of the ARN of a deleted one.
func isUniqueID(text string) bool {
	return len(text) > 16 && (strings.HasPrefix(text, "AIDA") || strings.HasPrefix(text, "AROA"))
}

// isPrincipalARN reports whether the text is the ARN of an account's root, a user, a role or a session.
func isPrincipalARN(text string) bool {
	parts := strings.SplitN(text, ":", arnComponents)
	if len(parts) != arnComponents || parts[3] != "" {
		return false
	}
	name := parts[5]
	for _, prefix := range []string{"user/", "role/", "assumed-role/", "federated-user/"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			return (parts[2] == "iam") == (prefix == "user/" || prefix == "role/")
		}
	}
	return name == "root" && parts[2] == "iam"
}
