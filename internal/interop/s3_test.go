package interop

import (
	"strings"
	"testing"
)

// s3Lab is a private instance with a role and a gateway endpoint whose policy allows one bucket, and a public instance.
const s3Lab = `
name: s3
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets: {public: {cidr: 10.0.0.0/24, route_table: public}, private: {cidr: 10.0.1.0/24, route_table: private}}
    route_tables: {public: {routes: [{destination: 0.0.0.0/0, target: igw}]}, private: {}}
    instances:
      web: {subnet: public, public_ip: 198.51.100.10}
      app: {subnet: private, role: reader}
    endpoints:
      s3:
        service: s3
        route_tables: [private]
        policy: {Statement: [{Effect: Allow, Principal: "*", Action: "s3:*", Resource: ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]}]}
s3:
  buckets:
    photos:
      objects: {cat.jpg: meow}
      policy:
        Statement:
          - {Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::photos/*", Condition: {StringEquals: {aws:SourceVpc: vpc-0a6c975c1bb2a65ef}}}
    drawings:
      objects: {tree.png: wood}
      policy: {Statement: [{Effect: Allow, Principal: "*", Action: "s3:GetObject", Resource: "arn:aws:s3:::drawings/*"}]}
iam:
  roles: {reader: {policies: {read: {Statement: [{Effect: Allow, Action: ["s3:GetObject", "s3:ListBucket"], Resource: "*"}]}}}}
`

// TestCurlOfS3: names resolve, certificates verify, and the policies decide by the path that a request takes.
func TestCurlOfS3(t *testing.T) {
	t.Parallel()
	tool(t, "curl")
	l := start(t, s3Lab)
	for _, row := range []struct{ name, from, url, want string }{
		{"through the endpoint", "app", "https://photos.s3.us-east-1.amazonaws.com/cat.jpg", "meow"},
		{"path style, by the global name", "app", "https://s3.amazonaws.com/photos/cat.jpg", "meow"},
		{"the bucket that the endpoint's policy does not allow", "app", "https://drawings.s3.us-east-1.amazonaws.com/tree.png", "AccessDenied"},
		{"that bucket over the internet", "web", "https://drawings.s3.us-east-1.amazonaws.com/tree.png", "wood"},
		{"over the internet, which the bucket's policy does not allow", "web", "https://photos.s3.us-east-1.amazonaws.com/cat.jpg", "AccessDenied"},
	} {
		if got := l.curl(t, row.from, row.url); !strings.Contains(got, row.want) {
			t.Errorf("%s: got %s, want %s", row.name, got, row.want)
		}
	}
}

// TestCLIWithTheRoleOfItsInstance: the AWS CLI needs no configuration in an instance that has a role.
func TestCLIWithTheRoleOfItsInstance(t *testing.T) {
	t.Parallel()
	tool(t, "aws")
	l := start(t, s3Lab)
	cli := func(args ...string) string {
		clean := []string{"-u", "AWS_ACCESS_KEY_ID", "-u", "AWS_SECRET_ACCESS_KEY", "-u", "AWS_SESSION_TOKEN", "-u", "AWS_PROFILE", "HOME=/nonexistent", "AWS_DEFAULT_REGION=us-east-1", "aws"}
		return l.run(t, "app", "env", append(clean, args...)...)
	}
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"s3", "ls", "s3://photos"}, "cat.jpg"},
		{[]string{"s3", "cp", "s3://photos/cat.jpg", "-"}, "meow"},
		{[]string{"s3", "rm", "s3://photos/cat.jpg"}, "because no identity-based policy allows the s3:DeleteObject action"},
		{[]string{"s3", "ls", "s3://drawings"}, "because no VPC endpoint policy allows the s3:ListBucket action"},
	} {
		if got := cli(row.args...); !strings.Contains(got, row.want) {
			t.Errorf("%v: got %s, want %s", row.args, got, row.want)
		}
	}
}
