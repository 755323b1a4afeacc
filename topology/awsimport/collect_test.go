package awsimport

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeAWS is an aws command that knows one account, answers each call from a file named for it, and writes down what it was asked.
const fakeAWS = `#!/bin/sh
echo "$*" >>"$ANSWERS/calls"
for word; do
	case $word in
	--profile=broken) echo "The config profile (broken) could not be found" >&2; exit 255 ;;
	describe-* | get-* | search-* | list-*) call=$word ;;
	tgw-rtb-* | pl-*) call=$call-$word ;;
	--query) call=$call-ids ;;
	esac
done
[ "$call" = get-caller-identity-ids ] && { echo 111111111111; exit; }
[ -f "$ANSWERS/$call" ] || { echo "An error occurred (UnauthorizedOperation) when calling $call" >&2; exit 254; }
cat "$ANSWERS/$call"
`

// collect runs a collecting script with the fake aws command and returns the folder it made, what it said and what it called.
func collect(t *testing.T, c Collect, answers map[string]string) (dir, output, calls string, err error) {
	t.Helper()
	script, err := c.Script()
	require.NoError(t, err)
	tmp := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(tmp, "bin"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(tmp, "bin", "aws"), []byte(fakeAWS), 0o700))
	for call, text := range answers {
		require.NoError(t, os.WriteFile(filepath.Join(tmp, call), []byte(text), 0o600))
	}
	cmd := exec.Command("sh", "-s", filepath.Join(tmp, "dump"))
	cmd.Stdin = strings.NewReader(script)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(tmp, "bin")+":"+os.Getenv("PATH"), "ANSWERS="+tmp)
	out, err := cmd.CombinedOutput()
	asked, _ := os.ReadFile(filepath.Join(tmp, "calls"))
	return filepath.Join(tmp, "dump"), string(out), string(asked), err
}

// answers are a small account with a transit gateway and a customer's prefix list.
func answers() map[string]string {
	all := map[string]string{
		"describe-vpcs":    `{"Vpcs": [{"VpcId": "vpc-00000001", "CidrBlock": "10.0.0.0/16"}]}`,
		"describe-subnets": `{"Subnets": [{"SubnetId": "subnet-00000001", "VpcId": "vpc-00000001", "CidrBlock": "10.0.1.0/24"}]}`,
		"describe-route-tables": `{"RouteTables": [{"RouteTableId": "rtb-00000001", "VpcId": "vpc-00000001", "Associations": [{"Main": true}],
			"Routes": [{"DestinationPrefixListId": "pl-0000000a", "TransitGatewayId": "tgw-00000001", "State": "active"}]}]}`,
		"describe-network-acls":                                         `{"NetworkAcls": [{"NetworkAclId": "acl-00000001", "VpcId": "vpc-00000001", "IsDefault": true, "Associations": [{"SubnetId": "subnet-00000001"}]}]}`,
		"describe-managed-prefix-lists":                                 `{"PrefixLists": [{"PrefixListId": "pl-0000000a", "PrefixListName": "office", "MaxEntries": 2}]}`,
		"describe-managed-prefix-lists-ids":                             "pl-0000000a",
		"get-managed-prefix-list-entries-pl-0000000a":                   `{"Entries": [{"Cidr": "192.0.2.0/24"}]}`,
		"describe-transit-gateway-route-tables-ids":                     "tgw-rtb-00000001",
		"describe-transit-gateway-route-tables":                         `{"TransitGatewayRouteTables": [{"TransitGatewayRouteTableId": "tgw-rtb-00000001", "TransitGatewayId": "tgw-00000001", "State": "available"}]}`,
		"describe-transit-gateways":                                     `{"TransitGateways": [{"TransitGatewayId": "tgw-00000001", "State": "available"}]}`,
		"describe-transit-gateway-attachments":                          `{"TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-00000001", "TransitGatewayId": "tgw-00000001", "ResourceType": "vpc", "ResourceId": "vpc-00000001", "State": "available"}]}`,
		"describe-transit-gateway-vpc-attachments":                      `{"TransitGatewayVpcAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-00000001", "TransitGatewayId": "tgw-00000001", "VpcId": "vpc-00000001", "State": "available", "SubnetIds": ["subnet-00000001"]}]}`,
		"get-transit-gateway-route-table-associations-tgw-rtb-00000001": `{"Associations": [{"TransitGatewayAttachmentId": "tgw-attach-00000001", "State": "associated"}]}`,
		"get-transit-gateway-route-table-propagations-tgw-rtb-00000001": `{"TransitGatewayRouteTablePropagations": [{"TransitGatewayAttachmentId": "tgw-attach-00000001", "State": "enabled"}]}`,
		"search-transit-gateway-routes-tgw-rtb-00000001":                `{"Routes": [{"DestinationCidrBlock": "192.0.2.0/24", "Type": "static", "State": "blackhole"}]}`,
		"describe-regions-ids":                                          "eu-west-1 eu-central-1",
		"get-bucket-policy":                                             `{"Policy": "{}"}`,
	}
	for call, list := range map[string]string{
		"internet-gateways": "InternetGateways", "egress-only-internet-gateways": "EgressOnlyInternetGateways", "nat-gateways": "NatGateways", "vpc-endpoints": "VpcEndpoints",
		"prefix-lists": "PrefixLists", "network-interfaces": "NetworkInterfaces", "instances": "Reservations", "security-groups": "SecurityGroups",
		"vpc-peering-connections": "VpcPeeringConnections", "addresses": "Addresses", "vpn-gateways": "VpnGateways",
	} {
		all["describe-"+call] = `{"` + list + `": []}`
	}
	return all
}

func TestACollectedDumpIsImportedWithoutAWarning(t *testing.T) {
	t.Parallel()
	dir, output, calls, err := collect(t, Collect{Regions: []string{"eu-west-1"}, Profiles: []string{"prod"}}, answers())
	require.NoError(t, err, output)
	require.Empty(t, output)
	d, err := Read(dir)
	require.NoError(t, err)
	r, err := Map(d, Options{})
	require.NoError(t, err)
	require.Empty(t, r.Warnings)
	require.Equal(t, "eu-west-1", r.Spec.Region, "by the folder")
	table := r.Spec.TransitGateways["tgw-00000001"].RouteTables["tgw-rtb-00000001"]
	require.Equal(t, []string{"tgw-attach-00000001"}, table.Associations)
	require.Equal(t, []string{"tgw-attach-00000001"}, table.Propagations)
	require.True(t, table.Routes[0].Blackhole)
	require.Equal(t, []string{"192.0.2.0/24"}, r.Spec.PrefixLists["office"].Entries)
	for _, call := range strings.Split(strings.TrimSpace(calls), "\n") {
		require.Regexp(t, `^--profile=prod (--region eu-west-1 )?(ec2|sts) (describe|get|search)-`, call)
	}
}

func TestCollectWithoutRegionsAsksWhichThereAre(t *testing.T) {
	t.Parallel()
	dir, output, _, err := collect(t, Collect{Buckets: []string{"logs"}}, answers())
	require.NoError(t, err, output)
	for _, name := range []string{"eu-west-1/Vpcs.json", "eu-central-1/Vpcs.json", "BucketPolicy-logs.json"} {
		require.FileExists(t, filepath.Join(dir, "accounts/111111111111", name))
	}
}

func TestCollectTellsWhichCallsFailed(t *testing.T) {
	t.Parallel()
	some := answers()
	delete(some, "describe-nat-gateways")
	dir, output, _, err := collect(t, Collect{Regions: []string{"eu-west-1"}}, some)
	require.ErrorContains(t, err, "exit status 1")
	require.Contains(t, output, "ec2 describe-nat-gateways failed:\n  An error occurred (UnauthorizedOperation)")
	require.Contains(t, output, "1 calls failed; the dump in "+dir+" is not complete")
	left, err := filepath.Glob(filepath.Join(dir, "accounts/*/*/NatGateways*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestCollectTakesNoWordThatTheShellWouldRead(t *testing.T) {
	t.Parallel()
	for _, c := range []Collect{
		{Profiles: []string{"a; rm -rf /"}}, {Profiles: []string{"-x"}}, {Regions: []string{"$(reboot)"}}, {Regions: []string{"us east 1"}}, {Buckets: []string{"a'b"}},
	} {
		_, err := c.Script()
		require.ErrorContains(t, err, ": not ", "%+v", c)
	}
}

func TestCollectingScriptsAreGoodShell(t *testing.T) {
	t.Parallel()
	for _, c := range []Collect{{}, {Profiles: []string{"a", "b@c"}, Regions: []string{"us-east-1", "us-gov-west-1"}, Buckets: []string{"logs.example"}}} {
		script, err := c.Script()
		require.NoError(t, err)
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}
