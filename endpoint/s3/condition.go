package s3

import (
	"cmp"
	"crypto/tls"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"vpcsim/endpoint"
	"vpcsim/endpoint/policy"
	"vpcsim/endpoint/sigv4"
)

// context collects the condition keys of a request: those of its origin, of which a path either has or lacks each
// (aws-semantics 3.6: reference_policies_condition-keys), of who asks, and those that the request brings.
func (a *Authoriser) context(x *Access, who *identities, p Permission) policy.Context {
	c := policy.Context{}
	for key, values := range x.Conditions {
		c[key] = values
	}
	peer := x.Peer.Unmap().String()
	if x.Origin == (endpoint.Origin{}) {
		c.Set("aws:SourceIp", peer)
	} else {
		c.Set("aws:SourceVpc", x.Origin.VPC)
		c.Set("aws:SourceVpce", x.Origin.Endpoint)
		c.Set("aws:VpcSourceIp", peer)
		c.Set("aws:SourceVpcArn", "arn:aws:ec2:"+x.Region+":"+who.account+":vpc/"+x.Origin.VPC)
		c.Set("aws:VpceAccount", who.account)
	}
	c.Set("aws:SecureTransport", strconv.FormatBool(x.Secure))
	c.Set("aws:CurrentTime", x.Now.UTC().Format(time.RFC3339))
	c.Set("aws:EpochTime", strconv.FormatInt(x.Now.Unix(), 10))
	c.Set("aws:RequestedRegion", x.Region)
	c.Set("aws:ViaAWSService", "false")
	c.Set("aws:PrincipalIsAWSService", "false")
	if a.buckets.find(p.Bucket) != nil {
		c.Set("aws:ResourceAccount", who.account)
		c.Set("s3:ResourceAccount", who.account)
	}
	x.Principal.describe(c)
	for key, values := range x.Given {
		c[key] = values
	}
	return c
}

// describe adds the condition keys that say who asks.
func (p *Principal) describe(c policy.Context) {
	if p.ARN == "" {
		c.Set("aws:PrincipalType", "Anonymous")
		c.Set("aws:userid", "anonymous")
		return
	}
	c.Set("aws:PrincipalArn", p.ARN)
	c.Set("aws:PrincipalAccount", policy.Account(p.ARN))
	switch {
	case p.User != nil:
		c.Set("aws:PrincipalType", "User")
		c.Set("aws:username", p.User.Name)
		c.Set("aws:userid", p.User.ID)
		tag(c, p.User.Tags)
	case p.Role != nil: // for a session the key has the role's ARN
		c.Set("aws:PrincipalArn", p.Role.ARN)
		c.Set("aws:PrincipalType", "AssumedRole")
		c.Set("aws:userid", p.Role.ID+":"+p.Session)
		c.Set("aws:TokenIssueTime", p.Issued.UTC().Format(time.RFC3339))
		tag(c, p.Role.Tags)
	}
}

// tag adds the tags of a user or role.
func tag(c policy.Context, tags map[string]string) {
	for key, value := range tags {
		c.Set("aws:PrincipalTag/"+key, value)
	}
}

// conditionQuery are the condition keys that are parameters of the query, and conditionHeader those that are headers (Service
// Authorization Reference, "Condition keys for Amazon S3").
var (
	conditionQuery = map[string]string{
		"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys", "versionId": "s3:VersionId",
	}
	conditionHeader = map[string]string{
		"X-Amz-Acl": "s3:x-amz-acl", "X-Amz-Copy-Source": "s3:x-amz-copy-source", "X-Amz-Metadata-Directive": "s3:x-amz-metadata-directive",
		"X-Amz-Server-Side-Encryption":                    "s3:x-amz-server-side-encryption",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id":     "s3:x-amz-server-side-encryption-aws-kms-key-id",
		"X-Amz-Server-Side-Encryption-Customer-Algorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
		"X-Amz-Storage-Class":                             "s3:x-amz-storage-class", "X-Amz-Website-Redirect-Location": "s3:x-amz-website-redirect-location",
		"X-Amz-Grant-Full-Control": "s3:x-amz-grant-full-control", "X-Amz-Grant-Read": "s3:x-amz-grant-read", "X-Amz-Grant-Write": "s3:x-amz-grant-write",
		"X-Amz-Grant-Read-Acp": "s3:x-amz-grant-read-acp", "X-Amz-Grant-Write-Acp": "s3:x-amz-grant-write-acp",
		"X-Amz-Object-Ownership": "s3:x-amz-object-ownership", "If-Match": "s3:if-match", "If-None-Match": "s3:if-none-match",
		"User-Agent": "aws:UserAgent", "Referer": "aws:Referer",
	}
)

// permissionHeader are the condition keys of the other headers that need a permission of their own, as policy.Operations has them.
var permissionHeader = map[string]string{
	"x-amz-tagging": "s3:RequestObjectTagKeys", "x-amz-object-lock-mode": "s3:object-lock-mode", "x-amz-object-lock-legal-hold": "s3:object-lock-legal-hold",
}

// conditions reads the condition keys that a request itself carries.
func conditions(r *http.Request, query url.Values, s *sigv4.Signature, now time.Time) policy.Context {
	c := policy.Context{}
	for name, key := range conditionQuery {
		if values := query[name]; len(values) > 0 {
			c.Set(key, values[0])
		}
	}
	for name, key := range conditionHeader {
		if value := r.Header.Get(name); value != "" {
			c.Set(key, value)
		}
	}
	if tags, err := url.ParseQuery(r.Header.Get("X-Amz-Tagging")); err == nil {
		setTags(c, "s3:RequestObjectTag", tags)
	}
	if r.TLS != nil {
		c.Set("s3:TlsVersion", strings.TrimPrefix(tls.VersionName(r.TLS.Version), "TLS "))
	}
	if s != nil {
		c.Set("s3:signatureversion", "AWS4-HMAC-SHA256")
		c.Set("s3:authType", map[bool]string{false: "REST-HEADER", true: "REST-QUERY-STRING"}[s.Presigned])
		c.Set("s3:x-amz-content-sha256", s.PayloadHash)
		c.Set("s3:signatureAge", strconv.FormatInt(max(0, now.Sub(s.Time).Milliseconds()), 10))
	}
	return c
}

// setTags adds a condition key for each tag, and one with the names of all.
func setTags(c policy.Context, key string, tags url.Values) {
	var names []string
	for name, values := range tags {
		names = append(names, name)
		c.Set(key+"/"+name, cmp.Or(values...))
	}
	if len(names) > 0 {
		c.Set(key+"Keys", names...)
	}
}
