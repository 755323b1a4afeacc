package probe

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// walled is a VPC in which one packet meets several refusals, each of which would be the next one to find.
const walled = `
name: walled
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      a: {cidr: 10.0.1.0/24, route_table: public, network_acl: wall}
      b: {cidr: 10.0.2.0/24, route_table: public, network_acl: wall}
      c: {cidr: 10.0.3.0/24, route_table: none}
    nat_gateways: {nat: {subnet: b, address: 10.0.2.5, public_ip: 198.51.100.5}}
    route_tables:
      public: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}
      none: {routes: [{destination: 192.0.2.0/24, target: nat}]}
    security_groups:
      mute: {egress: []}
      web: {ingress: [{id: sgr-00000000000000001, protocol: tcp, ports: 443, peer: 0.0.0.0/0}]}
    network_acls:
      wall:
        ingress: [{number: 90, action: deny, protocol: tcp, ports: 22, cidr: 0.0.0.0/0}, {number: 100, action: allow, protocol: all, cidr: 0.0.0.0/0}]
        egress: [{number: 100, action: allow, protocol: tcp, ports: 0-1023, cidr: 0.0.0.0/0}]
    instances:
      client: {subnet: a, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [mute]}
      server: {subnet: b, address: 10.0.2.10, security_groups: [web]}
      inner: {subnet: c, address: 10.0.3.10, security_groups: [web]}
internet: {hosts: {peer: {address: 203.0.113.10}}}
`

// blocked writes the blockers of an answer as stage and reason, those of the way back with an arrow before them.
func blocked(a *Answer) (all []string) {
	for _, b := range a.Blockers {
		way := ""
		if b.Way == wayBack {
			way = "<- "
		}
		all = append(all, way+b.Stage+" "+b.Reason)
	}
	return all
}

// TestAllBlockers: a packet that filters drop is followed to its end, and so is the answer to it.
func TestAllBlockers(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, walled)
	for name, row := range map[string]struct {
		query    Query
		blockers []string
	}{
		"behind a NAT gateway that lets nobody in there is no way": {Query{From: "server", To: "10.0.2.5", Protocol: "tcp", Port: 443}, []string{"gateway X_NAT_NO_MAPPING"}},
		"groups at both ends, and ACLs both ways": {
			Query{From: "client", To: "server", Protocol: "tcp", Port: 22},
			[]string{
				"security-group SG_HAS_NO_RULES", "network-acl SUBNET_ACL_RESTRICTION", "security-group ENI_SG_RULES_MISMATCH",
				"<- network-acl SUBNET_ACL_RESTRICTION",
			},
		},
		"only the answer": {
			Query{From: "inner", To: "server", Protocol: "tcp", Port: 443}, []string{"<- network-acl SUBNET_ACL_RESTRICTION"},
		},
		"filters, and then the end of the way": {
			Query{From: "client", To: "10.0.9.9", Protocol: "tcp", Port: 4000},
			[]string{"security-group SG_HAS_NO_RULES", "network-acl SUBNET_ACL_RESTRICTION", "route NO_POSSIBLE_DESTINATION"},
		},
		"nothing beyond a route that is not there": {
			Query{From: "inner", To: "peer", Protocol: "tcp", Port: 443}, []string{"route NO_ROUTE_TO_DESTINATION"},
		},
		"a datagram that is too large, behind a group": {
			Query{From: "client", To: "peer", Protocol: "tcp", Port: 443, Size: 1501}, []string{"security-group SG_HAS_NO_RULES", "gateway X_MTU_EXCEEDED"},
		},
		"through a NAT gateway": {
			Query{From: "inner", To: "internet:192.0.2.7", Protocol: "udp", Port: 4000},
			[]string{"network-acl SUBNET_ACL_RESTRICTION", "<- network-acl SUBNET_ACL_RESTRICTION"},
		},
	} {
		a, err := tracer.Trace(row.query)
		require.NoError(t, err, name)
		require.Equal(t, row.blockers, blocked(a), name)
		for _, b := range a.Blockers {
			require.NotEmpty(t, b.Cure, name)
		}
		if first := a.Blockers[0]; first.Way == "" {
			require.Equal(t, [...]string{Dropped, first.Reason, first.By, first.Where}, [...]string{a.Verdict, a.Reason, a.By, a.Where}, name)
			require.Contains(t, a.Hops[max(0, len(a.Hops)-2):], a.By, name) // behind a NAT gateway's interface stands its own id
			require.Empty(t, a.SourceAtDestination, name)
		}
	}
}

// TestStepsBehindABlockerAreSupposed: they are told apart from those that the packet really takes.
func TestStepsBehindABlockerAreSupposed(t *testing.T) {
	t.Parallel()
	a, err := tracerOf(t, walled).Trace(Query{From: "client", To: "server", Protocol: "tcp", Port: 22})
	require.NoError(t, err)
	met := false
	for _, s := range a.Steps {
		require.Equal(t, met, s.Supposed, "%+v", s)
		met = met || s.Drop != ""
	}
	require.Len(t, a.Hops, 1)
}

// TestStepsNameTheirRules: every step has the very rule, entry, route and rewrite that applied.
func TestStepsNameTheirRules(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, walled)
	a, err := tracer.Trace(Query{From: "peer", To: "client", Protocol: "tcp", Port: 443})
	require.NoError(t, err)
	require.Equal(t, "destination 198.51.100.10 becomes 10.0.1.10", a.Steps[2].Rule)
	mute := tracer.Network.Instance("client").Interfaces[0].SecurityGroups[0].ID
	require.Equal(t, "ingress of "+mute+"; the interface's security groups have no rule in this direction", a.Steps[5].Rule)
	a, err = tracer.Trace(Query{From: "inner", To: "server", Protocol: "tcp", Port: 443})
	require.NoError(t, err)
	n := tracer.Network
	server := n.Instance("server").Interfaces[0]
	require.Equal(t, n.Subnet("b").ACL.ID+"#100", a.Steps[5].Where)
	require.Equal(t, "ingress of "+n.Subnet("b").ID+": allows everything from 0.0.0.0/0", a.Steps[5].Rule)
	require.Equal(t, "ingress rule "+server.SecurityGroups[0].ID+"/sgr-00000000000000001: tcp 443 from 0.0.0.0/0, untracked", a.Steps[6].Rule)
}

// TestEstablished: a packet in the middle of a connection needs no rule that lets it in, only one that lets it go on, and the NAT gateway
// that is in its way is supposed to know it.
func TestEstablished(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, walled)
	for name, row := range map[string]struct {
		query    Query
		blockers []string
	}{
		"groups let through what belongs to a connection, ACLs keep none": {
			Query{From: "client", To: "server", Protocol: "tcp", Port: 22, Connection: Established},
			[]string{"network-acl SUBNET_ACL_RESTRICTION", "<- network-acl SUBNET_ACL_RESTRICTION"},
		},
		"a segment through a NAT gateway": {Query{From: "inner", To: "internet:192.0.2.7", Protocol: "tcp", Port: 443, Connection: Established}, []string{"<- network-acl SUBNET_ACL_RESTRICTION"}},
		"there is no way for any packet":  {Query{From: "inner", To: "peer", Protocol: "tcp", Port: 443, Connection: Established}, []string{"route NO_ROUTE_TO_DESTINATION"}},
	} {
		a, err := tracer.Trace(row.query)
		require.NoError(t, err, name)
		require.Equal(t, row.blockers, blocked(a), name)
	}
	a, err := tracer.Trace(Query{From: "inner", To: "internet:192.0.2.7", Protocol: "tcp", Port: 443, Connection: Established})
	require.NoError(t, err)
	require.Equal(t, "198.51.100.5", a.SourceAtDestination)
	_, err = tracer.Trace(Query{From: "inner", To: "peer", Protocol: "tcp", Port: 443, Connection: "old"})
	require.ErrorContains(t, err, `ct "old": must be new or established`)
}
