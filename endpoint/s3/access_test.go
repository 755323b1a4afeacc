package s3

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint"
	"vpcsim/endpoint/policy"
)

// key is what a request is signed with; the zero key signs nothing.
type key struct{ id, secret, token string }

// sign signs a request as a client does, by a way of its own through the rules, so that both ways must agree.
func (k key) sign(r *http.Request, region, body string, now time.Time) {
	if k.id == "" {
		return
	}
	sha := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	date := now.UTC().Format("20060102T150405Z")
	r.Header.Set("x-amz-date", date)
	r.Header.Set("x-amz-content-sha256", sha(body))
	if k.token != "" {
		r.Header.Set("x-amz-security-token", k.token)
	}
	names := []string{"host"}
	for name := range r.Header {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	canonical := r.Method + "\n" + r.URL.EscapedPath() + "\n" + strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20") + "\n"
	for _, name := range names {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.URL.Host
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + strings.Join(names, ";") + "\n" + sha(body)
	scope := date[:8] + "/" + region + "/s3/aws4_request"
	signing := mac(mac(mac(mac([]byte("AWS4"+k.secret), date[:8]), region), "s3"), "aws4_request")
	signature := hex.EncodeToString(mac(signing, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+sha(canonical)))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.id+"/"+scope+", SignedHeaders="+strings.Join(names, ";")+", Signature="+signature)
}

// signed sends a signed request.
func (e *testEdge) signed(t *testing.T, k key, method, at, body string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, at, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	k.sign(r, region, body, time.Now())
	resp, err := e.client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(answer)
}

func document(t *testing.T, text string) *policy.Document {
	t.Helper()
	d, err := policy.Parse([]byte(text))
	require.NoError(t, err)
	return d
}

const (
	allowAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	allowRead = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
)

var ann, bob = key{id: "AKIAIOSFODNN7EXAMPLE", secret: "ann's"}, key{id: "AKIAI44QH8DHBEXAMPLE", secret: "bob's"}

// guarded is a service with users: ann may do everything, bob may read.
func guarded(t *testing.T, buckets ...Bucket) *Service {
	t.Helper()
	user := func(name string, k key, text string) User {
		return User{Name: name, ID: "AIDA" + name, ARN: "arn:aws:iam::123456789012:user/" + name, Keys: map[string]string{k.id: k.secret}, Policies: []*policy.Document{document(t, text)}}
	}
	return newService(t, Config{
		Buckets: buckets, Users: []User{user("ann", ann, allowAll), user("bob", bob, allowRead)},
		Roles:   []Role{{Name: "reader", ID: "AROAREADER", ARN: "arn:aws:iam::123456789012:role/reader", Policies: []*policy.Document{document(t, allowRead)}}},
		Regions: []Region{{Name: region}, {Name: "eu-west-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}}},
	})
}

var photos = Bucket{Name: "photos", Objects: []Object{{Key: "k", Content: []byte("v")}}}

const photosURL = "http://photos.s3.us-east-1.amazonaws.com/"

func TestWhoMayDoWhat(t *testing.T) {
	s := guarded(t, photos)
	e := serve(t, s, endpoint.Origin{})
	role, ok := s.Credentials("reader", "i-1", time.Now())
	require.True(t, ok)
	reader := key{role.AccessKeyID, role.SecretAccessKey, role.SessionToken}
	old, _ := s.Credentials("reader", "i-1", time.Now().Add(-7*time.Hour))
	other, _ := guarded(t).Credentials("reader", "i-1", time.Now())
	for _, row := range []struct {
		name         string
		key          key
		method, path string
		status       int
		code         string
	}{
		{"a user who may do everything", ann, "PUT", "new", 200, ""},
		{"a user who may read reads", bob, "GET", "k", 200, ""},
		{"a user who may read writes", bob, "PUT", "k", 403, "AccessDenied"},
		{"what is not there, to one who may list", ann, "GET", "none", 404, "NoSuchKey"},
		{"what is not there, to one who may not", bob, "GET", "none", 403, "AccessDenied"},
		{"a listing by one who may not", bob, "GET", "", 403, "AccessDenied"},
		{"nobody in particular", key{}, "GET", "k", 403, "AccessDenied"},
		{"a role's session reads", reader, "GET", "k", 200, ""},
		{"a role's session deletes", reader, "DELETE", "k", 403, "AccessDenied"},
		{"a session that is over", key{old.AccessKeyID, old.SecretAccessKey, old.SessionToken}, "GET", "k", 400, "ExpiredToken"},
		{"a session of another lab", key{other.AccessKeyID, other.SecretAccessKey, other.SessionToken}, "GET", "k", 400, "InvalidToken"},
		{"a session without its token", key{id: reader.id, secret: reader.secret}, "GET", "k", 403, "InvalidAccessKeyId"},
		{"a token with another's key", key{ann.id, ann.secret, reader.token}, "GET", "k", 400, "InvalidToken"},
		{"a key that nobody has", key{id: "AKIAXXXXXXXXXXXXXXXX", secret: "x"}, "GET", "k", 403, "InvalidAccessKeyId"},
		{"a wrong secret", key{id: ann.id, secret: "x"}, "GET", "k", 403, "SignatureDoesNotMatch"},
		{"a key with what has to be encoded", ann, "PUT", "a%20b%2Bc/%C3%A4~.txt?x=%2F", 200, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp, body := e.signed(t, row.key, row.method, photosURL+row.path, "")
			got := ""
			if resp.StatusCode >= 400 {
				got = errorCode(t, body)
			}
			if resp.StatusCode != row.status || got != row.code {
				t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, row.status, row.code)
			}
		})
	}
}

func TestAClockThatIsWrongIsTold(t *testing.T) {
	e := serve(t, guarded(t, photos), endpoint.Origin{})
	r, err := http.NewRequest("GET", photosURL+"k", nil)
	require.NoError(t, err)
	ann.sign(r, region, "", time.Now().Add(-20*time.Minute))
	resp, err := e.client.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 403 || errorCode(t, string(body)) != "RequestTimeTooSkewed" {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestPoliciesDecideByOrigin(t *testing.T) {
	allow := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*","Condition":` + condition + `}]}`
	}
	one, two := endpoint.Origin{VPC: "vpc-1", Endpoint: "vpce-1"}, endpoint.Origin{VPC: "vpc-2", Endpoint: "vpce-2"}
	for _, row := range []struct {
		name, policy string
		want         [3]int // from the internet, one, two
	}{
		{"one VPC", allow(`{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`), [3]int{403, 200, 403}},
		{"one endpoint", allow(`{"StringEquals":{"aws:SourceVpce":"vpce-2"}}`), [3]int{403, 403, 200}},
		{"all but one endpoint", allow(`{"StringNotEquals":{"aws:SourceVpce":"vpce-2"}}`), [3]int{200, 200, 403}},
		{"an address, which has that key on the internet's path alone", allow(`{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}`), [3]int{200, 403, 403}},
		{"a private address, which has that key behind endpoints alone", allow(`{"IpAddress":{"aws:VpcSourceIp":"127.0.0.0/8"}}`), [3]int{403, 200, 200}},
		{"HTTPS only", allow(`{"Bool":{"aws:SecureTransport":"true"}}`), [3]int{403, 403, 403}},
		{"HTTP only", allow(`{"Bool":{"aws:SecureTransport":"false"}}`), [3]int{200, 200, 200}},
	} {
		t.Run(row.name, func(t *testing.T) {
			bucket := photos
			bucket.Policy = row.policy
			s := guarded(t, bucket)
			for i, origin := range []endpoint.Origin{{}, one, two} {
				if resp, body := serve(t, s, origin).do(t, "GET", photosURL+"k", ""); resp.StatusCode != row.want[i] {
					t.Errorf("by %s: got %d %s, want %d", origin.Path(), resp.StatusCode, body, row.want[i])
				}
			}
		})
	}
}

func TestAPolicyActsOnTheNextRequestOfAnOpenConnection(t *testing.T) {
	s := guarded(t, photos)
	origin := endpoint.Origin{VPC: "vpc-1", Endpoint: "vpce-1"}
	e := serve(t, s, origin)
	deny := `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}`
	read := `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}`
	for i, step := range []struct {
		change func()
		status int
		why    string
	}{
		{func() {}, 200, ""},
		{func() { s.SetEndpointPolicies(map[string]*policy.Document{"vpce-1": document(t, deny)}) }, 403, "with an explicit deny in a VPC endpoint policy"},
		{func() { s.SetEndpointPolicies(map[string]*policy.Document{"vpce-2": document(t, deny)}) }, 200, ""},
		{func() { require.NoError(t, s.SetBucketPolicy("photos", deny)) }, 403, "with an explicit deny in a resource-based policy"},
		{func() { require.NoError(t, s.SetBucketPolicy("photos", "")) }, 200, ""},
		{func() {
			s.SetEndpointPolicies(map[string]*policy.Document{"vpce-1": document(t, strings.ReplaceAll(read, "photos", "other"))})
		}, 403, "because no VPC endpoint policy allows the s3:GetObject action"},
		{func() { s.SetEndpointPolicies(map[string]*policy.Document{"vpce-1": document(t, read)}) }, 200, ""},
	} {
		step.change()
		resp, body := e.signed(t, ann, "GET", photosURL+"k", "")
		if resp.StatusCode != step.status || !strings.Contains(body, step.why) {
			t.Errorf("step %d: got %d %s, want %d %s", i, resp.StatusCode, body, step.status, step.why)
		}
	}
	if got := len(s.Connections()); got != 1 {
		t.Errorf("%d connections, want the one that was open all the time", got)
	}
}

func TestBucketPoliciesByTheAPI(t *testing.T) {
	e := serve(t, guarded(t, photos), endpoint.Origin{})
	const good = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}`
	for i, step := range []struct {
		key                 key
		method, query, body string
		status              int
		want                string
	}{
		{ann, "GET", "?policy", "", 404, "NoSuchBucketPolicy"},
		{ann, "GET", "?policyStatus", "", 404, "NoSuchBucketPolicy"},
		{bob, "PUT", "?policy", good, 403, "AccessDenied"},
		{ann, "PUT", "?policy", `{"Statement":[{"Effect":"Perhaps"}]}`, 400, "MalformedPolicy"},
		{ann, "PUT", "?policy", strings.Replace(good, ":photos", ":other", 1), 400, "MalformedPolicy"},
		{ann, "PUT", "?policy", "", 400, "MissingRequestBodyError"},
		{ann, "PUT", "?policy", strings.Repeat(" ", maxPolicy+1), 400, "MaxMessageLengthExceeded"},
		{key{}, "GET", "k", "", 403, "AccessDenied"},
		{ann, "PUT", "?policy", good, 204, ""},
		{key{}, "GET", "k", "", 200, "v"},
		{ann, "GET", "?policy", "", 200, good},
		{ann, "GET", "?policyStatus", "", 200, "<IsPublic>true</IsPublic>"},
		{ann, "GET", "?policy&versioning", "", 400, "InvalidArgument"},
		{ann, "DELETE", "?policy", "", 204, ""},
		{key{}, "GET", "k", "", 403, "AccessDenied"},
		{ann, "GET", "?location", "", 200, `<LocationConstraint xmlns="` + xmlns + `"></LocationConstraint>`},
	} {
		resp, body := e.signed(t, step.key, step.method, photosURL+step.query, step.body)
		if resp.StatusCode != step.status || !strings.Contains(body, step.want) {
			t.Errorf("step %d, %s %s: got %d %s, want %d %s", i, step.method, step.query, resp.StatusCode, body, step.status, step.want)
		}
	}
}

// TestWhatIsAuthorisedIsWhatIsDone: no request is judged as one operation and served as another.
func TestWhatIsAuthorisedIsWhatIsDone(t *testing.T) {
	s := guarded(t, Bucket{Name: "photos", Objects: photos.Objects, Policy: `{"Statement":[{"Effect":"Allow","Principal":"*","Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"],
		"Action":["s3:AbortMultipartUpload","s3:ListMultipartUploadParts","s3:GetObjectVersion","s3:DeleteObjectVersion","s3:GetBucketLocation","s3:GetObjectTagging"]}]}`})
	e := serve(t, s, endpoint.Origin{})
	for _, row := range []struct{ method, query string }{
		{"DELETE", "k?uploadId="}, {"GET", "k?uploadId"}, {"DELETE", "k?uploadId=&uploadId=x"}, {"GET", "k?tagging&uploadId=x"}, {"DELETE", "?location"},
		{"DELETE", "k?location"}, {"DELETE", "k?versionId="}, {"GET", "k?versionId="}, {"GET", "?location&policy"}, {"GET", "k?attributes&tagging"}, {"POST", "k?delete"},
	} {
		if resp, body := e.do(t, row.method, photosURL+row.query, ""); resp.StatusCode < 400 {
			t.Errorf("%s %s: got %d %s", row.method, row.query, resp.StatusCode, body)
		}
	}
	if _, err := s.store.current("photos", "k"); err != nil {
		t.Errorf("the object is gone: %v", err)
	}
}

func TestDeletingManyAsksForEach(t *testing.T) {
	bucket := Bucket{Name: "photos", Objects: []Object{{Key: "mine/1", Content: []byte("1")}, {Key: "other/2", Content: []byte("2")}},
		Policy: `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/bob"},"Action":"s3:DeleteObject","Resource":"arn:aws:s3:::photos/mine/*"}]}`}
	s := guarded(t, bucket)
	e := serve(t, s, endpoint.Origin{})
	_, body := e.signed(t, bob, "POST", photosURL+"?delete=", "<Delete><Object><Key>mine/1</Key></Object><Object><Key>other/2</Key></Object></Delete>")
	if body = strings.Join(strings.Fields(body), ""); !strings.Contains(body, "<Deleted><Key>mine/1</Key>") || !strings.Contains(body, "<Key>other/2</Key><Code>AccessDenied</Code>") {
		t.Errorf("got %s", body)
	}
	if _, err := s.store.current("photos", "other/2"); err != nil {
		t.Errorf("what may not be deleted is gone: %v", err)
	}
}

func TestCopyingNeedsTheSource(t *testing.T) {
	read := Bucket{Name: "source", Objects: []Object{{Key: "open", Content: []byte("o")}, {Key: "closed", Content: []byte("c")}},
		Policy: `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::source/closed"}]}`}
	e := serve(t, guarded(t, photos, read), endpoint.Origin{})
	for source, want := range map[string]int{
		"/source/open": 200, "source/closed": 403, "/source/closed": 403, "source/%63losed": 403, "/source/clos%65d": 403, "source/open?versionId=1": 501,
	} {
		if resp, body := e.signed(t, ann, "PUT", photosURL+"copy", "", "X-Amz-Copy-Source", source); resp.StatusCode != want {
			t.Errorf("a copy of %s: got %d %s, want %d", source, resp.StatusCode, body, want)
		}
	}
}

func TestTheWrongRegionRedirects(t *testing.T) {
	s := guarded(t, photos, Bucket{Name: "far", Region: "eu-west-1", Objects: []Object{{Key: "k", Content: []byte("far")}}})
	e := serve(t, s, endpoint.Origin{})
	e.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, row := range []struct {
		name, url        string
		status           int
		code, atLocation string
	}{
		{"the regional name, path style", "http://s3.us-east-1.amazonaws.com/far/k", 301, "PermanentRedirect", ""},
		{"the regional name, virtual-hosted style", "http://far.s3.us-east-1.amazonaws.com/k", 301, "PermanentRedirect", ""},
		{"the global name, path style", "http://s3.amazonaws.com/far/k", 301, "PermanentRedirect", ""},
		{"the global name, virtual-hosted style", "http://far.s3.amazonaws.com/k?x=1", 307, "TemporaryRedirect", "http://far.s3.eu-west-1.amazonaws.com/k?x=1"},
		{"its own region, signed for another", "http://far.s3.eu-west-1.amazonaws.com/k", 400, "AuthorizationHeaderMalformed", ""},
		{"its own region, where another's bucket is not", "http://photos.s3.eu-west-1.amazonaws.com/k", 301, "PermanentRedirect", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			resp, body := e.signed(t, ann, "GET", row.url, "")
			if resp.StatusCode != row.status || errorCode(t, body) != row.code || resp.Header.Get("Location") != row.atLocation {
				t.Errorf("got %d %s %v", resp.StatusCode, body, resp.Header)
			}
			if got := resp.Header.Get("X-Amz-Bucket-Region"); got == "" {
				t.Error("no header with the region")
			}
		})
	}
	if resp, body := e.signed(t, ann, "GET", "http://s3.us-east-1.amazonaws.com/far?location=", ""); resp.StatusCode != 200 || !strings.Contains(body, ">eu-west-1<") {
		t.Errorf("where it is may be asked of us-east-1: got %d %s", resp.StatusCode, body)
	}
}

func TestBucketsAreMadeInTheRegionThatWasAsked(t *testing.T) {
	s := guarded(t)
	e := serve(t, s, endpoint.Origin{})
	constraint := func(region string) string {
		return "<CreateBucketConfiguration><LocationConstraint>" + region + "</LocationConstraint></CreateBucketConfiguration>"
	}
	for _, row := range []struct{ name, bucket, host, body, want string }{
		{"us-east-1 needs none", "one", "s3.us-east-1.amazonaws.com", "", "us-east-1"},
		{"by the global name it may be any", "two", "s3.amazonaws.com", constraint("eu-west-1"), "eu-west-1"},
		{"another region's", "three", "s3.us-east-1.amazonaws.com", constraint("eu-west-1"), "IllegalLocationConstraintException"},
		{"none that there is", "four", "s3.amazonaws.com", constraint("mars-1"), "InvalidLocationConstraint"},
		{"not XML", "five", "s3.amazonaws.com", "{", "MalformedXML"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, body := e.signed(t, ann, "PUT", "http://"+row.host+"/"+row.bucket, row.body)
			got := ""
			if b := s.buckets.find(row.bucket); b != nil {
				got = b.region
			} else {
				got = errorCode(t, body)
			}
			if got != row.want {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func TestHostNames(t *testing.T) {
	for text, want := range map[string]host{
		"s3.amazonaws.com":                             {service: true},
		"S3.Amazonaws.com.:443":                        {service: true},
		"s3.eu-west-1.amazonaws.com":                   {service: true, region: "eu-west-1"},
		"s3-eu-west-1.amazonaws.com":                   {service: true, region: "eu-west-1"},
		"s3.dualstack.us-gov-west-1.amazonaws.com":     {service: true, region: "us-gov-west-1"},
		"s3-external-1.amazonaws.com":                  {service: true, region: "us-east-1"},
		"photos.s3.amazonaws.com":                      {service: true, bucket: "photos"},
		"my.photos.s3.us-west-2.amazonaws.com:80":      {service: true, bucket: "my.photos", region: "us-west-2"},
		"s3.s3.us-west-2.amazonaws.com":                {service: true, bucket: "s3", region: "us-west-2"},
		"photos.s3-us-west-2.amazonaws.com":            {service: true, bucket: "photos", region: "us-west-2"},
		"photos.s3.cn-north-1.amazonaws.com.cn":        {service: true, bucket: "photos", region: "cn-north-1"},
		"photos.s3-website-us-west-2.amazonaws.com":    {service: true, website: true, bucket: "photos", region: "us-west-2"},
		"photos.s3-website.eu-central-1.amazonaws.com": {service: true, website: true, bucket: "photos", region: "eu-central-1"},
		"52.216.1.2":                  {},
		"photos.example.com":          {},
		"ec2.us-east-1.amazonaws.com": {},
	} {
		if got := parseHost(text); got != want {
			t.Errorf("%s: got %+v, want %+v", text, got, want)
		}
	}
}

func TestPresignedURLs(t *testing.T) {
	e := serve(t, guarded(t, photos), endpoint.Origin{})
	for _, row := range []struct {
		name, url string
		code      string
	}{
		{"an old one that is over", photosURL + "k?AWSAccessKeyId=" + ann.id + "&Expires=1&Signature=x", "AccessDenied"},
		{"an old one that nobody signed", photosURL + "k?AWSAccessKeyId=" + ann.id + "&Expires=" + url.QueryEscape(fmt.Sprint(time.Now().Unix()+60)) + "&Signature=x", "SignatureDoesNotMatch"},
		{"an old one of nobody", photosURL + "k?AWSAccessKeyId=AKIA&Expires=9999999999&Signature=x", "InvalidAccessKeyId"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if resp, body := e.do(t, "GET", row.url, ""); errorCode(t, body) != row.code {
				t.Errorf("got %d %s", resp.StatusCode, body)
			}
		})
	}
}
