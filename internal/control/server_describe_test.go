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
		{FlowView{}, "NetworkInterfaceId Instance Protocol Local Remote Direction Path SourceAtDestination State Cut Untracked Opened LastSeen"},
		{Counters{}, "PacketsIn BytesIn PacketsOut BytesOut Resets ICMPErrors Drops PacketsResumed BytesResumed"},
		{DropView{}, "Reason Description Packets Bytes"},
		{Usage{}, "Time Router NetworkInterfaces Gateways NatGateways Routes SecurityGroupRules NetworkAclEntries S3 Flows Events Commits CaptureDropped Uncounted"},
		{InterfaceUsage{}, "NetworkInterfaceId Name PacketsSent BytesSent PacketsForwarded BytesForwarded PacketsReceived BytesReceived PacketsResumed Drops " +
			"MismatchesIngress MismatchesEgress"},
		{GatewayUsage{}, "GatewayId Egress Refused Ingress RefusedIngress TargetType"},
		{NATUsage{}, "NatGatewayId Metrics"},
		{RouteUsage{}, "RouteTableId Destination Packets Bytes"},
		{RuleUsage{}, "RuleId IsEgress Packets Bytes"},
		{S3Usage{}, "VpcEndpointId Connections Requests BytesIn BytesOut"},
		{Top{}, "Usage FlowRates NatPorts"},
		{FlowRate{}, "NetworkInterfaceId Instance Protocol Local Remote PacketsSentPerSecond PacketsReceivedPerSecond BytesSentPerSecond BytesReceivedPerSecond"},
		{NATPortView{}, "NatGatewayId Sessions Ports Protocol Address Destination"},
		{Description{}, "Name Region Preset Vpcs Subnets RouteTables VpcEndpoints NatGateways VpcPeeringConnections TransitGateways " +
			"SecurityGroups NetworkAcls Instances NetworkInterfaces PrefixLists InternetHosts"},
		{VpcView{}, "VpcId Name CidrBlock SecondaryCidrBlocks Ipv6CidrBlock InternetGatewayId EgressOnlyInternetGatewayId"},
		{SubnetView{}, "SubnetId Name VpcId CidrBlock Ipv6CidrBlock AvailabilityZone RouteTableId NetworkAclId"},
		{RouteTableView{}, "RouteTableId Name VpcId Main SubnetIds GatewayId Routes"},
		{RouteView{}, "DestinationCidrBlock DestinationIpv6CidrBlock DestinationPrefixListId GatewayId NatGatewayId NetworkInterfaceId " +
			"VpcPeeringConnectionId TransitGatewayId EgressOnlyInternetGatewayId State Origin Packets Bytes"},
		{EndpointView{}, "VpcEndpointId Name VpcEndpointType VpcId ServiceName State PrefixListId RouteTableIds PolicyDocument"},
		{NATGatewayView{}, "NatGatewayId Name VpcId SubnetId ConnectivityType State NatGatewayAddresses Metrics"},
		{NATAddressView{}, "NetworkInterfaceId PrivateIp PublicIp IsPrimary"},
		{PeeringView{}, "VpcPeeringConnectionId Name RequesterVpcInfo AccepterVpcInfo Status"},
		{PeeringSideView{}, "VpcId CidrBlock"},
		{TransitGatewayView{}, "TransitGatewayId Name State TransitGatewayAttachments TransitGatewayRouteTables"},
		{TransitAttachmentView{}, "TransitGatewayAttachmentId Name ResourceType VpcId SubnetIds TransitGatewayRouteTableId"},
		{TransitTableView{}, "TransitGatewayRouteTableId Name Routes"},
		{TransitRouteView{}, "DestinationCidrBlock TransitGatewayAttachmentId Type State"},
		{SecurityGroupView{}, "GroupId GroupName VpcId IpPermissions IpPermissionsEgress"},
		{PermissionView{}, "SecurityGroupRuleId IpProtocol FromPort ToPort IpRanges Ipv6Ranges PrefixListIds UserIdGroupPairs Packets Bytes"},
		{NetworkACLView{}, "NetworkAclId Name VpcId IsDefault Entries Associations"},
		{ACLEntryView{}, "RuleNumber Protocol RuleAction Egress CidrBlock Ipv6CidrBlock PortRange IcmpTypeCode Packets Bytes"},
		{InstanceView{}, "InstanceId Name VpcId NetworkInterfaces"},
		{InterfaceView{}, "NetworkInterfaceId Name InterfaceType Description SubnetId PrivateIpAddress SecondaryPrivateIpAddresses Ipv6Addresses PublicIp SecondaryPublicIps MacAddress SourceDestCheck Groups"},
		{PrefixListView{}, "PrefixListId PrefixListName AddressFamily OwnerId State MaxEntries Version Cidrs"},
		{PrefixListEntries{}, "Entries"},
		{PrefixListEntryView{}, "Cidr"},
		{InternetHostView{}, "HostId Name IpAddress Ipv6Address"},
		{Event{}, "Sequence Time MonotonicNs Event ChangeId Instance NetworkInterfaceId Protocol Local Remote Direction PathBefore PathAfter " +
			"TargetBefore TargetAfter SourceBefore SourceAfter AfterCommitNs Reason Peer VpcEndpointId Error NatGatewayId ErrorPortAllocation Lost Request"},
	} {
		var names []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(row.of)) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "" {
				names = append(names, name)
			}
		}
		if got := strings.Join(names, " "); got != row.want {
			t.Errorf("%T:\n got %s\nwant %s", row.of, got, row.want)
		}
	}
}
