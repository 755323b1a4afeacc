package awsimport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"vpcsim/endpoint/policy"
	"vpcsim/topology"
)

// bucketPolicy is what get-bucket-policy printed: a document as text.
type bucketPolicy struct {
	at   Place
	text string
}

// nobody ends the warnings about principals: a dump has neither users nor roles.
const nobody = "; the dump has no users and roles, so every request is anonymous: add them to the file (iam)"

// endpointPolicy is the policy of a gateway endpoint as the topology has it; nil if it allows everything.
func (m *mapper) endpointPolicy(at Place, id string, e *VpcEndpoint) any {
	if fullAccess(e.PolicyDocument) {
		return nil
	}
	if _, err := policy.ParseEndpoint([]byte(e.PolicyDocument)); err != nil {
		m.fates.approximated("VpcEndpoints", id, "its policy is left out")
		m.warn(at, id, e.Tags, "its policy is left out, and every request is allowed: "+oneLine(err))
		return nil
	}
	if aboutPrincipals(e.PolicyDocument) {
		m.fates.approximated("VpcEndpoints", id, "its policy is about users and roles")
		m.warn(at, id, e.Tags, "its policy is about users and roles"+nobody)
	}
	return tree(e.PolicyDocument)
}

// inBucket finds the bucket that a resource of a policy is or is in.
var inBucket = regexp.MustCompile(`^arn:aws[a-z-]*:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/.*)?$`)

// bucketPolicies makes a bucket, in the topology's region, of each policy that is of one.
func (m *mapper) bucketPolicies() {
	for _, p := range m.dump.bucketPolicies {
		name, why := m.bucketOf(p.text)
		if why != "" {
			m.fates.ignored("BucketPolicies", p.at.File, "left out")
			m.warn(p.at, "bucket policy", nil, "left out, and with it its bucket: "+why)
			continue
		}
		if aboutPrincipals(p.text) {
			m.fates.approximated("BucketPolicies", p.at.File, "about users and roles")
			m.warn(p.at, "policy of bucket "+name, nil, "it is about users and roles"+nobody)
		} else {
			m.fates.used("BucketPolicies", p.at.File)
		}
		if m.spec.S3.Buckets == nil {
			m.spec.S3.Buckets = map[string]topology.BucketSpec{}
		}
		m.spec.S3.Buckets[name] = topology.BucketSpec{Policy: tree(p.text)}
	}
}

// bucketOf returns the bucket that a policy is of, by its resources, or why the topology can't have it.
func (m *mapper) bucketOf(text string) (name, why string) {
	var document struct{ Statement []map[string]any }
	if json.Unmarshal([]byte(text), &document) != nil { // a single statement may stand without a list
		var one struct{ Statement map[string]any }
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			return "", err.Error()
		}
		document.Statement = []map[string]any{one.Statement}
	}
	names := map[string]bool{}
	for _, s := range document.Statement {
		for _, resource := range append(texts(s["Resource"]), texts(s["NotResource"])...) {
			if found := inBucket.FindStringSubmatch(resource); found != nil {
				names[found[1]] = true
			}
		}
	}
	if len(names) != 1 {
		return "", fmt.Sprintf("its resources name %d buckets, and it can be of one only", len(names))
	}
	name = slices.Collect(maps.Keys(names))[0]
	if _, err := policy.ParseBucket(name, []byte(text)); err != nil {
		return "", oneLine(err)
	}
	if _, twice := m.spec.S3.Buckets[name]; twice {
		return "", "bucket " + name + " has another policy already"
	}
	if !slices.ContainsFunc(m.vpcs, func(v *vpc) bool { return v.region == m.spec.Region && m.s3List(v) == "" }) {
		return "", "the addresses of S3 in " + m.spec.Region + " are not known"
	}
	return name, ""
}

// aboutPrincipals reports whether a policy tells principals apart.
func aboutPrincipals(text string) bool {
	var document any
	_ = json.Unmarshal([]byte(text), &document) // it was read before
	statements, ok := document.(map[string]any)["Statement"].([]any)
	if !ok {
		statements = []any{document.(map[string]any)["Statement"]}
	}
	return slices.ContainsFunc(statements, func(v any) bool {
		s, _ := v.(map[string]any)
		principal := s["Principal"]
		if p, ok := principal.(map[string]any); ok && len(p) == 1 {
			principal = p["AWS"]
		}
		return s["NotPrincipal"] != nil || principal != nil && !isAll(principal)
	})
}

// tree is a document as the topology's file writes one. Numbers stay as they are written.
func tree(text string) (v any) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	_ = d.Decode(&v) // it was read before
	return v
}

// texts are the texts of an element of a policy, which may be one or a list.
func texts(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			if text, ok := e.(string); ok {
				all = append(all, text)
			}
		}
	}
	return all
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// fullAccess reports whether an endpoint policy allows everything, as the one does that AWS gives an endpoint without one.
func fullAccess(policy string) bool {
	if policy == "" {
		return true
	}
	var document struct {
		Statement []struct {
			Effect                                          string
			Principal, Action, Resource                     any
			NotPrincipal, NotAction, NotResource, Condition any
		}
	}
	if json.Unmarshal([]byte(policy), &document) != nil || len(document.Statement) != 1 {
		return false
	}
	s := document.Statement[0]
	if p, ok := s.Principal.(map[string]any); ok && len(p) == 1 {
		s.Principal = p["AWS"]
	}
	return s.Effect == "Allow" && isAll(s.Principal) && isAll(s.Action) && isAll(s.Resource) &&
		s.NotPrincipal == nil && s.NotAction == nil && s.NotResource == nil && s.Condition == nil
}

// isAll reports whether an element of a policy is "*" or ["*"].
func isAll(v any) bool {
	if list, ok := v.([]any); ok && len(list) == 1 {
		v = list[0]
	}
	return v == "*"
}
