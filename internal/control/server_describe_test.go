package control

import (
	"reflect"
	"strings"
	"testing"
)

// TestShapes pins the names that scripts rely on.
func TestShapes(t *testing.T) {
	for _, row := range []struct {
		of   any
		want string
	}{
		{ChangeResult{}, "ChangeId CommittedAt DryRun Flows"},
		{Flows{}, "Total Flows"},
		{FlowView{}, "NetworkInterfaceId Instance Protocol Local Remote Direction Path SourceAtDestination State Cut Opened LastSeen"},
		{Counters{}, "PacketsIn BytesIn PacketsOut BytesOut Resets Drops"},
		{DropView{}, "Reason Description Packets"},
		{Description{}, "Name Region Preset Vpcs Subnets RouteTables VpcEndpoints Instances PrefixLists InternetHosts"},
		{VpcView{}, "VpcId Name CidrBlock SecondaryCidrBlocks InternetGatewayId"},
		{SubnetView{}, "SubnetId Name VpcId CidrBlock AvailabilityZone RouteTableId"},
		{RouteTableView{}, "RouteTableId Name VpcId Main SubnetIds Routes"},
		{RouteView{}, "DestinationCidrBlock DestinationPrefixListId GatewayId State Origin"},
		{EndpointView{}, "VpcEndpointId Name VpcEndpointType VpcId ServiceName State PrefixListId RouteTableIds"},
		{InstanceView{}, "InstanceId Name VpcId NetworkInterfaces"},
		{InterfaceView{}, "NetworkInterfaceId SubnetId PrivateIpAddress SecondaryPrivateIpAddresses PublicIp MacAddress SourceDestCheck"},
		{PrefixListView{}, "PrefixListId PrefixListName OwnerId Cidrs"},
		{InternetHostView{}, "HostId Name IpAddress"},
		{Event{}, "Time MonotonicNs Event ChangeId Instance NetworkInterfaceId Protocol Local Remote PathBefore PathAfter " +
			"TargetBefore TargetAfter SourceBefore SourceAfter AfterCommitNs Reason Request"},
	} {
		var names []string
		typ := reflect.TypeOf(row.of)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name != "" {
				names = append(names, name)
			}
		}
		if got := strings.Join(names, " "); got != row.want {
			t.Errorf("%T:\n got %s\nwant %s", row.of, got, row.want)
		}
	}
}
