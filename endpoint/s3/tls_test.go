package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint"
)

// TestHTTPS: clients that trust the lab's authority reach every name of S3 in the lab's regions, and no other name.
func TestHTTPS(t *testing.T) {
	s := guarded(t, Bucket{Name: "photos", Objects: []Object{{Key: "k", Content: []byte("v")}}, Policy: `{"Statement":[
		{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}`})
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = s.ServeTLS(l, endpoint.Origin{VPC: "vpc-1", Endpoint: "vpce-1"}) }()
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(s.Authority()))
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
		},
		ForceAttemptHTTP2: true,
	}}
	t.Cleanup(client.CloseIdleConnections)
	for host, want := range map[string]string{
		"photos.s3.us-east-1.amazonaws.com":           "v",
		"photos.s3.amazonaws.com":                     "v",
		"photos.s3.dualstack.us-east-1.amazonaws.com": "v",
		"photos.s3-us-east-1.amazonaws.com":           "v",
		"photos.s3.eu-west-1.amazonaws.com":           "PermanentRedirect",
		"photos.s3.us-west-2.amazonaws.com":           "certificate", // a region that the lab has not
		"my.photos.s3.us-east-1.amazonaws.com":        "certificate", // a wildcard is one label, as at AWS
		"example.com":                                 "certificate",
	} {
		t.Run(host, func(t *testing.T) {
			resp, err := client.Get("https://" + host + "/k")
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				got = string(body)
				if resp.ProtoMajor != 1 {
					t.Errorf("S3 speaks %s", resp.Proto)
				}
			}
			if !strings.Contains(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	for _, c := range s.Connections() {
		if c.Origin.Endpoint != "vpce-1" {
			t.Errorf("a connection by %v", c.Origin)
		}
	}
}

// TestTheAuthorityIsGoodForNothingElse: who trusts a lab trusts it with Amazon's names alone.
func TestTheAuthorityIsGoodForNothingElse(t *testing.T) {
	s := newService(t, Config{})
	leaf, err := x509.ParseCertificate(s.tls.Certificates[0].Certificate[0])
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(s.Authority()))
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "photos.s3.us-east-1.amazonaws.com"}); err != nil {
		t.Error(err)
	}
	other := newService(t, Config{})
	otherRoots := x509.NewCertPool()
	require.True(t, otherRoots.AppendCertsFromPEM(other.Authority()))
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: otherRoots}); err == nil {
		t.Error("another lab's authority vouches for it")
	}
}
