package control

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/port"
	"vpcsim/internal/nstest"
	"vpcsim/topology"
)

const twins = `
name: twins
region: us-east-1
vpcs:
  one:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8::/56
    internet_gateway: igw
    enable_dns_hostnames: true
    subnets:
      a: {cidr: 10.0.0.0/24, ipv6_cidr: "2001:db8::/64", az: us-east-1b}
      b: {cidr: 10.0.1.0/24, az: us-east-1b}
    instances:
      app:
        interfaces:
          - {subnet: a, address: 10.0.0.10, ipv6_addresses: ["2001:db8::10"], secondary_addresses: [10.0.0.11], public_ip: 198.51.100.10}
          - {subnet: b, address: 10.0.1.10}
  two:
    cidr: 10.0.0.0/16
    region: ap-northeast-1
    subnets: {a: {cidr: 10.0.0.0/24}}
    instances:
      app2: {role: reader, subnet: a, address: 10.0.0.10, instance_type: m7i.large, image_id: ami-0123456789abcdef0, metadata_tokens: required, metadata_tags: enabled}
iam:
  account: "210987654321"
  roles: {reader: {}}
`

// sighting is a port that tells what the router reads from it.
type sighting struct {
	port.Port
	see func(*packet.Packet)
}

func (s sighting) Read(batch []*packet.Packet) (int, error) {
	n, err := s.Port.Read(batch)
	for _, p := range batch[:n] {
		s.see(p)
	}
	return n, err
}

// TestMetadata: instances with the same address learn each of itself, and a token goes one hop.
func TestMetadata(t *testing.T) {
	t.Parallel()
	nstest.RequireTAP(t)
	var mu sync.Mutex
	hops := map[bool][]byte{} // of what carries an answer: whether it is a token's
	spec, src, err := topology.Parse("twins.vpc.yml", []byte(twins))
	require.NoError(t, err)
	l, err := Start(spec, src, Options{watch: func(d device, p port.Port) port.Port {
		if !strings.HasPrefix(d.id, "services-") {
			return p
		}
		return sighting{p, func(p *packet.Packet) {
			text := string(p.Bytes())
			if _, body, ok := strings.Cut(text, "HTTP/1.1 200"); ok && text[0]>>4 == 4 {
				mu.Lock()
				defer mu.Unlock()
				token := strings.Contains(body, http.CanonicalHeaderKey("X-aws-ec2-metadata-token-ttl-seconds"))
				hops[token] = append(hops[token], text[8])
			}
		}}
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })

	app, app2 := l.Network().Instance("app"), l.Network().Instance("app2")
	one, two := l.imds(t, "app"), l.imds(t, "app2")
	require.Equal(t, app.ID, one.get(t, "/latest/meta-data/instance-id"))
	require.Equal(t, "us-east-1b", one.get(t, "/latest/meta-data/placement/availability-zone"))
	require.Equal(t, "ec2-198-51-100-10.compute-1.amazonaws.com", one.get(t, "/latest/meta-data/public-hostname"))
	require.Equal(t, "10.0.0.10\n10.0.0.11", one.get(t, fmt.Sprintf("/latest/meta-data/network/interfaces/macs/%s/local-ipv4s", net.HardwareAddr(app.Interfaces[0].MAC[:]))))
	require.Equal(t, app.Interfaces[1].Subnet.ID, one.get(t, fmt.Sprintf("/latest/meta-data/network/interfaces/macs/%s/subnet-id", net.HardwareAddr(app.Interfaces[1].MAC[:]))))
	require.Equal(t, "404", one.get(t, "/latest/meta-data/tags/instance/Name"), "tags are disabled")
	require.Equal(t, "404", one.get(t, "/latest/meta-data/iam/info"), "there is no role")

	require.Equal(t, "401", two.get(t, "/latest/meta-data/instance-id"), "a token is required")
	token := two.ask(t, http.MethodPut, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
	with := func(path string) string { return two.ask(t, http.MethodGet, path, "X-aws-ec2-metadata-token", token) }
	require.Equal(t, app2.ID, with("/latest/meta-data/instance-id"))
	require.Equal(t, "ap-northeast-1", with("/latest/meta-data/placement/region"))
	require.Equal(t, "m7i.large", with("/latest/meta-data/instance-type"))
	require.Equal(t, "ami-0123456789abcdef0", with("/latest/meta-data/ami-id"))
	require.Equal(t, "app2", with("/latest/meta-data/tags/instance/Name"))
	require.Equal(t, "404", with("/latest/meta-data/public-ipv4"))
	require.Contains(t, with("/latest/meta-data/iam/info"), `"arn:aws:iam::210987654321:instance-profile/reader"`)
	require.Equal(t, "reader", with("/latest/meta-data/iam/security-credentials/"))
	credentials := with("/latest/meta-data/iam/security-credentials/reader")
	require.Contains(t, credentials, `"AccessKeyId": "ASIA`)
	require.Equal(t, credentials, with("/latest/meta-data/iam/security-credentials/reader"), "the same ones again")
	require.Equal(t, "401", one.ask(t, http.MethodGet, "/latest/meta-data/instance-id", "X-aws-ec2-metadata-token", token), "the token is another instance's")

	require.Contains(t, l.output(t, "app", "curl", "-gsS", "--noproxy", "*", "http://[fd00:ec2::254]/latest/meta-data/instance-id"), app.ID)
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, map[bool][]byte{true: {1}, false: bytes.Repeat([]byte{64}, 14)}, hops)
}

// imds is a connection to the instance metadata service.
type imds struct {
	conn    net.Conn
	answers *bufio.Reader
}

func (l *Lab) imds(t *testing.T, on string) imds {
	c := l.dial(t, on, "169.254.169.254:80")
	return imds{c, bufio.NewReader(c)}
}

func (c imds) get(t *testing.T, path string) string {
	return c.ask(t, http.MethodGet, path, "X-Nothing", "0")
}

// ask returns what an answer holds, or its code if that is not 200.
func (c imds) ask(t *testing.T, method, path, header, value string) string {
	t.Helper()
	_, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: 169.254.169.254\r\n%s: %s\r\nContent-Length: 0\r\n\r\n", method, path, header, value)
	require.NoError(t, err)
	r, err := http.ReadResponse(c.answers, nil)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	if r.StatusCode != http.StatusOK {
		return fmt.Sprint(r.StatusCode)
	}
	return string(body)
}
