package control

import (
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"

	"vpcsim/endpoint/policy"
	"vpcsim/endpoint/s3"
	"vpcsim/topology"
)

// s3Config is S3 as a topology describes it.
func s3Config(n *topology.Network) s3.Config {
	c := s3.Config{Region: n.Region, Dir: n.S3.Dir, MaxBytes: n.S3.MaxSize, Account: n.IAM.Account}
	for _, r := range n.S3.Regions {
		c.Regions = append(c.Regions, s3.Region{Name: r.Name, CIDRs: r.CIDRs})
	}
	for _, b := range n.S3.Buckets {
		bucket := s3.Bucket{Name: b.Name, Region: b.Region, Policy: policyText(b.Policy)}
		for _, o := range b.Objects {
			bucket.Objects = append(bucket.Objects, s3.Object{Key: o.Key, Content: o.Content, Size: o.Size})
		}
		c.Buckets = append(c.Buckets, bucket)
	}
	for _, u := range n.IAM.Users {
		user := s3.User{Name: u.Name, ID: u.ID, ARN: u.ARN, Keys: map[string]string{}, Policies: documents(u.Policies), Tags: u.Tags}
		for _, k := range u.AccessKeys {
			user.Keys[k.ID] = k.Secret
		}
		c.Users = append(c.Users, user)
	}
	for _, r := range n.IAM.Roles {
		c.Roles = append(c.Roles, s3.Role{Name: r.Name, ID: r.ID, ARN: r.ARN, Policies: documents(r.Policies), Tags: r.Tags})
	}
	return c
}

func documents(policies []*topology.Policy) (all []*policy.Document) {
	for _, p := range policies {
		all = append(all, p.Document)
	}
	return all
}

// policyText is a policy in JSON; empty if there is none.
func policyText(p *topology.Policy) string {
	if p == nil {
		return ""
	}
	return p.Text
}

// setPolicies tells S3 the policies of a network: those of users and roles, of all endpoints, the draining ones included, and those of the buckets that a
// change gave another. What a client put in the meantime stays until the topology itself says something new of that bucket. mu is held.
func (l *Lab) setPolicies(n *topology.Network, draining []*topology.Endpoint) error {
	if l.network != nil {
		before := map[string]string{}
		for _, b := range l.network.S3.Buckets {
			before[b.Name] = policyText(b.Policy)
		}
		for _, b := range n.S3.Buckets {
			if now := policyText(b.Policy); now != before[b.Name] {
				if err := l.s3.SetBucketPolicy(b.Name, now); err != nil {
					return err
				}
			}
		}
	}
	c := s3Config(n)
	l.s3.SetIdentities(c.Account, c.Users, c.Roles)
	l.s3.SetEndpointPolicies(endpointPolicies(n, draining))
	return nil
}

// endpointPolicies are the policies of endpoints that have one of their own, by id.
func endpointPolicies(n *topology.Network, draining []*topology.Endpoint) map[string]*policy.Document {
	all := map[string]*policy.Document{}
	add := func(e *topology.Endpoint) {
		if e.Policy != nil {
			all[e.ID] = e.Policy.Document
		}
	}
	for _, e := range draining {
		add(e)
	}
	for _, v := range n.VPCs {
		for _, e := range v.Endpoints {
			add(e)
		}
	}
	return all
}

// serveS3 lets S3 listen at an edge for HTTP and HTTPS, on every address that the edge owns.
func (l *Lab) serveS3(n *node) error {
	config := net.ListenConfig{}
	config.SetMultipathTCP(false) // plain TCP, as S3 speaks it
	var plain, secure net.Listener
	err := n.ns.Do(func() (err error) {
		if plain, err = config.Listen(context.Background(), "tcp4", ":80"); err == nil {
			secure, err = config.Listen(context.Background(), "tcp4", ":443")
		}
		return err
	})
	if plain != nil {
		l.serveUntilRemoved(n, plain, func() error { return l.s3.Serve(plain, *n.origin) })
	}
	if secure != nil {
		l.serveUntilRemoved(n, secure, func() error { return l.s3.ServeTLS(secure, *n.origin) })
	}
	return err
}

// bundlePaths are where systems keep the certificate authorities that their programs trust: Debian's and Alpine's, Red Hat's and its
// newer form, SUSE's, BSD's and macOS's tools'.
var bundlePaths = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
}

// bundleVariables are what programs with certificate authorities of their own look at: OpenSSL and Go, curl, Python's requests and the
// AWS CLI, Node.js.
var bundleVariables = []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}

// trusted adds to files the machine's bundles with the lab's own authority in them.
func (l *Lab) trusted(files map[string][]byte) {
	for _, path := range bundlePaths {
		if text, err := os.ReadFile(path); err == nil {
			files[path] = append(append(text, '\n'), l.s3.Authority()...)
		}
	}
}

// trust tells a command where the lab's authority is: in the first bundle that the machine has. AWS_CA_BUNDLE is taken away, whatever
// it says: AWS's SDKs for Go refuse it in programs that have an HTTP client of their own, as rclone, and who looks at it looks at one of
// the others, too (docs/s3.md).
func trust(cmd *exec.Cmd) {
	for _, path := range bundlePaths {
		if _, err := os.Stat(path); err == nil {
			cmd.Env = slices.DeleteFunc(cmd.Environ(), func(v string) bool { return strings.HasPrefix(v, "AWS_CA_BUNDLE=") })
			for _, name := range bundleVariables {
				cmd.Env = append(cmd.Env, name+"="+path)
			}
			return
		}
	}
}
