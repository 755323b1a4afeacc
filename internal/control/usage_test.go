package control

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/drop"
)

// whole complains of a Usage in which packets are lost, of the router or of an interface.
func (u *Usage) whole(t *testing.T) {
	t.Helper()
	sum := func(drops []DropView) (n uint64) {
		for _, d := range drops {
			n += d.Packets
		}
		return n
	}
	if u.Router.PacketsIn != u.Router.PacketsOut+sum(u.Router.Drops) {
		t.Errorf("the router: %+v", u.Router)
	}
	for _, i := range u.Interfaces {
		if i.PacketsSent+i.PacketsResumed != i.PacketsForwarded+sum(i.Drops) {
			t.Errorf("%+v", i)
		}
	}
}

// TestUsageOfALab: two requests on one connection to S3 by the internet gateway, one by the endpoint, and a ping from the internet that no rule lets in.
func TestUsageOfALab(t *testing.T) {
	if _, err := exec.LookPath("ping"); err != nil {
		t.Skip("a ping needs ping: ", err)
	}
	l := start(t, Options{})
	ids := map[string]string{}
	for _, e := range l.Network().NetworkInterfaces() {
		ids[e.Name] = e.ID
	}
	conn := l.dial(t, "app", s3Address)
	require.NoError(t, ask(conn))
	require.NoError(t, ask(conn))
	done, err := l.Change(createEndpoint)
	require.NoError(t, err)
	require.NotEmpty(t, done.ID)
	require.NoError(t, ask(l.dial(t, "app", s3Address)))
	ping := exec.Command("ping", "-c", "3", "-i", "0.2", "-W", "1", "198.51.100.10")
	require.NoError(t, l.Run("peer", ping))
	require.Error(t, ping.Wait())

	u := l.Usage()
	u.whole(t)
	endpoint := l.Network().VPCs[0].Endpoints[0]
	gateways := map[string]GatewayUsage{}
	for _, g := range u.Gateways {
		gateways[g.TargetType] = g
	}
	require.Equal(t, endpoint.ID, gateways["vpce"].GatewayID)
	for kind, g := range gateways {
		if g.Egress.Packets < 3 || g.Ingress.Packets < 3 || g.Refused.Packets+g.RefusedIn.Packets != 0 {
			t.Errorf("%s: %+v", kind, g)
		}
	}
	routes := map[string]uint64{}
	for _, r := range u.Routes {
		if r.RouteTableID == l.Network().VPCs[0].Subnets[0].RouteTable.ID {
			routes[r.Destination] = r.Packets
		}
	}
	require.Equal(t, gateways["vpce"].Egress.Packets, routes[endpoint.PrefixList.ID])
	require.Equal(t, gateways["igw"].Egress.Packets, routes["0.0.0.0/0"])
	for _, i := range u.Interfaces {
		switch i.NetworkInterfaceID {
		case ids["app"]:
			require.EqualValues(t, 3, i.MismatchesIngress.Packets)
			require.Empty(t, i.Drops)
		case l.Network().InternetHosts[0].ID:
			require.Equal(t, []DropView{{drop.SecurityGroup.String(), drop.SecurityGroup.Sentence(), 3, 3 * 84}}, i.Drops)
		}
	}
	require.Equal(t, []S3Usage{{"", 1, 2, u.S3[0].BytesIn, u.S3[0].BytesOut}, {endpoint.ID, 1, 1, u.S3[1].BytesIn, u.S3[1].BytesOut}}, u.S3)
	require.EqualValues(t, 2, u.Commits)
	require.GreaterOrEqual(t, u.Events, 2, "the change, and the connection that it cut")

	d := l.describe()
	opened := uint64(0)
	for _, g := range d.SecurityGroups {
		for _, p := range g.Egress {
			if p.CountView != nil {
				opened += p.Packets
			}
		}
	}
	require.EqualValues(t, 2, opened, "a rule counts connections, not their packets")
	for _, table := range d.RouteTables {
		for _, r := range table.Routes {
			require.NotNil(t, r.CountView, r.Destination())
			if table.RouteTableID == l.Network().VPCs[0].Subnets[0].RouteTable.ID {
				require.Equal(t, routes[r.Destination()], r.Packets, r.Destination())
			}
		}
	}
	for _, a := range d.NetworkAcls {
		for _, e := range a.Entries {
			require.NotNil(t, e.CountView, "%+v", e)
			require.Equal(t, e.RuleAction == "allow", e.Packets > 0, "%+v", e)
		}
	}
}

// TestTopShowsWhatIsBusy: the flow of a program that sends without end, at both of its interfaces, and no flow before anybody asked.
func TestTopShowsWhatIsBusy(t *testing.T) {
	s, c := serve(t)
	l := s.lab
	l.echo(t, "app", 7)
	conn := l.dial(t, "other", "10.0.1.10:7")
	first, err := c.Top(context.Background())
	require.NoError(t, err)
	require.Empty(t, first.FlowRates)
	require.Eventually(t, func() bool {
		for range 10 {
			require.NoError(t, echoes(conn))
		}
		top, err := c.Top(context.Background())
		require.NoError(t, err)
		for _, f := range top.FlowRates {
			if f.Instance == "app" && f.Protocol == "tcp" && f.Local == "10.0.1.10:7" && f.Remote == conn.LocalAddr().String() && f.PacketsSent > 0 && f.BytesReceived > 0 {
				return true
			}
		}
		return false
	}, patience, 50*time.Millisecond)
}

func TestEntriesAreInTheOrderOfTheirNumbers(t *testing.T) {
	var u Usage
	for _, id := range []string{"acl-b#1", "acl-a#*", "acl-a#100", "acl-a#90", "acl-a#32766", "acl-a#1000"} {
		u.Entries = append(u.Entries, RuleUsage{RuleID: id, Egress: true}, RuleUsage{RuleID: id})
	}
	u.Rules = []RuleUsage{{RuleID: "sg-a/sgr-b"}, {RuleID: "sg-a/sgr-a"}}
	u.order()
	var got []string
	for _, e := range u.Entries {
		if !e.Egress {
			got = append(got, e.RuleID)
			continue
		}
		require.Equal(t, got[len(got)-1], e.RuleID, "outbound after inbound")
	}
	require.Equal(t, []string{"acl-a#90", "acl-a#100", "acl-a#1000", "acl-a#32766", "acl-a#*", "acl-b#1"}, got)
	require.Equal(t, []RuleUsage{{RuleID: "sg-a/sgr-a"}, {RuleID: "sg-a/sgr-b"}}, u.Rules)
}
