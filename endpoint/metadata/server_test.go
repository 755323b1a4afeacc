package metadata

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lab is a server with two instances and a clock of the test's.
type lab struct {
	*Server
	now    time.Time
	issued int
}

func newLab() *lab {
	l := &lab{now: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)}
	app, strict := instance("app", "10.0.1.10"), instance("strict", "10.0.1.11")
	app.Role, app.ProfileID, app.Name = "reader", "AIPAEXAMPLE", "app"
	strict.RequiresTokens, strict.Role = true, "nobody"
	l.Server = NewServer(Config{
		Instance: func(a netip.Addr) *Instance {
			return map[string]*Instance{"10.0.1.10": app, "10.0.1.11": strict, "2001:db8::10": app}[a.String()]
		},
		Issue: func(role, instance string, now time.Time) (Credentials, bool) {
			if role != "reader" {
				return Credentials{}, false
			}
			l.issued++
			return Credentials{"ASIAEXAMPLE", "secret", instance + "'s token", now.Add(6 * time.Hour)}, true
		},
		Now: func() time.Time { return l.now },
	})
	return l
}

func instance(name, address string) *Instance {
	return &Instance{
		ID: "i-" + name, Type: "t3.micro", ImageID: "ami-1", ReservationID: "r-1", Account: "123456789012", Region: "us-east-1", Zone: "us-east-1a",
		Launched: time.Date(2026, 8, 1, 11, 0, 0, 0, time.UTC),
		Interfaces: []Interface{
			{
				ID: "eni-1", MAC: [6]byte{2, 0xab, 0, 0, 0, 1}, Addresses: []netip.Addr{netip.MustParseAddr(address), netip.MustParseAddr("10.0.1.99")},
				PublicIPs: []netip.Addr{netip.MustParseAddr("198.51.100.10"), {}}, IPv6: []netip.Addr{netip.MustParseAddr("2001:db8::10")},
				LocalHostname: "ip-10-0-1-10.ec2.internal", PublicHostname: "ec2-198-51-100-10.compute-1.amazonaws.com",
				SubnetID: "subnet-1", VPCID: "vpc-1", SubnetCIDR: netip.MustParsePrefix("10.0.1.0/24"), SubnetIPv6: netip.MustParsePrefix("2001:db8::/64"),
				VPCCIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("10.1.0.0/16")}, VPCIPv6: netip.MustParsePrefix("2001:db8::/56"),
				SecurityGroups: []string{"default", "web"}, SecurityGroupIDs: []string{"sg-1", "sg-2"},
			},
			{
				ID: "eni-2", MAC: [6]byte{2, 0xab, 0, 0, 0, 2}, Index: 1, Addresses: []netip.Addr{netip.MustParseAddr("10.0.2.10")}, PublicIPs: []netip.Addr{{}},
				LocalHostname: "ip-10-0-2-10.ec2.internal", SubnetID: "subnet-2", VPCID: "vpc-1", SubnetCIDR: netip.MustParsePrefix("10.0.2.0/24"),
				VPCCIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
			},
		},
	}
}

// do makes a request from an address. Headers are written "Name: value".
func (l *lab) do(from, method, path string, headers ...string) (code int, body string, header http.Header) {
	r := httptest.NewRequest(method, "http://169.254.169.254"+path, nil)
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 40000).String()
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	l.ServeHTTP(w, r)
	text, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(text), w.Result().Header
}

// TestGet has a row for each item, as IMDSv1 is asked for it.
func TestGet(t *testing.T) {
	const eni = "/latest/meta-data/network/interfaces/macs/02:ab:00:00:00:01/"
	for _, row := range []struct{ path, want string }{ // empty for 404
		{"/", "latest"},
		{"/latest", "dynamic\nmeta-data"},
		{"/latest/", "dynamic\nmeta-data"},
		{"/latest/meta-data/ami-id", "ami-1"},
		{"/latest/meta-data/hostname", "ip-10-0-1-10.ec2.internal"},
		{"/latest/meta-data/instance-id", "i-app"},
		{"/latest/meta-data/instance-type", "t3.micro"},
		{"/latest/meta-data/ipv6", "2001:db8::10"},
		{"/latest/meta-data/local-hostname", "ip-10-0-1-10.ec2.internal"},
		{"/latest/meta-data/local-ipv4", "10.0.1.10"},
		{"/latest/meta-data/mac", "02:ab:00:00:00:01"},
		{"/latest/meta-data/placement/", "availability-zone\nregion"},
		{"/latest/meta-data/placement", "availability-zone\nregion"},
		{"/latest/meta-data/placement/availability-zone", "us-east-1a"},
		{"/latest/meta-data/placement/region", "us-east-1"},
		{"/latest/meta-data/public-hostname", "ec2-198-51-100-10.compute-1.amazonaws.com"},
		{"/latest/meta-data/public-ipv4", "198.51.100.10"},
		{"/latest/meta-data/reservation-id", "r-1"},
		{"/latest/meta-data/security-groups", "default\nweb"},
		{"/latest/meta-data/services/domain", "amazonaws.com"},
		{"/latest/meta-data/tags/instance/", "Name"},
		{"/latest/meta-data/tags/instance/Name", "app"},
		{"/latest/meta-data/network/", "interfaces/"},
		{"/latest/meta-data/network/interfaces/macs/", "02:ab:00:00:00:01/\n02:ab:00:00:00:02/"},
		{eni + "device-number", "0"},
		{eni + "interface-id", "eni-1"},
		{eni + "ipv4-associations/", "198.51.100.10"},
		{eni + "ipv4-associations/198.51.100.10", "10.0.1.10"},
		{eni + "ipv6s", "2001:db8::10"},
		{eni + "local-ipv4s", "10.0.1.10\n10.0.1.99"},
		{eni + "owner-id", "123456789012"},
		{eni + "public-ipv4s", "198.51.100.10"},
		{eni + "security-group-ids", "sg-1\nsg-2"},
		{eni + "subnet-id", "subnet-1"},
		{eni + "subnet-ipv4-cidr-block", "10.0.1.0/24"},
		{eni + "subnet-ipv6-cidr-blocks", "2001:db8::/64"},
		{eni + "vpc-id", "vpc-1"},
		{eni + "vpc-ipv4-cidr-block", "10.0.0.0/16"},
		{eni + "vpc-ipv4-cidr-blocks", "10.0.0.0/16\n10.1.0.0/16"},
		{eni + "vpc-ipv6-cidr-blocks", "2001:db8::/56"},
		{"/latest/meta-data/network/interfaces/macs/02:ab:00:00:00:02/device-number", "1"},
		{"/latest/meta-data/network/interfaces/macs/02:ab:00:00:00:02/public-ipv4s", ""},
		{"/latest/meta-data/iam/", "info\nsecurity-credentials/"},
		{"/latest/meta-data/iam/security-credentials/", "reader"},
		{"/latest/meta-data/iam/security-credentials", "reader"},
		{"/latest/meta-data/iam/security-credentials/other", ""},
		{"/latest/meta-data/instance-id/", ""},
		{"/latest/meta-data/instance", ""},
		{"/latest/user-data", ""},
		{"/latest/dynamic/", "instance-identity/"},
		{"/latest/dynamic/instance-identity/", "document"},
		{"/1.0/meta-data/", ""},
		{"/latest/meta-data/../meta-data/instance-id", ""},
		{"//latest/meta-data/instance-id", ""},
		{"/favicon.ico", ""},
	} {
		t.Run(strings.ReplaceAll(row.path, "/", " "), func(t *testing.T) {
			code, got, _ := newLab().do("10.0.1.10", http.MethodGet, row.path)
			if want := map[bool]int{false: 200, true: 404}[row.want == ""]; code != want || code == 200 && got != row.want {
				t.Errorf("got %d %q, want %d %q", code, got, want, row.want)
			}
		})
	}
}

// TestListing: everything that the folders list can be got, and nothing is listed that has no value.
func TestListing(t *testing.T) {
	l, leaves := newLab(), 0
	var walk func(path string)
	walk = func(path string) {
		code, body, _ := l.do("10.0.1.10", http.MethodGet, path)
		require.Equal(t, 200, code, path)
		require.NotEmpty(t, body, path)
		if !strings.HasSuffix(path, "/") {
			leaves++
			return
		}
		for name := range strings.SplitSeq(body, "\n") {
			walk(path + name)
		}
	}
	walk("/latest/meta-data/")
	if leaves < 50 {
		t.Errorf("only %d items", leaves)
	}
}

func TestIdentityDocument(t *testing.T) {
	_, body, header := newLab().do("10.0.1.10", http.MethodGet, "/latest/dynamic/instance-identity/document")
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &got))
	for key, want := range map[string]any{
		"accountId": "123456789012", "availabilityZone": "us-east-1a", "imageId": "ami-1", "instanceId": "i-app", "instanceType": "t3.micro",
		"pendingTime": "2026-08-01T11:00:00Z", "privateIp": "10.0.1.10", "region": "us-east-1", "version": "2017-09-30", "kernelId": nil,
	} {
		if got[key] != want {
			t.Errorf("%s: got %v, want %v", key, got[key], want)
		}
	}
	require.Equal(t, "application/json", header.Get("Content-Type"))
}

const (
	tokenRequest = "X-aws-ec2-metadata-token-ttl-seconds: "
	withToken    = "X-aws-ec2-metadata-token: "
	id           = "/latest/meta-data/instance-id"
)

// token begins a session.
func (l *lab) token(t *testing.T, from, seconds string) string {
	t.Helper()
	code, token, header := l.do(from, http.MethodPut, tokenPath, tokenRequest+seconds)
	require.Equal(t, 200, code)
	require.Equal(t, seconds, header.Get(tokenTTLHeader))
	return token
}

// TestSessions is IMDSv2 (Amazon EC2 User Guide, "Use the Instance Metadata Service to access instance metadata").
func TestSessions(t *testing.T) {
	l := newLab()
	app, strict := l.token(t, "10.0.1.10", "60"), l.token(t, "10.0.1.11", "21600")
	for _, row := range []struct {
		name, from, method, path string
		headers                  []string
		code                     int
	}{
		{"without a token, where that is allowed", "10.0.1.10", "GET", id, nil, 200},
		{"without a token, where one is required", "10.0.1.11", "GET", id, nil, 401},
		{"with a token, where one is required", "10.0.1.11", "GET", id, []string{withToken + strict}, 200},
		{"only the head", "10.0.1.11", "HEAD", id, []string{withToken + strict}, 200},
		{"with a wrong token, where none is required", "10.0.1.10", "GET", id, []string{withToken + "x"}, 401},
		{"with an empty token", "10.0.1.10", "GET", id, []string{withToken}, 401},
		{"with another instance's token", "10.0.1.10", "GET", id, []string{withToken + strict}, 401},
		{"what is not there, without a token", "10.0.1.11", "GET", "/latest/nothing", nil, 401},
		{"what is not there, with one", "10.0.1.11", "GET", "/latest/nothing", []string{withToken + strict}, 404},
		{"by IPv6", "2001:db8::10", "GET", id, []string{withToken + app}, 200},
		{"by IPv4 in an IPv6 socket", "::ffff:10.0.1.10", "GET", id, []string{withToken + app}, 200},
		{"a token without its time to live", "10.0.1.10", "PUT", tokenPath, nil, 400},
		{"a token for no time", "10.0.1.10", "PUT", tokenPath, []string{tokenRequest + "0"}, 400},
		{"a token for too long", "10.0.1.10", "PUT", tokenPath, []string{tokenRequest + "21601"}, 400},
		{"a token for a while", "10.0.1.10", "PUT", tokenPath, []string{tokenRequest + "a while"}, 400},
		{"a token through a proxy", "10.0.1.10", "PUT", tokenPath, []string{tokenRequest + "60", "X-Forwarded-For: 192.0.2.1"}, 403},
		{"another method", "10.0.1.10", "POST", id, nil, 405},
		{"something else to put", "10.0.1.10", "PUT", id, nil, 405},
		{"from an address of no instance", "10.0.1.12", "GET", id, nil, 404},
		{"a token for no instance", "10.0.1.12", "PUT", tokenPath, []string{tokenRequest + "60"}, 404},
	} {
		t.Run(row.name, func(t *testing.T) {
			if code, body, _ := l.do(row.from, row.method, row.path, row.headers...); code != row.code {
				t.Errorf("got %d %q, want %d", code, body, row.code)
			}
		})
	}
	l.now = l.now.Add(time.Minute)
	if code, _, _ := l.do("10.0.1.10", "GET", id, withToken+app); code != 401 {
		t.Errorf("with an expired token: got %d, want 401", code)
	}
	if code, _, _ := newLab().do("10.0.1.11", "GET", id, withToken+strict); code != 401 {
		t.Errorf("with another server's token: got %d, want 401", code)
	}
}

// TestCredentials: an instance finds the same ones again until others take their place, in time before they expire.
func TestCredentials(t *testing.T) {
	l := newLab()
	get := func() (c map[string]string) {
		code, body, _ := l.do("10.0.1.10", http.MethodGet, "/latest/meta-data/iam/security-credentials/reader")
		require.Equal(t, 200, code)
		require.NoError(t, json.Unmarshal([]byte(body), &c))
		return c
	}
	require.Equal(t, map[string]string{
		"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "secret", "Token": "i-app's token",
		"LastUpdated": "2026-08-01T12:00:00Z", "Expiration": "2026-08-01T18:00:00Z",
	}, get())
	_, info, _ := l.do("10.0.1.10", http.MethodGet, "/latest/meta-data/iam/info")
	require.JSONEq(t, `{"Code": "Success", "LastUpdated": "2026-08-01T12:00:00Z",
		"InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/reader", "InstanceProfileId": "AIPAEXAMPLE"}`, info)
	l.now = l.now.Add(5*time.Hour + 44*time.Minute)
	require.Equal(t, "2026-08-01T18:00:00Z", get()["Expiration"])
	require.Equal(t, 1, l.issued)
	l.now = l.now.Add(time.Minute)
	require.Equal(t, "2026-08-01T23:45:00Z", get()["Expiration"], "a quarter of an hour before they expire")
	require.Equal(t, 2, l.issued)
	token := l.token(t, "10.0.1.11", "60")
	if code, body, _ := l.do("10.0.1.11", http.MethodGet, "/latest/meta-data/iam/", withToken+token); code != 404 {
		t.Errorf("a role that is none: got %d %q, want 404", code, body)
	}
}

// FuzzPath: no path and no header makes the service fail, or say anything to an instance that owes it a token.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/", "/latest/meta-data/", "/latest/api/token", "/latest/meta-data/iam/security-credentials/reader", "//", "/latest/%00", "/latest/..;/meta-data"} {
		f.Add("GET", path, "60", "token")
	}
	f.Add("PUT", "/latest/api/token", "-1", "")
	l := newLab()
	f.Fuzz(func(t *testing.T, method, path, seconds, token string) {
		r := httptest.NewRequest(http.MethodGet, "http://169.254.169.254/", nil)
		r.Method, r.URL.Path, r.RemoteAddr = method, path, "10.0.1.11:40000"
		r.Header[http.CanonicalHeaderKey(tokenTTLHeader)] = []string{seconds}
		r.Header[http.CanonicalHeaderKey(tokenHeader)] = []string{token}
		w := httptest.NewRecorder()
		l.ServeHTTP(w, r)
		if w.Code == 200 && path != tokenPath {
			t.Errorf("%s %q with token %q: got %q", method, path, token, w.Body)
		}
	})
}
