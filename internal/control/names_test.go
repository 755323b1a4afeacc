package control

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"vpcsim/dataplane/drop"
)

// named is a lab in which nothing is allowed but what no filter judges: a VPC with everything, two with the same addresses of which one
// has no resolver, and one with name servers of its own.
const named = `
name: named
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8::/56
    enable_dns_hostnames: true
    internet_gateway: igw
    subnets:
      a: {cidr: 10.0.0.0/24, ipv6_cidr: "2001:db8::/64", network_acl: shut}
      b: {cidr: 10.0.1.0/24, network_acl: shut}
    network_acls: {shut: {}}
    security_groups: {shut: {egress: []}}
    instances:
      app: {subnet: a, address: 10.0.0.10, ipv6_addresses: ["2001:db8::10"], public_ip: 198.51.100.10, security_groups: [shut]}
      far: {subnet: b, address: 10.0.1.10, security_groups: [shut]}
  mute:
    cidr: 10.1.0.0/16
    enable_dns_support: false
    subnets: {a: {cidr: 10.1.0.0/24}}
    instances: {dumb: {subnet: a, address: 10.1.0.10}}
  twin:
    cidr: 10.1.0.0/16
    region: eu-west-1
    subnets: {a: {cidr: 10.1.0.0/24}}
    instances: {twin: {subnet: a, address: 10.1.0.10}}
  custom:
    cidr: 10.2.0.0/16
    dhcp_options: {domain_name: corp.example.com, domain_name_servers: [10.2.0.53]}
    subnets: {a: {cidr: 10.2.0.0/24}}
    instances:
      server: {subnet: a, address: 10.2.0.53}
      client: {subnet: a, address: 10.2.0.10}
internet:
  hosts:
    peer: {address: 203.0.113.10}
s3:
  buckets: {photos: {objects: {hello.txt: hello}}}
`

// output runs a program in an instance and returns what it says.
func (l *Lab) output(t testing.TB, on string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(args[0])
	if err != nil {
		t.Skip(err)
	}
	var out strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, l.Run(on, cmd))
	err = cmd.Wait()
	if !errors.As(err, new(*exec.ExitError)) {
		require.NoError(t, err)
	}
	return out.String()
}

// question is one for a name's addresses.
func question(t testing.TB, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
	b, err := m.Pack()
	require.NoError(t, err)
	return b
}

// resolve asks a name server from an instance, and returns the addresses that it names.
func (l *Lab) resolve(t testing.TB, on, network, server, name string) (all []string) {
	t.Helper()
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
		l.mu.Lock()
		n := l.find(on)
		l.mu.Unlock()
		err = n.ns.Do(func() (err error) {
			c, err = (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(server, "53"))
			return err
		})
		return c, err
	}}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	found, err := r.LookupNetIP(ctx, "ip4", name)
	require.NoError(t, err, "%s asks %s for %s over %s", on, server, name, network)
	for _, a := range found {
		all = append(all, a.Unmap().String())
	}
	slices.Sort(all)
	return all
}

// TestResolver asks at every address of the resolver, over UDP and TCP, from within its subnet and from another one, where security
// groups and network ACLs let nothing pass (aws-semantics 6.2, 8.1, 10).
func TestResolver(t *testing.T) {
	t.Parallel()
	l := startText(t, named, Options{})
	virginia := l.Network().S3.Regions[1]
	require.Equal(t, "us-east-1", virginia.Name)
	var s3 []string
	for _, a := range virginia.Addresses {
		s3 = append(s3, a.String())
	}
	slices.Sort(s3)
	for _, row := range []struct{ on, server string }{
		{"app", "10.0.0.2"}, {"app", "169.254.169.253"}, {"app", "fd00:ec2::253"}, {"far", "10.0.0.2"}, {"far", "169.254.169.253"},
		{"twin", "10.1.0.2"}, {"twin", "169.254.169.253"},
	} {
		for _, network := range []string{"udp", "tcp"} {
			require.Equal(t, s3, l.resolve(t, row.on, network, row.server, "s3.amazonaws.com."), "%v over %s", row, network)
			require.Equal(t, s3, l.resolve(t, row.on, network, row.server, "photos.s3.us-east-1.amazonaws.com."))
		}
	}
	before := l.resolve(t, "app", "udp", "10.0.0.2", "ec2-198-51-100-10.compute-1.amazonaws.com.")
	require.Equal(t, []string{"10.0.0.10"}, before, "inside its VPC the public name leads to the private address")
	require.Equal(t, []string{"198.51.100.10"}, l.resolve(t, "twin", "udp", "10.1.0.2", "ec2-198-51-100-10.compute-1.amazonaws.com."))
	require.Equal(t, []string{"10.0.1.10"}, l.resolve(t, "app", "tcp", "10.0.0.2", "ip-10-0-1-10.ec2.internal."))
	require.Equal(t, []string{"203.0.113.10"}, l.resolve(t, "app", "udp", "10.0.0.2", "peer."))

	_, err := l.Change(Change{AssociateAddress: &AssociateAddress{Instance: "app", PublicIP: "198.51.100.77"}})
	require.NoError(t, err)
	require.Equal(t, []string{"10.0.0.10"}, l.resolve(t, "app", "udp", "10.0.0.2", "ec2-198-51-100-77.compute-1.amazonaws.com."))
	require.Contains(t, l.output(t, "peer", "cat", "/etc/hosts"), "198.51.100.77 ec2-198-51-100-77.compute-1.amazonaws.com\n")
	require.Zero(t, l.Router().Counters().Drops[drop.SecurityGroup]+l.Router().Counters().Drops[drop.NetworkACL])
}

// TestFilesAboutNames: what instances and internet hosts find in the files by which programs look names up, each its own.
func TestFilesAboutNames(t *testing.T) {
	t.Parallel()
	l := startText(t, named, Options{})
	for _, row := range []struct{ on, want string }{
		{"app", "search ec2.internal\nnameserver 10.0.0.2\n"},
		{"far", "search ec2.internal\nnameserver 10.0.0.2\n"},
		{"dumb", "search ec2.internal\nnameserver 10.1.0.2\n"},
		{"twin", "search eu-west-1.compute.internal\nnameserver 10.1.0.2\n"},
		{"client", "search corp.example.com\nnameserver 10.2.0.53\n"},
		{"peer", "# the simulated internet has no name server; see /etc/hosts\n"},
	} {
		require.Equal(t, row.want, l.output(t, row.on, "cat", "/etc/resolv.conf"), row.on)
	}
	require.Equal(t, localhost, l.output(t, "app", "cat", "/etc/hosts"))
	public := l.output(t, "peer", "cat", "/etc/hosts")
	for _, want := range []string{"203.0.113.10 peer\n", "198.51.100.10 ec2-198-51-100-10.compute-1.amazonaws.com\n", " photos.s3.us-east-1.amazonaws.com\n", " s3.eu-west-1.amazonaws.com "} {
		require.Contains(t, public, want)
	}
	require.Equal(t, "hosts: files dns\n", l.output(t, "app", "grep", "^hosts:", "/etc/nsswitch.conf"))
}

// TestPrograms: the C library's resolver and curl find S3 by name.
func TestPrograms(t *testing.T) {
	t.Parallel()
	l := startText(t, named, Options{})
	require.Regexp(t, `^10\.0\.1\.10 +ip-10-0-1-10\.ec2\.internal`, l.output(t, "app", "getent", "hosts", "ip-10-0-1-10"), "completed by the search domain")
	require.Regexp(t, `^10\.0\.1\.10 +ip-10-0-1-10\.ec2\.internal`, l.output(t, "app", "getent", "hosts", "10.0.1.10"), "by address")
	require.Regexp(t, `^[0-9.]+ +photos\.s3\.us-east-1\.amazonaws\.com`, l.output(t, "app", "getent", "hosts", "photos.s3.us-east-1.amazonaws.com"))
	require.Regexp(t, `^203\.0\.113\.10 +peer`, l.output(t, "app", "getent", "hosts", "peer"))
	require.Empty(t, l.output(t, "app", "getent", "hosts", "example.org"))
	require.Regexp(t, `Could not resolve host: example\.org`, l.output(t, "app", "curl", "-sS", "--noproxy", "*", "http://example.org/"))
}

// TestNoDNSSupport: the resolver is not there, not at its own address and not at the link-local one, and metadata is.
func TestNoDNSSupport(t *testing.T) {
	t.Parallel()
	l := startText(t, named, Options{})
	l.inside(t, "dumb", func() error {
		c, err := net.Dial("udp", "169.254.169.253:53")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write(question(t, "s3.amazonaws.com.", dnsmessage.TypeA))
		return err
	})
	require.Contains(t, l.output(t, "dumb", "curl", "-sS", "--noproxy", "*", "http://169.254.169.254/latest/meta-data/local-ipv4"), "10.1.0.10")
	require.EqualValues(t, 1, l.Router().Counters().Drops[drop.NoPossibleDestination], "what was sent before has been dropped")
	mute := l.Network().VPC("mute")
	l.mu.Lock()
	defer l.mu.Unlock()
	_, answered := (*l.neighboursOf(mute.Subnets[0]).Load())[mute.Resolver()]
	require.False(t, answered, "nobody answers ARP for the resolver")
}

// TestOwnNameServer: the name servers of the DHCP option set are asked, and nobody else.
func TestOwnNameServer(t *testing.T) {
	t.Parallel()
	l := startText(t, named, Options{})
	var c *net.UDPConn
	l.inside(t, "server", func() (err error) {
		c, err = net.ListenUDP("udp", &net.UDPAddr{Port: 53})
		return err
	})
	t.Cleanup(func() { c.Close() })
	go answerAll(c)
	require.Regexp(t, `^192\.0\.2\.99 +STREAM db\.corp\.example\.com`, l.output(t, "client", "getent", "ahostsv4", "db"), "completed by its domain")
	require.Regexp(t, `^192\.0\.2\.99`, l.output(t, "client", "getent", "ahostsv4", "s3.amazonaws.com"))
	require.Regexp(t, `^ip-10-2-0-10\.corp\.example\.com$`, l.output(t, "client", "curl", "-sS", "--noproxy", "*", "http://169.254.169.254/latest/meta-data/local-hostname"))
}

// answerAll says 192.0.2.99 to every question.
func answerAll(c *net.UDPConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		m = dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
		if q.Type == dnsmessage.TypeA {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 99}},
			}}
		}
		if out, err := m.Pack(); err == nil {
			_, _ = c.WriteToUDPAddrPort(out, from)
		}
	}
}
