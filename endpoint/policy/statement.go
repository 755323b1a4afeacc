package policy

import (
	"slices"
	"strings"
)

// statement is one statement, compiled. It matches a request if its principal, its action, its resource and all of its conditions do.
type statement struct {
	element    // where it is
	sid        string
	sidAt      place
	effect     Effect
	principal  principals
	action     actions
	resource   resources
	conditions []condition
}

// actions are the elements Action and NotAction.
type actions struct {
	element
	patterns []pattern
	of       []bool // for each of s3Actions whether a pattern is of it
}

// resources are the elements Resource and NotResource.
type resources struct {
	element
	patterns []arnPattern
}

// element is where an element of the document is and what its name says.
type element struct {
	there        bool
	not          bool // NotAction, NotResource, NotPrincipal
	path         string
	line, column int
}

// match reports whether one of the actions is the request's; their case does not matter (IAM: reference_policies_elements_action).
func (a *actions) match(q *question) bool {
	if q.action >= 0 {
		return a.of[q.action] != a.not
	}
	return a.contain(q.Action) != a.not
}

func (a *actions) contain(name string) bool {
	for i := range a.patterns {
		if a.patterns[i].match(name, nil) { // an action has no variables to ask a request for
			return true
		}
	}
	return false
}

func (a *resources) match(r *Request) bool {
	for i := range a.patterns {
		if a.patterns[i].match(r.Resource, r) {
			return !a.not
		}
	}
	return a.not
}

// statement reads one statement.
func (rd *reading) statement(at place, n node) statement {
	at = at.of(n)
	s := statement{element: rd.element(at, false)}
	if n.kind != objectNode {
		rd.wrong(at, "is %s; write a statement, {\"Effect\": …}", n.kind)
		return s
	}
	elements := rd.elements(at, n, "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
	if f, ok := elements["Sid"]; ok {
		s.sidAt = place{at.path + ".Sid", f.value.at}
		s.sid = rd.string(s.sidAt, f.value)
	}
	s.effect = rd.effect(at, elements)
	s.principal = rd.principal(at, elements)
	s.action.element = rd.either(at, elements, "Action", "NotAction", true, func(at place, text string) {
		s.action.patterns = append(s.action.patterns, rd.action(at, text))
	})
	s.action.of = make([]bool, len(s3Actions))
	for i, a := range s3Actions {
		s.action.of[i] = s.action.contain("s3:" + a.name)
	}
	// A resource-based policy of some services may do without, as its resource is the only one; one of a bucket may not.
	s.resource.element = rd.either(at, elements, "Resource", "NotResource", true, func(at place, text string) {
		s.resource.patterns = append(s.resource.patterns, rd.resource(at, text))
	})
	if f, ok := elements["Condition"]; ok {
		s.conditions = rd.conditions(place{at.path + ".Condition", f.at}, f.value)
	}
	if rd.rules.strict && rd.rules.kind == Bucket {
		rd.suits(at, elements)
	}
	return s
}

func (rd *reading) effect(at place, elements map[string]field) Effect {
	f, ok := elements["Effect"]
	if !ok {
		rd.wrong(at, `has no Effect; write "Effect": "Allow" or "Effect": "Deny"`)
		return Deny
	}
	at = place{at.path + ".Effect", f.value.at}
	switch text := rd.string(at, f.value); {
	case text == "Allow":
		return Allow
	case text != "Deny" && f.value.kind == stringNode:
		rd.wrong(at, `%q is no effect; write "Allow" or "Deny"`, text)
	}
	return Deny
}

// either reads one of two elements that exclude each other.
func (rd *reading) either(at place, elements map[string]field, name, not string, needed bool, use func(place, string)) element {
	f, ok := elements[name]
	g, negated := elements[not]
	switch {
	case ok && negated:
		rd.wrong(place{at.path + "." + not, g.at}, "is there besides %s; write one of them", name)
		return element{}
	case !ok && !negated && needed:
		rd.wrong(at, "has neither %s nor %s; write one of them", name, not)
		return element{}
	case negated:
		f, name = g, not
	}
	here := place{at.path + "." + name, f.at}
	rd.strings(here, f.value, use)
	return rd.element(here, negated)
}

func (rd *reading) element(at place, not bool) element {
	line, column := position(rd.text, at.at)
	return element{there: true, not: not, path: strings.TrimPrefix(at.path, "."), line: line, column: column}
}

// action reads "*" or "service:Action", in which the action may have wildcards.
func (rd *reading) action(at place, text string) pattern {
	service, name, ok := strings.Cut(text, ":")
	switch {
	case text == "*" || text == "*:*":
	case !ok || service == "" || name == "":
		rd.wrong(at, `%q is no action; write "service:Action", as "s3:GetObject", or "*"`, text)
	case strings.Trim(service, actionLetters) != "":
		rd.wrong(at, `%q: the service before the colon has letters, digits and - only; write "s3:*" for all actions of S3`, text)
	case strings.Trim(name, actionLetters+"*?") != "":
		rd.wrong(at, "%q: an action has letters, digits, * and ? only", text)
	default:
		rd.knownAction(at, text)
	}
	p, _ := compile(text, syntax{wildcards: true, fold: true}) // without variables nothing can be wrong
	return p
}

const actionLetters = sidLetters + "-"

// resource reads "*" or an ARN, with wildcards in it and, after its fifth colon, policy variables.
func (rd *reading) resource(at place, text string) arnPattern {
	p, err := compile(text, syntax{wildcards: true, variables: rd.variables})
	if err != nil {
		rd.wrong(at, "%v", err)
		return arnPattern{}
	}
	a := newARNPattern(p)
	components := strings.SplitN(text, ":", arnComponents)
	if text == "*" {
		return a
	}
	switch {
	case components[0] != "arn" || len(components) < arnComponents && !strings.HasSuffix(text, "*"):
		rd.wrong(at, `%q is no ARN; write "arn:aws:s3:::BUCKET" for a bucket, "arn:aws:s3:::BUCKET/*" for its objects, or "*"`, text)
	case len(components) > 2 && strings.ContainsAny(components[2], "*?") && len(components) > 3:
		rd.wrong(at, "%q: the service, %q, can have no wildcard; write s3", text, components[2])
	case rd.variables && strings.Contains(strings.Join(components[:min(len(components), arnComponents-1)], ":"), "${"):
		rd.wrong(at, "%q: a policy variable may stand after the fifth colon only", text)
	default:
		rd.ofBucket(at, text)
	}
	return a
}

// ofBucket judges a resource of a bucket policy: it must be one that can be the bucket or an object in it.
func (rd *reading) ofBucket(at place, text string) {
	if !rd.rules.strict || rd.rules.kind != Bucket || rd.rules.bucket == "" {
		return
	}
	name, ok := strings.CutPrefix(text, "arn:aws:s3:::")
	name, _, _ = strings.Cut(name, "/")
	p, _ := compile(name, syntax{wildcards: true})
	if !ok || !p.match(rd.rules.bucket, &Request{}) {
		arn := BucketResource.ARN(rd.rules.bucket, "")
		rd.wrong(at, `%q is not of the bucket that has this policy; write %q for it, %q for its objects`, text, arn, arn+"/*")
	}
}

// suits judges the actions of a bucket policy's statement: each must be one that its resources can be asked for.
func (rd *reading) suits(at place, elements map[string]field) {
	action, ok := elements["Action"]
	resource, also := elements["Resource"]
	if !ok || !also {
		return
	}
	var buckets, objects bool
	quiet := &reading{text: rd.text}
	quiet.strings(at, resource.value, func(_ place, text string) {
		slash := strings.Contains(text, "/")
		buckets = buckets || !slash
		objects = objects || slash || strings.Contains(text, "*")
	})
	quiet.strings(place{at.path + ".Action", action.at}, action.value, func(at place, text string) {
		switch kind, known := actionKind(text); {
		case known && kind == BucketResource && !buckets:
			rd.wrong(at, "%s is asked of a bucket, and no resource of the statement is one; write the bucket's ARN, without /", text)
		case known && kind == ObjectResource && !objects:
			rd.wrong(at, "%s is asked of an object, and no resource of the statement is one; write the bucket's ARN with /* at its end", text)
		}
	})
}

// knownAction warns of an action that no request to S3 is for.
func (rd *reading) knownAction(at place, text string) {
	service, name, _ := strings.Cut(text, ":")
	if !strings.EqualFold(service, "s3") {
		if rd.rules.strict && rd.rules.kind == Bucket {
			rd.wrong(at, "%q is no action of S3; a bucket policy has none of other services", text)
		}
		return
	}
	p, _ := compile(name, syntax{wildcards: true, fold: true})
	if !slices.ContainsFunc(s3Actions, func(a s3Action) bool { return p.match(a.name, &Request{}) }) {
		rd.warn(at, "%q matches no action of S3", text)
	}
}
