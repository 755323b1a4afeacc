package policy_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/endpoint/policy"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestProblems reads the policies of testdata/problems/*.txtar by the rules of their kinds: the file "problems" says what is wrong with
// each, and "warnings" what is accepted but hardly meant. The comment on top says what the case is about.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			got := txtar.Archive{Comment: archive.Comment}
			for _, f := range archive.Files {
				if f.Name == "problems" || f.Name == "warnings" {
					continue
				}
				got.Files = append(got.Files, f)
				if d, err := parseFile(f); err != nil {
					got.Files = append(got.Files, txtar.File{Name: "problems", Data: []byte(err.Error() + "\n")})
				} else {
					got.Files = append(got.Files, txtar.File{Name: "warnings", Data: []byte(warnings(d))})
				}
			}
			if *update {
				require.NoError(t, os.WriteFile(file, txtar.Format(&got), 0o644))
			} else if want := string(txtar.Format(archive)); string(txtar.Format(&got)) != want {
				t.Errorf("got\n%s\nwant\n%s", txtar.Format(&got), want)
			}
		})
	}
}

func warnings(d *policy.Document) string {
	var b strings.Builder
	for _, w := range d.Warnings {
		fmt.Fprintln(&b, w.Error())
	}
	return b.String()
}

func TestTextsAreUTF8(t *testing.T) {
	_, err := policy.Parse([]byte("{\"Id\": \n\"x\xff\"}"))
	require.EqualError(t, err, "not UTF-8; save the policy as UTF-8 (2:3)")
}

func TestCanonicalUserIDsStandForAccounts(t *testing.T) {
	d, err := policy.ParseBucket("b", []byte(`{"Statement": [
		{"Effect": "Allow", "Principal": {"CanonicalUser": "79a59df9"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"},
		{"Effect": "Deny", "NotPrincipal": {"CanonicalUser": "79a59df9"}, "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"}]}`))
	require.NoError(t, err)
	r := &policy.Request{Principal: "arn:aws:iam::111122223333:root", CanonicalUser: "79a59df9", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
	require.Equal(t, policy.Allowed, d.Evaluate(r).Decision)
	r.Action = "s3:PutObject"
	require.Equal(t, policy.NoMatch, d.Evaluate(r).Decision)
	r.CanonicalUser = "0123"
	require.Equal(t, policy.Denied, d.Evaluate(r).Decision)
	r.Action = "s3:GetObject"
	require.Equal(t, policy.NoMatch, d.Evaluate(r).Decision)
}

func TestSizesAreLimited(t *testing.T) {
	sized := func(n int, principal, with string) []byte { // a policy of n bytes, filled up before its end
		text := `{"Statement": [{"Effect": "Allow", ` + principal + `"Action": "s3:*", "Resource": "arn:aws:s3:::b/*", "Sid": "x` + with
		return []byte(text + strings.Repeat(with[len(with)-1:], n-len(text)-len(`"}]}`)) + `"}]}`)
	}
	const everybody = `"Principal": "*", `
	_, err := policy.ParseBucket("b", sized(20_480, everybody, "x"))
	require.NoError(t, err)
	_, err = policy.ParseBucket("b", sized(20_481, everybody, "x"))
	require.EqualError(t, err, "20481 bytes; AWS allows 20480 in one resource-based policy (1:1)")
	_, err = policy.ParseEndpoint(sized(20_481, everybody, " "))
	require.EqualError(t, err, "20481 characters; AWS allows 20480 in one VPC endpoint policy (1:1)")
	_, err = policy.ParseIdentity(sized(10_400, "", "x"))
	require.ErrorContains(t, err, "characters without white space; AWS allows 10240 in one identity-based policy (1:1)")
	_, err = policy.ParseIdentity(append(sized(200, "", "x"), strings.Repeat(" ", 20_000)...))
	require.NoError(t, err, "white space does not count")
	_, err = policy.Parse(sized(100_000, everybody, "x"))
	require.NoError(t, err, "the language itself has no limit")
}

func TestMessagesOfDenial(t *testing.T) {
	get := `{"Version": "2012-10-17", "Statement": {"Effect": "%s", %s"Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}}`
	identity := func(effect string) *policy.Document {
		d, err := policy.ParseIdentity(fmt.Appendf(nil, get, effect, ""))
		require.NoError(t, err)
		return d
	}
	other := func(effect string) *policy.Document {
		d, err := policy.ParseBucket("b", fmt.Appendf(nil, get, effect, `"Principal": "*", `))
		require.NoError(t, err)
		return d
	}
	const user = `User: arn:aws:iam::111122223333:user/ann is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k" `
	for _, row := range []struct {
		sentence, principal string
		policies            policy.Policies
		want                string
	}{
		{"an endpoint that does not allow", "user/ann", policy.Policies{Endpoint: &policy.Document{}}, user + "because no VPC endpoint policy allows the s3:GetObject action"},
		{"an endpoint that denies", "user/ann", policy.Policies{Endpoint: other("Deny")}, user + "with an explicit deny in a VPC endpoint policy"},
		{"a bucket that denies", "user/ann", policy.Policies{Bucket: other("Deny"), Identity: []*policy.Document{identity("Allow")}}, user + "with an explicit deny in a resource-based policy"},
		{"an identity that is denied", "user/ann", policy.Policies{Bucket: other("Allow"), Identity: []*policy.Document{identity("Allow"), identity("Deny")}}, user + "with an explicit deny in an identity-based policy"},
		{"nobody allows", "user/ann", policy.Policies{}, user + "because no identity-based policy allows the s3:GetObject action"},
		{"somebody of another account is told nothing", "user/ann", policy.Policies{Owner: "444455556666", Identity: []*policy.Document{identity("Allow")}}, "Access Denied"},
		{"nor of an endpoint's policy", "user/ann", policy.Policies{Owner: "444455556666", Endpoint: other("Deny")}, "Access Denied"},
		{"anonymous requests are told nothing", "", policy.Policies{Endpoint: &policy.Document{}}, "Access Denied"},
		{"what is allowed has no message", "user/ann", policy.Policies{Identity: []*policy.Document{identity("Allow")}, Endpoint: policy.FullAccess()}, ""},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			if row.policies.Owner == "" {
				row.policies.Owner = owner
			}
			r := &policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
			if row.principal != "" {
				r.Principal = "arn:aws:iam::111122223333:" + row.principal
			}
			v := policy.Authorize(&row.policies, r)
			require.Equal(t, row.want, v.Message)
			require.Equal(t, row.want == "", v.Allowed)
		})
	}
}

func TestVerdictsNameTheStatement(t *testing.T) {
	d, err := policy.ParseIdentity([]byte(`{"Statement": [
  {"Sid": "a", "Effect": "Allow", "Action": "s3:Put*", "Resource": "*"},
  {"Sid": "b", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*"},
  {"Sid": "c", "Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}]}`))
	require.NoError(t, err)
	p := &policy.Policies{Identity: []*policy.Document{d}}
	r := &policy.Request{Principal: "arn:aws:iam::111122223333:user/ann", Action: "s3:GetObjectTagging", Resource: "arn:aws:s3:::b/k"}
	require.Equal(t, policy.Verdict{Allowed: true, By: policy.Identity, Document: d, Statement: 1}, policy.Authorize(p, r))
	r.Action = "s3:GetObject"
	v := policy.Authorize(p, r)
	require.Equal(t, []any{false, true, policy.Identity, d, 2}, []any{v.Allowed, v.Explicit, v.By, v.Document, v.Statement})
}

func TestExplain(t *testing.T) {
	d, err := policy.ParseBucket("b", []byte(`{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "who", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/bob"}, "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"},
    {"Effect": "Allow", "Principal": "*", "Action": ["s3:Put*"], "Resource": "arn:aws:s3:::b/*"},
    {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "NotResource": "arn:aws:s3:::b/*"},
    {"Sid": "vpc", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*",
     "Condition": {"StringNotEquals": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}, "IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}},
    {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*", "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}},
    {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}
  ]
}`))
	require.NoError(t, err)
	r := &policy.Request{Principal: "arn:aws:iam::111122223333:user/ann", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: policy.Context{}}
	r.Context.Set("aws:SourceVpc", "vpc-2")
	var got []string
	for _, e := range d.Explain(r) {
		got = append(got, fmt.Sprintf("%d %s %v %v %s (%s %d:%d)", e.Statement, e.Sid, e.Effect, e.Matches, e.Why, e.Path, e.Line, e.Column))
	}
	require.Equal(t, []string{
		`0 who Allow false Principal: not about arn:aws:iam::111122223333:user/ann (Statement[0].Principal 4:39)`,
		`1  Allow false Action: not about s3:GetObject (Statement[1].Action 5:43)`,
		`2  Allow false NotResource: not about arn:aws:s3:::b/k (Statement[2].NotResource 6:61)`,
		`3 vpc Deny false does not hold: aws:SourceVpc StringNotEquals "vpc-1", "vpc-2", and it is "vpc-2" (Statement[3].Condition.StringNotEquals["aws:SourceVpc"] 8:40)`,
		`4  Deny true matches; holds: aws:SourceVpce StringNotEquals "vpce-1", and it is absent (Statement[4] 9:5)`,
		`5  Allow true matches the account only, which must allow it by an identity-based policy (Statement[5] 10:5)`,
	}, got)
}

func TestOperationsNeedActionsThatAreThere(t *testing.T) {
	text := `{"Statement": {"Effect": "Allow", "Principal": "*", "Action": %q, "Resource": %q}}`
	for _, o := range policy.Operations {
		names := []string{o.Action}
		if o.VersionAction != "" {
			names = append(names, o.VersionAction)
		}
		for _, m := range o.More {
			names = append(names, m.Action)
		}
		for _, name := range names {
			bucket := "b"
			if o.Resource == policy.ServiceResource {
				bucket = "*" // not of a bucket
			}
			d, err := policy.ParseBucket("b", fmt.Appendf(nil, text, name, o.Resource.ARN(bucket, "k")))
			require.NoError(t, err, o.Name)
			require.Empty(t, d.Warnings, o.Name)
		}
		found, ok := policy.FindOperation(strings.ToUpper(o.Name))
		require.True(t, ok)
		require.Equal(t, o, found)
	}
	_, ok := policy.FindOperation("GetObjects")
	require.False(t, ok)
}

func TestKeysAreFoundInAnyCase(t *testing.T) {
	for name, want := range map[string]string{
		"AWS:sourcevpce": "aws:SourceVpce", "aws:PrincipalTag/Team/x": "aws:PrincipalTag/", "s3:existingobjecttag/a": "s3:ExistingObjectTag/",
		"aws:SourceVpcEndpoint": "", "aws:PrincipalTag": "", "aws:PrincipalTag/": "",
	} {
		k, ok := policy.FindKey(name)
		require.Equal(t, want, k.Name, name)
		require.Equal(t, want != "", ok, name)
	}
}

func TestPrincipalKeys(t *testing.T) {
	for _, row := range []struct {
		sentence, principal, role string
		want                      policy.Context
	}{
		{"an anonymous request", "", "", policy.Context{"aws:principaltype": {"Anonymous"}, "aws:userid": {"anonymous"}}},
		{"a user with a path", "arn:aws:iam::111122223333:user/staff/ann", "", policy.Context{
			"aws:principaltype": {"User"}, "aws:userid": {"ID"}, "aws:username": {"ann"},
			"aws:principalarn": {"arn:aws:iam::111122223333:user/staff/ann"}, "aws:principalaccount": {"111122223333"},
		}},
		{"the root of an account", "arn:aws:iam::111122223333:root", "", policy.Context{
			"aws:principaltype": {"Account"}, "aws:userid": {"111122223333"},
			"aws:principalarn": {"arn:aws:iam::111122223333:root"}, "aws:principalaccount": {"111122223333"},
		}},
		{"a session: the ARN is its role's", "arn:aws:sts::111122223333:assumed-role/r/s", "arn:aws:iam::111122223333:role/x/r", policy.Context{
			"aws:principaltype": {"AssumedRole"}, "aws:userid": {"ID"},
			"aws:principalarn": {"arn:aws:iam::111122223333:role/x/r"}, "aws:principalaccount": {"111122223333"},
		}},
		{"an AWS service", "logging.s3.amazonaws.com", "", policy.Context{
			"aws:principalisawsservice": {"true"}, "aws:principalservicename": {"logging.s3.amazonaws.com"}, "aws:principalservicenameslist": {"logging.s3.amazonaws.com"},
		}},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			got := policy.Context{}
			got.SetPrincipal(row.principal, row.role, "ID")
			require.Equal(t, row.want, got)
		})
	}
}
