package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint/policy"
)

// The slow obvious model: it works on the JSON as it is, for each request anew, and follows the rules of docs/policies.md one by one.
// It shares nothing with the package but Request.

type gold struct {
	statements []map[string]any
	variables  bool
	endpoint   bool
}

func readGold(t *testing.T, text []byte, endpoint bool) *gold {
	var root map[string]any
	require.NoError(t, json.Unmarshal(text, &root))
	g := &gold{variables: root["Version"] == "2012-10-17", endpoint: endpoint}
	for _, s := range goldList(root["Statement"]) {
		g.statements = append(g.statements, s.(map[string]any))
	}
	return g
}

func goldList(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

// goldStrings writes numbers and booleans as they are in JSON.
func goldStrings(v any) (all []string) {
	for _, item := range goldList(v) {
		if s, ok := item.(string); ok {
			all = append(all, s)
			continue
		}
		text, _ := json.Marshal(item)
		all = append(all, string(text))
	}
	return all
}

// evaluate returns "denied", "allowed", "delegated" (allowed by naming the account) or "".
func (g *gold) evaluate(r *policy.Request) string {
	answer := ""
	for _, s := range g.statements {
		how := g.principal(s, r)
		if how == "" || !g.action(s, r) || !g.resource(s, r) || !g.condition(s, r) {
			continue
		}
		switch {
		case s["Effect"] == "Deny":
			return "denied"
		case how == "direct":
			answer = "allowed"
		case answer == "":
			answer = "delegated"
		}
	}
	return answer
}

func (g *gold) action(s map[string]any, r *policy.Request) bool {
	list, not := s["Action"], false
	if s["NotAction"] != nil {
		list, not = s["NotAction"], true
	}
	for _, a := range goldStrings(list) {
		if ok, _ := goldMatch("(?is)^"+goldWildcards(a)+"$", r.Action); ok {
			return !not
		}
	}
	return not
}

// goldMatch remembers expressions, which cost more to compile than all else here.
func goldMatch(expression, value string) (bool, error) {
	if known, ok := goldExpressions.Load(expression); ok {
		return known.(*regexp.Regexp).MatchString(value), nil
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return false, err
	}
	goldExpressions.Store(expression, compiled)
	return compiled.MatchString(value), nil
}

var goldExpressions sync.Map

func goldWildcards(text string) string {
	return strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(text))
}

func (g *gold) resource(s map[string]any, r *policy.Request) bool {
	list, not := s["Resource"], false
	if s["NotResource"] != nil {
		list, not = s["NotResource"], true
	}
	for _, a := range goldStrings(list) {
		if g.arn(a, r.Resource, r) {
			return !not
		}
	}
	return not
}

var goldVariable = regexp.MustCompile(`\$\{([*?$]|[^},]+)(?:,\s*'([^']*)')?\s*\}`)

// pattern makes a regular expression of a text, false if a variable has no value. Variables become U+E000 and the like first, so
// that what is in them is not taken for wildcards or colons.
func (g *gold) expand(text string, r *policy.Request) (string, []string, bool) {
	if !g.variables {
		return text, nil, true
	}
	var values []string
	ok := true
	text = goldVariable.ReplaceAllStringFunc(text, func(v string) string {
		m := goldVariable.FindStringSubmatch(v)
		value := m[1]
		if !strings.Contains("*?$", value) {
			all, _ := r.Context.Get(m[1])
			switch {
			case len(all) == 1:
				value = all[0]
			case strings.Contains(v, ","):
				value = m[2]
			default:
				ok = false
			}
		}
		values = append(values, value)
		return string(rune(0xE000 + len(values) - 1))
	})
	return text, values, ok
}

func goldRegexp(text string, values []string, wildcards bool) string {
	quoted := regexp.QuoteMeta(text)
	if wildcards {
		quoted = goldWildcards(text)
	}
	for i, v := range values {
		quoted = strings.ReplaceAll(quoted, string(rune(0xE000+i)), regexp.QuoteMeta(v))
	}
	return quoted
}

func (g *gold) text(text, value string, r *policy.Request, flags string, wildcards bool) bool {
	text, values, ok := g.expand(text, r)
	if !ok {
		return false
	}
	matched, err := goldMatch("(?"+flags+")^(?:"+goldRegexp(text, values, wildcards)+")$", value)
	return err == nil && matched
}

func (g *gold) arn(text, value string, r *policy.Request) bool {
	text, values, ok := g.expand(text, r)
	if !ok {
		return false
	}
	want := strings.SplitN(text, ":", 6)
	have := strings.SplitN(value, ":", len(want))
	if len(have) != len(want) {
		return false
	}
	for i := range want {
		if matched, err := goldMatch("(?s)^(?:"+goldRegexp(want[i], values, true)+")$", have[i]); err != nil || !matched {
			return false
		}
	}
	return true
}

func (g *gold) principal(s map[string]any, r *policy.Request) string {
	account := ""
	if parts := strings.Split(r.Principal, ":"); parts[0] == "arn" {
		account = parts[4]
	}
	root := strings.HasSuffix(r.Principal, ":root")
	listed := func(element any) (everyone, byAccount, self, role bool) {
		if element == "*" {
			return true, false, false, false
		}
		for kind, names := range element.(map[string]any) {
			for _, name := range goldStrings(names) {
				switch {
				case kind == "AWS" && name == "*":
					everyone = true
				case kind == "AWS" && account != "" && (name == account || strings.HasPrefix(name, "arn:") && strings.HasSuffix(name, ":"+account+":root")):
					byAccount = true
				case kind == "CanonicalUser":
					self = self || name == r.CanonicalUser && r.Principal != ""
				case kind != "Federated" && r.Principal != "" && (kind == "AWS") == (account != ""):
					self = self || name == r.Principal
					role = role || r.Role != "" && name == r.Role
				}
			}
		}
		return everyone, byAccount, self || root && byAccount, role
	}
	switch {
	case s["Principal"] != nil:
		everyone, byAccount, self, role := listed(s["Principal"])
		switch {
		case everyone, self, role:
			return "direct"
		case byAccount && !g.endpoint:
			return "delegated"
		}
		return ""
	case s["NotPrincipal"] != nil:
		everyone, byAccount, self, role := listed(s["NotPrincipal"])
		switch {
		case everyone:
			return ""
		case account == "" && self, r.CanonicalUser != "" && self:
			return ""
		case s["Effect"] == "Allow" && (byAccount || self || role):
			return ""
		case s["Effect"] == "Deny" && byAccount && self && (role || r.Role == ""):
			return ""
		}
		return "direct"
	}
	return "direct"
}

func (g *gold) condition(s map[string]any, r *policy.Request) bool {
	conditions, _ := s["Condition"].(map[string]any)
	for operator, keys := range conditions {
		for key, values := range keys.(map[string]any) {
			have, _ := r.Context.Get(key)
			if !g.holds(operator, goldStrings(values), have, r) {
				return false
			}
		}
	}
	return true
}

func (g *gold) holds(operator string, want, have []string, r *policy.Request) bool {
	base, ifExists := strings.CutSuffix(operator, "IfExists")
	if base == "Null" {
		for _, w := range want {
			if strings.EqualFold(w, "true") == (len(have) == 0) {
				return true
			}
		}
		return false
	}
	null := len(have) == 0 || len(have) == 1 && have[0] == ""
	if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		if null {
			return true
		}
		for _, h := range have {
			if !g.one(rest, want, h, r) {
				return false
			}
		}
		return true
	}
	if rest, ok := strings.CutPrefix(base, "ForAnyValue:"); ok {
		if null {
			return false
		}
		for _, h := range have {
			if g.one(rest, want, h, r) {
				return true
			}
		}
		return false
	}
	negated := strings.Contains(base, "Not")
	if len(have) == 0 {
		return negated || ifExists
	}
	for _, h := range have {
		if g.one(base, want, h, r) == !negated {
			return !negated
		}
	}
	return negated
}

// one compares one value of the request.
func (g *gold) one(operator string, want []string, have string, r *policy.Request) bool {
	positive := strings.Replace(operator, "Not", "", 1)
	for _, w := range want {
		if g.compare(positive, w, have, r) {
			return positive == operator
		}
	}
	return positive != operator
}

func (g *gold) compare(operator, want, have string, r *policy.Request) bool {
	switch operator {
	case "StringEquals":
		return g.text(want, have, r, "s", false)
	case "StringEqualsIgnoreCase", "Bool":
		return g.text(want, have, r, "si", false)
	case "StringLike":
		return g.text(want, have, r, "s", true)
	case "ArnEquals", "ArnLike":
		return g.arn(want, have, r)
	case "BinaryEquals":
		b, err := base64.StdEncoding.DecodeString(want)
		return err == nil && string(b) == have
	case "IpAddress":
		return goldInRange(want, have)
	}
	order, ok := 0, false
	if rest, numeric := strings.CutPrefix(operator, "Numeric"); numeric {
		operator = rest
		order, ok = goldNumbers(have, want)
	} else {
		operator = strings.TrimPrefix(operator, "Date")
		h, hok := goldDate(have)
		w, wok := goldDate(want)
		order, ok = h.Compare(w), hok && wok
	}
	return ok && (strings.Contains(operator, "Equals") && order == 0 || strings.Contains(operator, "Less") && order < 0 ||
		strings.Contains(operator, "Greater") && order > 0)
}

var goldNumber = regexp.MustCompile(`^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)$`)

func goldNumbers(a, b string) (order int, ok bool) {
	if !goldNumber.MatchString(a) || !goldNumber.MatchString(b) {
		return 0, false
	}
	x, xok := new(big.Rat).SetString(a)
	y, yok := new(big.Rat).SetString(b)
	if !xok || !yok {
		return 0, false
	}
	return x.Cmp(y), true
}

func goldDate(text string) (time.Time, bool) {
	for _, layout := range []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	if n, ok := new(big.Rat).SetString(text); ok && goldNumber.MatchString(text) && len(text) != 4 {
		seconds, _ := n.Float64()
		return time.Unix(int64(seconds), 0), true
	}
	return time.Time{}, false
}

func goldInRange(want, have string) bool {
	a, err := netip.ParseAddr(have)
	if err != nil {
		return false
	}
	a = a.Unmap()
	if p, err := netip.ParsePrefix(want); err == nil {
		q, err := a.Prefix(p.Bits())
		return err == nil && a.Zone() == "" && q == p.Masked()
	}
	w, err := netip.ParseAddr(want)
	return err == nil && w == a
}

type goldPolicies struct {
	identity         []*gold
	endpoint, bucket *gold
	owner            string
}

// authorize combines the answers (aws-semantics 3.7).
func (p *goldPolicies) authorize(r *policy.Request) string {
	account := ""
	if parts := strings.Split(r.Principal, ":"); parts[0] == "arn" {
		account = parts[4]
	}
	root := strings.HasSuffix(r.Principal, ":root")
	endpoint, bucket, identity := "allowed", "", ""
	if p.endpoint != nil {
		endpoint = p.endpoint.evaluate(r)
	}
	if p.bucket != nil {
		bucket = p.bucket.evaluate(r)
	}
	if strings.HasSuffix(r.Action, "BucketPolicy") && root && account == p.owner && bucket == "denied" {
		bucket = ""
	}
	for _, g := range p.identity {
		if answer := g.evaluate(r); answer == "denied" || identity == "" {
			identity = answer
		}
	}
	identityAllows := identity == "allowed" || root
	bucketAllows := bucket == "allowed" || bucket == "delegated"
	switch {
	case endpoint == "denied":
		return "explicitly denied by endpoint"
	case bucket == "denied":
		return "explicitly denied by bucket"
	case identity == "denied":
		return "explicitly denied by identity"
	case endpoint == "":
		return "denied by endpoint"
	case account == "" && bucketAllows, account == p.owner && (identityAllows || bucket == "allowed"), account != "" && identityAllows && bucketAllows:
		return "allowed"
	case account != "" && !identityAllows:
		return "denied by identity"
	default:
		return "denied by bucket"
	}
}
