package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
)

// TestServices: an interface endpoint takes connections on port 443 and ignores pings, in both IP versions; what is sent to a load
// balancer arrives where nobody is.
func TestServices(t *testing.T) {
	t.Parallel()
	l := startText(t, `
name: services
region: eu-central-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8::/56
    subnets: {a: {cidr: 10.0.1.0/24, ipv6_cidr: "2001:db8::/64"}}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}, {protocol: all, peer: "::/0"}]}}
    instances:
      app: {subnet: a, address: 10.0.1.10, ipv6_addresses: ["2001:db8::10"]}
    network_interfaces:
      ssm: {type: vpc_endpoint, subnet: a, address: 10.0.1.20, ipv6_addresses: ["2001:db8::20"], security_groups: [open]}
      nlb: {type: network_load_balancer, subnet: a, address: 10.0.1.30, security_groups: []}
`, Options{})
	for _, to := range []string{"10.0.1.20:443", "[2001:db8::20]:443"} {
		l.inside(t, "app", func() error {
			c, err := net.DialTimeout("tcp", to, patience)
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err = c.Read(make([]byte, 1)); err == nil {
				return errors.New("it said something")
			}
			return nil // it has ended the connection
		})
	}
	ssm := l.Network().NetworkInterface("ssm")
	for _, file := range []string{"ipv4/icmp_echo_ignore_all", "ipv6/icmp/echo_ignore_all"} {
		var text []byte
		require.NoError(t, l.nodes[ssm.ID].ns.Do(func() (err error) { text, err = os.ReadFile("/proc/sys/net/" + file); return err }))
		require.Equal(t, "1\n", string(text), file)
	}
	for _, to := range []string{"10.0.1.20:80", "[2001:db8::20]:80"} {
		l.inside(t, "app", func() error {
			_, err := net.DialTimeout("tcp", to, 200*time.Millisecond)
			if !os.IsTimeout(err) {
				return fmt.Errorf("%s: got %v, want no word", to, err)
			}
			return nil
		})
	}
	l.inside(t, "app", func() error {
		c, err := net.Dial("udp", "10.0.1.30:53")
		if err == nil {
			_, err = c.Write([]byte("anybody?"))
			c.Close()
		}
		return err
	})
	arrived := func() bool { return l.Router().Counters().Drops[drop.NoPort] == 1 }
	require.Eventually(t, arrived, patience, time.Millisecond, "the kernel sends it when it knows the neighbour")
	require.Nil(t, l.find("ssm"), "no place for programs")
	require.Equal(t, []string{"app"}, l.names())
}
