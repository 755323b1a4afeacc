package policy_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/endpoint/policy"
)

// TestDecisions judges the requests of testdata/decisions/*.txtar by the policies there, with Authorize and with the slow obvious model.
//
// The comment on top of a file names the source. Its files are policies ("identity", "endpoint", "bucket NAME") and "decisions",
// whose lines are
//
//	VERDICT | PRINCIPAL | ACTION | RESOURCE | KEY=VALUE, KEY=VALUE;VALUE | SENTENCE
//
// in which a verdict is "allowed", or "denied by KIND", with "explicitly" before it where a statement does; a principal is
// "anonymous", a service, or what follows arn:aws:iam:: ("111122223333:role/R session S" is a session); a resource follows arn:aws:s3:::. Buckets belong to
// account 111122223333.
func TestDecisions(t *testing.T) {
	files, err := filepath.Glob("testdata/decisions/*.txtar")
	require.NoError(t, err)
	rows := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			c := readCase(t, archive)
			for _, line := range c.lines {
				rows++
				t.Run(line.sentence, func(t *testing.T) { c.judge(t, line) })
			}
		})
	}
	require.GreaterOrEqual(t, rows, 150)
}

// owner has all buckets of the tests.
const owner = "111122223333"

type decisionCase struct {
	policies policy.Policies
	gold     goldPolicies
	lines    []decisionLine
}

type decisionLine struct {
	verdict, sentence string
	request           *policy.Request
}

func readCase(t *testing.T, archive *txtar.Archive) decisionCase {
	c := decisionCase{policies: policy.Policies{Owner: owner}, gold: goldPolicies{owner: owner}}
	for _, f := range archive.Files {
		if f.Name == "decisions" {
			for line := range strings.Lines(string(f.Data)) {
				c.lines = append(c.lines, readDecision(t, line))
			}
			continue
		}
		d, err := parseFile(f)
		require.NoError(t, err, f.Name)
		gold := readGold(t, f.Data, f.Name == "endpoint")
		switch name, _, _ := strings.Cut(f.Name, " "); name {
		case "endpoint":
			c.policies.Endpoint, c.gold.endpoint = d, gold
		case "bucket":
			c.policies.Bucket, c.gold.bucket = d, gold
		default:
			c.policies.Identity, c.gold.identity = append(c.policies.Identity, d), append(c.gold.identity, gold)
		}
	}
	return c
}

// parseFile reads a policy by the rules that the file's name says.
func parseFile(f txtar.File) (*policy.Document, error) {
	switch kind, bucket, _ := strings.Cut(f.Name, " "); kind {
	case "identity":
		return policy.ParseIdentity(f.Data)
	case "endpoint":
		return policy.ParseEndpoint(f.Data)
	case "bucket":
		return policy.ParseBucket(bucket, f.Data)
	default:
		return policy.Parse(f.Data)
	}
}

func readDecision(t *testing.T, line string) decisionLine {
	parts := strings.Split(line, "|")
	require.Len(t, parts, 6, line)
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	r := &policy.Request{Action: parts[2], Resource: "arn:aws:s3:::" + parts[3], Context: policy.Context{}}
	setPrincipal(r, parts[1])
	for _, key := range strings.Split(parts[4], ", ") {
		if name, values, ok := strings.Cut(key, "="); ok {
			r.Context.Set(name, strings.Split(values, ";")...)
		}
	}
	return decisionLine{verdict: parts[0], sentence: parts[5], request: r}
}

func setPrincipal(r *policy.Request, who string) {
	name, session, assumed := strings.Cut(who, " session ")
	switch {
	case who == "anonymous":
	case assumed:
		account, role, _ := strings.Cut(name, ":role/")
		r.Role = "arn:aws:iam::" + name
		r.Principal = fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", account, role[strings.LastIndexByte(role, '/')+1:], session)
	case strings.HasSuffix(who, ".amazonaws.com"):
		r.Principal = who
		return
	default:
		r.Principal = "arn:aws:iam::" + who
	}
	r.Context.SetPrincipal(r.Principal, r.Role, "AIDAEXAMPLE")
}

func (c *decisionCase) judge(t *testing.T, line decisionLine) {
	v := policy.Authorize(&c.policies, line.request)
	if got := verdictText(v); got != line.verdict {
		t.Errorf("got %s, want %s\nidentity: %s\nendpoint: %s\nbucket: %s", got, line.verdict,
			explanations(c.policies.Identity, line.request), explanations([]*policy.Document{c.policies.Endpoint}, line.request),
			explanations([]*policy.Document{c.policies.Bucket}, line.request))
	}
	if got := c.gold.authorize(line.request); got != line.verdict {
		t.Errorf("the model says %s, want %s", got, line.verdict)
	}
}

func verdictText(v policy.Verdict) string {
	kind := map[policy.Kind]string{policy.Identity: "identity", policy.Endpoint: "endpoint", policy.Bucket: "bucket"}[v.By]
	switch {
	case v.Allowed:
		return "allowed"
	case v.Explicit:
		return "explicitly denied by " + kind
	default:
		return "denied by " + kind
	}
}

func explanations(documents []*policy.Document, r *policy.Request) string {
	var b strings.Builder
	for _, d := range documents {
		if d == nil {
			continue
		}
		for _, e := range d.Explain(r) {
			fmt.Fprintf(&b, "\n\t%s:%d:%d %s %v: %s", e.Path, e.Line, e.Column, e.Effect, e.Matches, e.Why)
		}
	}
	return b.String()
}
