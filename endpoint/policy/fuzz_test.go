package policy_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/endpoint/policy"
)

// policyTexts returns all policies of testdata.
func policyTexts(t testing.TB) (texts [][]byte) {
	files, err := filepath.Glob("testdata/*/*.txtar")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, f := range txtar.Parse(text).Files {
			if strings.HasPrefix(strings.TrimSpace(string(f.Data)), "{") {
				texts = append(texts, f.Data)
			}
		}
	}
	require.NotEmpty(t, texts)
	return texts
}

// FuzzParse: whatever the text is, nothing panics, a refusal says where, and a document that is taken says of some requests what
// the slow obvious model says.
func FuzzParse(f *testing.F) {
	for _, text := range policyTexts(f) {
		f.Add(text)
	}
	requests := probes()
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, parse := range []func([]byte) (*policy.Document, error){policy.ParseIdentity, policy.ParseEndpoint, func(text []byte) (*policy.Document, error) {
			return policy.ParseBucket("b", text)
		}} {
			if _, err := parse(text); err != nil {
				for _, p := range err.(policy.Problems) {
					require.Positive(t, p.Line)
					require.Positive(t, p.Column)
					require.NotEmpty(t, p.Text)
				}
			}
		}
		d, err := policy.Parse(text)
		if err != nil || strings.ContainsFunc(string(text), func(r rune) bool { return r >= 0xE000 && r <= 0xF8FF }) {
			return // the model has its own use for such characters
		}
		some := len(text) % 4 * 5
		agree(t, d, readGold(t, text, false), requests[some:some+5])
	})
}

// agree compares what a document and its model say of requests, and Explain with Evaluate.
func agree(t *testing.T, d *policy.Document, g *gold, requests []*policy.Request) {
	for _, r := range requests {
		want := map[string]policy.Decision{"denied": policy.Denied, "allowed": policy.Allowed, "delegated": policy.Allowed, "": policy.NoMatch}[g.evaluate(r)]
		got := d.Evaluate(r)
		if got.Decision != want {
			t.Fatalf("%+v: got %v by %d, want %v%s", r, got.Decision, got.Statement, want, explanations([]*policy.Document{d}, r))
		}
		explained := policy.NoMatch
		for _, e := range d.Explain(r) {
			switch {
			case e.Matches && e.Effect == policy.Deny:
				explained = policy.Denied
			case e.Matches && explained == policy.NoMatch:
				explained = policy.Allowed
			}
		}
		if explained != want {
			t.Fatalf("%+v: explained as %v, want %v", r, explained, want)
		}
	}
}

// probes are some requests of all sorts.
func probes() (requests []*policy.Request) {
	for i, who := range []string{"anonymous", "111122223333:user/ann", "111122223333:root", "111122223333:role/x/r session s", "logging.s3.amazonaws.com"} {
		for j, what := range []string{"s3:GetObject b/k", "s3:PutObject b/home/ann/x", "s3:ListBucket b", "s3:ListAllMyBuckets *"} {
			action, resource, _ := strings.Cut(what, " ")
			r := &policy.Request{Action: action, Resource: "arn:aws:s3:::" + resource, Context: policy.Context{}}
			setPrincipal(r, who)
			if (i+j)%2 == 0 {
				for _, k := range policy.Keys {
					r.Context.Set(k.Name+strings.Repeat("x", strings.Count(k.Name, "/")), "1")
				}
			}
			requests = append(requests, r)
		}
	}
	return requests
}

// choices turns bytes into choices.
type choices struct {
	bytes     []byte
	variables bool // the policy being made has them
}

func (c *choices) next(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

func (c *choices) of(words ...string) string { return words[c.next(len(words))] }

// list writes one word or an array.
func (c *choices) list(words ...string) string {
	n := c.next(4)
	if n == 0 {
		return fmt.Sprintf("%q", c.of(words...))
	}
	all := make([]string, n-1)
	for i := range all {
		all[i] = fmt.Sprintf("%q", c.of(words...))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// The words that random policies and requests are made of: few, so that they meet.
var (
	fuzzActions   = []string{"s3:GetObject", "s3:PutObject", "s3:Get*", "s3:*", "*", "S3:?etObject", "s3:ListBucket", "s3:*Object*", "s3:Get*t"}
	fuzzResources = []string{"*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::*", "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/?", "arn:aws:s3:::*b*k*", "arn:*", "arn:aws:s3:::b/${aws:x, 'd*'}", "arn:aws:s3:::b/${*}${$}"}
	fuzzWho       = []string{"*", "111122223333", "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/ann", "arn:aws:iam::111122223333:role/r", "arn:aws:sts::111122223333:assumed-role/r/s", "arn:aws:iam::444455556666:user/bob"}
	fuzzKeys      = []string{"aws:x", "aws:Y", "s3:prefix", "aws:username", "aws:PrincipalArn"}
	fuzzText      = []string{"", "a", "A", "ann", "a*", "*", "?", "k", "${aws:x}", "${aws:username}/*", "${aws:x, 'a'}", "a${*}", "*a*b", "é", "??"}
	fuzzNumbers   = []string{"0", "1", "-1", "1.5", "10", "+1.", "2147483648"}
	fuzzDates     = []string{"2025-01-01T00:00:00Z", "2025-01-01", "2025", "1735689600", "2025-01-01T01:00:00.5+01:00", "2025-01", "2025-01-01T00:00Z"}
	fuzzAddresses = []string{"10.0.0.0/8", "10.1.2.3", "10.1.2.3/9", "::/0", "2001:db8::1", "0.0.0.0/0", "2001:db8::/33"}
	fuzzARNs      = []string{"arn:aws:iam::111122223333:user/ann", "arn:aws:*:*:111122223333:*", "arn:*", "*", "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam:*user*"}
	fuzzValues    = []string{"", "a", "A", "b", "ann", "ann/x", "k", "a*", "1", "1.0", "-1", "10", "2147483648", "1e3", "2025-01-01T00:00:00Z", "1735689600", "2025", "10.1.2.3", "10.127.255.255", "::ffff:10.1.2.3", "2001:db8::1", "fe80::1%eth0", "true", "FALSE", "arn:aws:iam::111122223333:user/ann", "éé", "x\ny"}
)

func (c *choices) policy(principal bool) string {
	version := c.of(`"Version": "2012-10-17", `, `"Version": "2008-10-17", `, ``)
	c.variables = strings.Contains(version, "2012")
	statements := make([]string, 1+c.next(3))
	for i := range statements {
		who := ""
		if principal {
			kind := c.of("AWS", "Service")
			words := fuzzWho
			if kind == "Service" {
				words = []string{"logging.s3.amazonaws.com", "s3.amazonaws.com"}
			}
			who = fmt.Sprintf(`"%s": %s, `, c.of("Principal", "NotPrincipal"), c.of(`"*"`, fmt.Sprintf(`{"%s": %s}`, kind, c.list(words...))))
		}
		statements[i] = fmt.Sprintf(`{"Effect": "%s", %s"%s": %s, "%s": %s%s}`, c.of("Allow", "Deny"), who,
			c.of("Action", "NotAction"), c.list(fuzzActions...), c.of("Resource", "NotResource"), c.list(fuzzResources...), c.conditions())
	}
	return fmt.Sprintf(`{%s"Statement": [%s]}`, version, strings.Join(statements, ", "))
}

func (c *choices) conditions() string {
	n := c.next(3)
	if n == 0 {
		return ""
	}
	seen := map[string]bool{}
	var all []string
	for range n {
		name, words := c.operator()
		if !seen[name] {
			all = append(all, fmt.Sprintf(`%q: {%q: %s}`, name, c.of(fuzzKeys...), c.list(words...)))
		}
		seen[name] = true
	}
	return `, "Condition": {` + strings.Join(all, ", ") + `}`
}

func (c *choices) operator() (name string, words []string) {
	families := []struct {
		names string
		words []string
	}{
		{"StringEquals StringNotEquals StringEqualsIgnoreCase StringNotEqualsIgnoreCase StringLike StringNotLike", fuzzText},
		{"NumericEquals NumericNotEquals NumericLessThan NumericLessThanEquals NumericGreaterThan NumericGreaterThanEquals", fuzzNumbers},
		{"DateEquals DateNotEquals DateLessThan DateLessThanEquals DateGreaterThan DateGreaterThanEquals", fuzzDates},
		{"Bool", []string{"true", "False", "${aws:x}"}},
		{"BinaryEquals", []string{"YQ==", "", "YWI="}},
		{"IpAddress NotIpAddress", fuzzAddresses},
		{"ArnEquals ArnLike ArnNotEquals ArnNotLike", fuzzARNs},
		{"Null", []string{"true", "false"}},
	}
	family := families[c.next(len(families))]
	if family.names == "Bool" && !c.variables {
		family.words = family.words[:2]
	}
	name = c.of(strings.Fields(family.names)...)
	if name == "Null" {
		return name, family.words
	}
	return c.of("", "ForAllValues:", "ForAnyValue:", "") + name + c.of("", "IfExists"), family.words
}

func (c *choices) request() *policy.Request {
	r := &policy.Request{Context: policy.Context{}}
	setPrincipal(r, c.of("111122223333:user/ann", "anonymous", "111122223333:root", "111122223333:role/r session s", "444455556666:user/bob", "logging.s3.amazonaws.com"))
	r.Action = c.of("s3:GetObject", "s3:PutObject", "s3:ListBucket", "S3:getobject", "s3:PutBucketPolicy")
	r.Resource = c.of("arn:aws:s3:::b/k", "arn:aws:s3:::b", "arn:aws:s3:::b/ann/x", "arn:aws:s3:::b/*$", "arn:aws:s3:::b/a:k", "arn:aws:s3:::b/d*", "arn:aws:s3:::b/é")
	for range c.next(5) {
		values := make([]string, c.next(4))
		for i := range values {
			values[i] = c.of(fuzzValues...)
		}
		r.Context.Set(c.of(fuzzKeys...), values...)
	}
	return r
}

// FuzzAgainstModel: policies and requests of all sorts are judged as the slow obvious model judges them.
func FuzzAgainstModel(f *testing.F) {
	for i := range 64 {
		seed := make([]byte, 160)
		for j := range seed {
			seed[j] = byte((i + 1) * (j + 7) * 2654435761 >> 8)
		}
		f.Add(seed)
	}
	f.Fuzz(compareWithModel)
}

var decisions = flag.Int("decisions", 2000, "how many random decisions to compare with the model")

// TestRandomDecisions does as FuzzAgainstModel, with inputs of chance, which are faster.
func TestRandomDecisions(t *testing.T) {
	random := rand.New(rand.NewPCG(1, uint64(*decisions)))
	input := make([]byte, 200)
	for range *decisions {
		for i := range input {
			input[i] = byte(random.Uint32())
		}
		compareWithModel(t, input)
	}
}

// compareWithModel makes policies and a request of the input and compares decisions.
func compareWithModel(t *testing.T, input []byte) {
	c := &choices{bytes: input}
	r := c.request()
	p, g := policy.Policies{Owner: owner}, goldPolicies{owner: owner}
	read := func(text string, parse func([]byte) (*policy.Document, error)) (*policy.Document, *gold) {
		d, err := parse([]byte(text))
		require.NoError(t, err, text)
		return d, readGold(t, []byte(text), false)
	}
	d, model := read(c.policy(false), policy.ParseIdentity)
	agree(t, d, model, []*policy.Request{r})
	p.Identity, g.identity = append(p.Identity, d), append(g.identity, model)
	if c.next(2) == 1 {
		p.Endpoint, g.endpoint = read(c.policy(true), policy.ParseEndpoint)
		g.endpoint.endpoint = true
	}
	if c.next(2) == 1 {
		p.Bucket, g.bucket = read(c.policy(true), policy.Parse)
		agree(t, p.Bucket, g.bucket, []*policy.Request{r})
	}
	if got, want := verdictText(policy.Authorize(&p, r)), g.authorize(r); got != want {
		t.Fatalf("%+v: got %s, want %s", r, got, want)
	}
}
