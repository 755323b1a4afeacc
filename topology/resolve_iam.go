package topology

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"vpcsim/endpoint/policy"
)

// defaultAccount is the number that AWS's own examples have.
const defaultAccount = "123456789012"

var (
	accountID   = regexp.MustCompile(`^[0-9]{12}$`)
	identity64  = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,64}$`)  // IAM User Guide, "IAM and AWS STS quotas": names
	policyName  = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,128}$`) // the same
	accessKeyID = regexp.MustCompile(`^[A-Za-z0-9_]{16,128}$`)      // IAM API Reference, AccessKey
)

// iam resolves the account's users and roles.
func (r *resolver) iam() {
	spec := r.spec.IAM
	r.net.IAM = &IAM{Account: cmp.Or(spec.Account, defaultAccount)}
	if !accountID.MatchString(r.net.IAM.Account) {
		r.errorf("iam.account", "%s is not an account's id: 12 digits, in quotes if the first is 0", shown(spec.Account))
	}
	keys := map[string]string{} // id of an access key -> its path
	for _, name := range sortedKeys(spec.Users) {
		at, u := join("iam.users", name), spec.Users[name]
		r.identityName(at, name)
		user := &User{Name: name, ID: uniqueID("AIDA", name), ARN: r.iamARN("user", name), Policies: r.identityPolicies(at, u.Policies), Tags: r.tags(at, u.Tags)}
		if len(u.AccessKeys) > 2 {
			r.errorf(join(at, "access_keys"), "%d keys; a user has at most 2", len(u.AccessKeys))
		}
		for i, k := range u.AccessKeys {
			user.AccessKeys = append(user.AccessKeys, r.accessKey(item(join(at, "access_keys"), i), k, keys))
		}
		r.net.IAM.Users = append(r.net.IAM.Users, user)
	}
	for _, name := range sortedKeys(spec.Roles) {
		at := join("iam.roles", name)
		r.identityName(at, name)
		r.net.IAM.Roles = append(r.net.IAM.Roles, &Role{
			Name: name, ID: uniqueID("AROA", name), ARN: r.iamARN("role", name),
			Policies: r.identityPolicies(at, spec.Roles[name].Policies), Tags: r.tags(at, spec.Roles[name].Tags),
		})
	}
}

func (r *resolver) iamARN(kind, name string) string {
	return "arn:aws:iam::" + r.net.IAM.Account + ":" + kind + "/" + name
}

// uniqueID is the id that IAM gives a user or role beside its name, here always the same for one name.
func uniqueID(prefix, name string) string {
	sum := sha256.Sum256([]byte(prefix + "\x00" + name))
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

func (r *resolver) identityName(at, name string) {
	if !identity64.MatchString(name) {
		r.errorf(at, "%s is not a name of IAM: up to 64 letters, digits and +=,.@_-", shown(name))
	}
}

// tags judges the tags of a user or role. Policies do not tell keys apart that differ in case only.
func (r *resolver) tags(at string, tags map[string]string) map[string]string {
	seen := map[string]string{}
	for _, key := range sortedKeys(tags) {
		lower := strings.ToLower(key)
		switch before, there := seen[lower]; {
		case key == "" || len([]rune(key)) > 128 || len([]rune(tags[key])) > 256:
			r.errorf(join(at, "tags"), "%s: a key of a tag has 1 to 128 characters, its value at most 256", shown(key))
		case strings.HasPrefix(lower, "aws:"):
			r.errorf(join(join(at, "tags"), key), "keys that begin with aws: are AWS's own")
		case there:
			r.errorf(join(join(at, "tags"), key), "differs from %s in case only, and policies do not tell them apart", before)
		}
		seen[lower] = key
	}
	return tags
}

func (r *resolver) accessKey(at string, k AccessKeySpec, taken map[string]string) AccessKey {
	switch before := taken[k.ID]; {
	case !accessKeyID.MatchString(k.ID):
		r.errorf(join(at, "id"), "%s is not an access key id: 16 to 128 letters and digits", shown(k.ID))
	case strings.HasPrefix(k.ID, "ASIA"):
		r.errorf(join(at, "id"), "%s begins as the ids of temporary credentials do; a user's begin with AKIA", shown(k.ID))
	case before != "":
		r.errorf(join(at, "id"), "%s is the id of %s, too", shown(k.ID), r.place(before))
	default:
		taken[k.ID] = at
	}
	if k.Secret == "" {
		r.errorf(join(at, "secret"), "missing")
	}
	return AccessKey(k)
}

// identityPolicies reads the inline policies of a user or role.
func (r *resolver) identityPolicies(at string, specs map[string]any) (all []*Policy) {
	for _, name := range sortedKeys(specs) {
		path := join(join(at, "policies"), name)
		if !policyName.MatchString(name) {
			r.errorf(path, "%s is not a name of a policy: up to 128 letters, digits and +=,.@_-", shown(name))
		}
		if p := r.policy(path, name, specs[name], policy.ParseIdentity); p != nil {
			all = append(all, p)
		}
	}
	return all
}

// policy reads a policy document, written as YAML or as text in JSON; nil if there is none.
func (r *resolver) policy(path, name string, written any, parse func([]byte) (*policy.Document, error)) *Policy {
	if written == nil {
		return nil
	}
	text, isText := written.(string)
	if !isText {
		encoded, err := json.MarshalIndent(written, "", "  ")
		if err != nil {
			r.errorf(path, "cannot be written in JSON: %s", err)
			return nil
		}
		text = string(encoded)
	}
	document, err := parse([]byte(text))
	var problems policy.Problems
	switch {
	case err == nil:
		return &Policy{Name: name, Text: text, Document: document}
	case errors.As(err, &problems):
		for _, p := range problems {
			r.policyProblem(path, p, isText)
		}
	default:
		r.errorf(path, "%s", err)
	}
	return nil
}

// policyProblem tells a problem of a document by its place in the file. In a text the parser knows the line, counted from the text's own
// first.
func (r *resolver) policyProblem(path string, p policy.Problem, isText bool) {
	at := path
	if p.Path != "" {
		at += "." + p.Path
	}
	if isText {
		r.errorf(at, "%s (line %d, column %d of the policy)", p.Text, p.Line, p.Column)
		return
	}
	r.errorf(at, "%s", p.Text)
}
