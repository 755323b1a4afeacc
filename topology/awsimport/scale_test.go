package awsimport

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/topology"
)

// big writes a dump of an account with 5,000 network interfaces of 2,500 instances, 500 subnets, 200 route tables and 10,000 rules,
// with the fields around them that the AWS CLI prints and nobody reads.
func big(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	id := func(kind string, n int) string { return fmt.Sprintf("%s-0%016x", kind, n) }
	const vpcs, subnets, tables, groups, instances = 5, 500, 200, 250, 2500
	type object = map[string]any
	write := func(key string, list []object) {
		text, err := json.MarshalIndent(object{key: list}, "", "    ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, key+".json"), text, 0o600))
	}
	lists := map[string][]object{}
	add := func(key string, o object) { lists[key] = append(lists[key], o) }
	for v := range vpcs {
		cidr := fmt.Sprintf("10.%d.0.0/16", v)
		add("Vpcs", object{"VpcId": id("vpc", v), "CidrBlock": cidr, "OwnerId": "123456789012", "CidrBlockAssociationSet": []object{{"CidrBlock": cidr, "CidrBlockState": object{"State": "associated"}}}})
		add("InternetGateways", object{"InternetGatewayId": id("igw", v), "Attachments": []object{{"VpcId": id("vpc", v), "State": "available"}}})
	}
	for s := range subnets {
		v := s % vpcs
		add("Subnets", object{
			"SubnetId": id("subnet", s), "VpcId": id("vpc", v), "CidrBlock": fmt.Sprintf("10.%d.%d.0/24", v, s/vpcs),
			"AvailabilityZone": "us-east-1b", "AvailabilityZoneId": "use1-az2", "Tags": []object{{"Key": "Name", "Value": "app"}},
		})
	}
	for r := range tables {
		v := r % vpcs
		associations := []object{{"Main": r < vpcs}}
		for s := range subnets {
			if s%tables == r {
				associations = append(associations, object{"Main": false, "SubnetId": id("subnet", s)})
			}
		}
		routes := []object{
			{"DestinationCidrBlock": fmt.Sprintf("10.%d.0.0/16", v), "GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"},
			{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": id("igw", v), "Origin": "CreateRoute", "State": "active"},
		}
		add("RouteTables", object{"RouteTableId": id("rtb", r), "VpcId": id("vpc", v), "Associations": associations, "Routes": routes})
	}
	for g := range groups {
		var permissions []object
		for p := range 40 {
			permissions = append(permissions, object{"IpProtocol": "tcp", "FromPort": 1000 + p, "ToPort": 1000 + p, "IpRanges": []object{{"CidrIp": fmt.Sprintf("10.0.%d.0/24", p), "Description": "from the office"}}})
		}
		add("SecurityGroups", object{
			"GroupId": id("sg", g), "GroupName": fmt.Sprintf("group-%d", g), "VpcId": id("vpc", g%vpcs), "IpPermissions": permissions,
			"IpPermissionsEgress": []object{{"IpProtocol": "-1", "IpRanges": []object{{"CidrIp": "0.0.0.0/0"}}}},
		})
	}
	for i := range instances {
		subnet := i % subnets
		var enis []object
		for n := range 2 {
			eni := object{
				"NetworkInterfaceId": id("eni", 2*i+n), "SubnetId": id("subnet", subnet), "VpcId": id("vpc", subnet%vpcs), "InterfaceType": "interface",
				"Groups": []object{{"GroupId": id("sg", i*vpcs%groups+subnet%vpcs), "GroupName": "group"}}, "SourceDestCheck": true, "Status": "in-use",
				"MacAddress": "06:ee:0b:85:d1:1e", "PrivateDnsName": "ip-10-0-0-91.ec2.internal", "Description": "Primary network interface",
				"PrivateIpAddresses": []object{{"Primary": true, "PrivateIpAddress": fmt.Sprintf("10.%d.%d.%d", subnet%vpcs, subnet/vpcs, 10+2*(i/subnets)+n)}},
				"Attachment":         object{"InstanceId": id("i", i), "DeviceIndex": n, "Status": "attached", "AttachTime": "2020-02-12 18:00:16+00:00"},
			}
			enis = append(enis, eni)
			add("NetworkInterfaces", eni)
		}
		add("Reservations", object{"ReservationId": id("r", i), "Instances": []object{{
			"InstanceId": id("i", i), "State": object{"Name": "running", "Code": 16}, "VpcId": id("vpc", subnet%vpcs), "NetworkInterfaces": enis,
			"Tags": []object{{"Key": "Name", "Value": "web"}}, "ImageId": "ami-0d8f6eb4f641ef691", "Placement": object{"AvailabilityZone": "us-east-1b"},
		}}})
	}
	for key, list := range lists {
		write(key, list)
	}
	return dir
}

// cpuTime is what the process has used of the processors: a machine that does other things too changes little of it.
func cpuTime(t testing.TB) time.Duration {
	var used unix.Rusage
	require.NoError(t, unix.Getrusage(unix.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestABigAccountIsImportedSoon bounds the processor time from the folder to the checked network, and what it takes of memory.
func TestABigAccountIsImportedSoon(t *testing.T) {
	dir := big(t)
	start := cpuTime(t)
	since := func() time.Duration { return cpuTime(t) - start }
	d, err := Read(dir)
	require.NoError(t, err)
	read := since()
	r, err := Map(d, Options{})
	require.NoError(t, err)
	mapped := since()
	text, err := r.Spec.YAML()
	require.NoError(t, err)
	written := since()
	spec, src, err := topology.Parse("big.vpc.yml", text)
	require.NoError(t, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(t, err)
	resolved := since()
	t.Logf("read %v, mapped %v, written %v (%d bytes), parsed and resolved %v", read, mapped, written, len(text), resolved)
	require.Len(t, r.Warnings, 1)
	require.Len(t, n.NetworkInterfaces(), 5000)
	if limit := 30 * time.Second; written > limit { // the figure is BenchmarkBigAccount's; this is for what would take minutes
		t.Errorf("took %v to import, more than %v", written, limit)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("heap %d MiB", m.HeapSys>>20)
}

// BenchmarkBigAccount is the whole import of a big account, from the folder to the text of the file.
func BenchmarkBigAccount(b *testing.B) {
	dir := big(b)
	for b.Loop() {
		d, err := Read(dir)
		require.NoError(b, err)
		r, err := Map(d, Options{})
		require.NoError(b, err)
		_, err = r.Spec.YAML()
		require.NoError(b, err)
	}
}
