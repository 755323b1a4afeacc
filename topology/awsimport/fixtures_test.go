package awsimport

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

// withIDs writes the id of the fixtures' n-th thing of a kind; in the matrix below KIND#N stands for it.
func withIDs(text string) string {
	for _, kind := range []string{"vpc", "eni", "igw", "acl", "rtb", "vgw", "tgw", "pcx", "nat", "vpce", "tgw-rtb", "tgw-attach"} {
		for _, n := range "123456789ab" {
			text = strings.ReplaceAll(text, " "+kind+"-"+string(n)+" ", " "+kind+"-0000000000000000"+string(n)+" ")
		}
	}
	return text
}

// fixtures are verdicts about the topologies in testdata, by hand: from, to, protocol and port, why it is dropped or ok, by what.
var fixtures = map[string][]string{
	"public": {
		"internet 198.51.100.91 tcp 22 ok eni-1 ",
		"internet 198.51.100.91 icmp 0 ENI_SG_RULES_MISMATCH eni-1 ",
		"web internet tcp 443 ok host ",
	},
	"peering": {
		"web-0001 10.2.1.252 tcp 22 ok eni-2 ", // the second network ACL lets in this address alone
		"web-0002 10.1.1.100 tcp 22 ok eni-1 ", // by a rule that names the group of the peered VPC
		"web-0002 10.1.1.100 icmp 0 ok eni-1 ",
		"web-0001 10.2.1.252 icmp 0 ENI_SG_RULES_MISMATCH eni-2 ",
		"web-0001 10.9.0.1 tcp 80 BAD_STATE_ROUTE rtb-1 ",
	},
	"shared": {
		"back 10.0.1.10 tcp 80 ok eni-1 ", // a rule of the owner's group names the guest's
		"front 10.0.1.11 tcp 80 SG_HAS_NO_RULES eni-2 ",
	},
	"nat-endpoint": {
		"front internet tcp 443 ENI_SG_RULES_MISMATCH eni-1 ", // out to S3 and 10.0.0.0/8 only
		"eni-2 internet tcp 443 IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS igw-1 ",
		"batch internet tcp 443 ok host ",
		"batch 52.216.0.77 tcp 443 ok vpce-1 ",
		"batch 52.216.0.77 udp 443 VPCE_GATEWAY_PROTOCOL_RESTRICTION vpce-1 ",
		"batch 52.94.0.9 tcp 443 UNSUPPORTED_COMPONENT rtb-2 ", // the DynamoDB endpoint
		"batch 192.168.0.1 tcp 443 BAD_STATE_ROUTE rtb-2 ",
		"internet 198.51.100.12 tcp 443 ok eni-1 ", // the public address of a secondary private one
		"internet 198.51.100.100 tcp 443 X_NAT_NO_MAPPING eni-a ",
	},
	"transit": {
		"host-a 10.2.1.100 tcp 80 NO_POSSIBLE_DESTINATION vpc-2 ",
		"host-a 10.2.1.10 tcp 80 TGW_RTB_BAD_STATE_ROUTE tgw-rtb-1 ", // a static blackhole in a propagated range
		"host-b 10.1.1.10 tcp 80 ENI_SG_RULES_MISMATCH eni-1 ",
		"host-b 192.168.1.1 tcp 80 TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT tgw-rtb-2 ",
		"host-a 192.168.1.1 tcp 80 UNSUPPORTED_COMPONENT tgw-rtb-1 ", // the default goes to Direct Connect
	},
	"transit-calls": {
		"host-a 192.168.1.1 tcp 80 UNSUPPORTED_COMPONENT tgw-rtb-1 ", // a route that the VPN propagated
		"host-b 10.1.1.10 tcp 80 TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT tgw-rtb-2 ",
	},
	"associated": {
		"eni-3 10.2.1.10 tcp 443 ok eni-2 ",
		"eni-3 10.2.1.10 tcp 80 ENI_SG_RULES_MISMATCH eni-2 ",
	},
	"transit-peers": {
		"host-1 10.2.1.10 icmp 0 ok eni-2 ",
		"host-2 10.1.1.10 tcp 22 ok eni-1 ",
		"host-1 10.3.1.10 tcp 22 TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT tgw-rtb-1 ",
	},
	"vgw": {
		"app 192.168.0.1 tcp 80 UNSUPPORTED_COMPONENT rtb-1 ",
		"app 172.16.0.1 tcp 80 UNSUPPORTED_COMPONENT rtb-1 ",
		"app 100.96.0.1 tcp 80 UNSUPPORTED_COMPONENT rtb-1 ",
		"app 100.64.0.1 tcp 80 UNSUPPORTED_COMPONENT rtb-1 ",
	},
	"interfaces": {
		"node 10.0.1.10 tcp 443 ok eni-1 ", // an interface endpoint
		"node 198.51.100.1 tcp 80 UNSUPPORTED_COMPONENT rtb-1 ",
		"node 192.0.2.1 tcp 80 ENI_SOURCE_DEST_CHECK_RESTRICTION eni-6 ", // by way of an interface attached to nothing
	},
	"dangling": {
		"app 10.9.0.1 tcp 80 UNSUPPORTED_COMPONENT rtb-1 ",
		"app 10.8.0.1 tcp 80 UNSUPPORTED_COMPONENT rtb-1 ",
		"app 8.8.8.8 tcp 80 UNSUPPORTED_COMPONENT rtb-1 ",
		"app 172.17.0.1 tcp 80 BAD_STATE_ROUTE rtb-1 ",
	},
}

func TestImportedFixturesAnswerAsTheirRulesSay(t *testing.T) {
	for name, lines := range fixtures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile("testdata/" + name + ".txtar")
			require.NoError(t, err)
			text := archive.Files[len(archive.Files)-1]
			require.Equal(t, "lab.vpc.yml", text.Name)
			spec, _, err := topology.Parse(text.Name, text.Data)
			require.NoError(t, err)
			n, err := topology.Resolve(spec, nil)
			require.NoError(t, err)
			var rows []verdict
			for _, line := range lines {
				w := strings.Fields(withIDs(" " + line))
				row := verdict{from: w[0], to: w[1], protocol: w[2], reason: w[4], by: w[5]}
				for _, digit := range w[3] {
					row.port = row.port*10 + uint16(digit-'0')
				}
				if row.reason == "ok" {
					row.reason = ""
				}
				if row.by == "host" {
					row.by = n.InternetHosts[0].ID
				}
				rows = append(rows, row)
			}
			judge(t, spec, rows)
		})
	}
}
