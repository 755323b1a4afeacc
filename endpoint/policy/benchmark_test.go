package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint/policy"
)

// ordinary is a bucket policy of 20 statements as one finds them: restrictions for everybody, and then what each team may do with its own
// prefix. The last statement allows the request.
func ordinary(t testing.TB) (*policy.Document, *policy.Request) {
	statements := []string{
		`{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}`,
		`{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"], "Condition": {"StringNotEquals": {"aws:SourceVpc": ["vpc-0a1b2c3d4e5f67890", "vpc-2"]}}}`,
		`{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::bucket/*", "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}}`,
		`{"Effect": "Deny", "Principal": "*", "Action": ["s3:DeleteBucket", "s3:PutBucketPolicy"], "Resource": "arn:aws:s3:::bucket"}`,
	}
	for i := len(statements); i < 20; i++ {
		statements = append(statements, fmt.Sprintf(`{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/app/%s"}, "Action": ["s3:GetObject", "s3:PutObject"],
			"Resource": "arn:aws:s3:::bucket/%d/*"}`, map[bool]string{true: "web", false: "other"}[i%4 == 3], 2006+i))
	}
	d, err := policy.ParseBucket("bucket", []byte(`{"Version": "2012-10-17", "Statement": [`+strings.Join(statements, ",")+`]}`))
	require.NoError(t, err)
	return d, request()
}

// worst is a bucket policy of 20 statements, each with two principals, two actions, two resources and conditions; only the last
// matches the request, and every other has to be looked at as far as its conditions.
func worst(t testing.TB) (*policy.Document, *policy.Request) {
	var statements []string
	for i := range 20 {
		condition := fmt.Sprintf(`{"StringEquals": {"aws:SourceVpce": "vpce-%08d"}, "IpAddress": {"aws:VpcSourceIp": ["10.0.0.0/16", "10.%d.0.0/16"]}}`, i, i)
		if i == 19 {
			condition = `{"StringLike": {"aws:SourceVpce": "vpce-*"}, "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/${aws:PrincipalTag/team}/*"}, "IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}, "NumericLessThan": {"aws:EpochTime": 2000000000}}`
		}
		statements = append(statements, fmt.Sprintf(`{
			"Sid": "s%d", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::111122223333:user/u%d", "arn:aws:iam::111122223333:role/app/web"]},
			"Action": ["s3:PutObject", "s3:Get*"], "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*/data/*"], "Condition": %s}`, i, i, condition))
	}
	d, err := policy.ParseBucket("bucket", []byte(`{"Version": "2012-10-17", "Statement": [`+strings.Join(statements, ",")+`]}`))
	require.NoError(t, err)
	return d, request()
}

// request is one of an instance's role through an endpoint, with as many keys as S3's requests have.
func request() *policy.Request {
	r := &policy.Request{
		Principal: "arn:aws:sts::111122223333:assumed-role/web/i-0123456789abcdef0", Role: "arn:aws:iam::111122223333:role/app/web",
		Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket/2025/01/data/part-0001.parquet", Context: policy.Context{},
	}
	r.Context.SetPrincipal(r.Principal, r.Role, "AROAEXAMPLE:i-0123456789abcdef0")
	for key, value := range map[string]string{
		"aws:SourceVpc": "vpc-0a1b2c3d4e5f67890", "aws:SourceVpce": "vpce-0a1b2c3d4e5f67890", "aws:VpcSourceIp": "10.0.3.7", "aws:SecureTransport": "true",
		"aws:EpochTime": "1735689600", "aws:CurrentTime": "2025-01-01T00:00:00Z", "aws:UserAgent": "aws-cli/2.0", "aws:PrincipalTag/team": "app",
		"s3:authType": "REST-HEADER", "s3:signatureversion": "AWS4-HMAC-SHA256", "s3:TlsVersion": "1.3", "aws:ResourceAccount": owner,
	} {
		r.Context.Set(key, value)
	}
	return r
}

// BenchmarkEvaluate: a decision by a policy of 20 statements.
func BenchmarkEvaluate(b *testing.B) {
	for name, document := range map[string]func(testing.TB) (*policy.Document, *policy.Request){"ordinary": ordinary, "worst": worst} {
		b.Run(name, func(b *testing.B) {
			d, r := document(b)
			b.ReportAllocs()
			for b.Loop() {
				if d.Evaluate(r).Statement != 19 {
					b.Fatal("not the last statement")
				}
			}
		})
	}
}

// BenchmarkAuthorize: a decision by an endpoint's policy and a bucket's of 20 statements.
func BenchmarkAuthorize(b *testing.B) {
	d, r := ordinary(b)
	p := &policy.Policies{Bucket: d, Endpoint: policy.FullAccess(), Owner: owner}
	b.ReportAllocs()
	for b.Loop() {
		if !policy.Authorize(p, r).Allowed {
			b.Fatal("denied")
		}
	}
}

// BenchmarkCPU is a fixed count of dependent instructions, 6,000, by which figures of different machines can be compared.
func BenchmarkCPU(b *testing.B) {
	x := uint64(1)
	for b.Loop() {
		for range 1000 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
	}
	if x == 0 {
		b.Fatal("xorshift never is")
	}
}

func BenchmarkParse(b *testing.B) {
	texts := policyTexts(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, text := range texts {
			_, _ = policy.Parse(text)
		}
	}
}

func TestADecisionAllocatesNothing(t *testing.T) {
	d, r := worst(t)
	p := &policy.Policies{Bucket: d, Endpoint: policy.FullAccess(), Owner: owner}
	require.Zero(t, testing.AllocsPerRun(100, func() { policy.Authorize(p, r) }))
	require.True(t, policy.Authorize(p, r).Allowed)
}
