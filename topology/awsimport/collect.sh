# Where the files go, and that each call that failed is told and leaves no file.
export AWS_PAGER=
umask 077
dir=${1:-aws-dump}
failed=0

# get FILE AWS-ARGUMENTS…: what one call prints.
get() {
	file=$1
	shift
	mkdir -p "${file%/*}"
	if aws "$@" --output json >"$file.part" 2>"$file.log"; then
		mv "$file.part" "$file"
	else
		failed=$((failed + 1))
		echo "collect: aws $* failed:" >&2
		sed 's/^/  /' "$file.log" >&2
		rm -f "$file.part"
	fi
	rm -f "$file.log"
}

# ids AWS-ARGUMENTS…: the ids that one call prints, a word each.
ids() {
	aws "$@" --output text || echo "collect: aws $* failed" >&2
}

# region PROFILE-ARGUMENT REGION: everything about the VPCs of one region.
region() {
	where=$dir/accounts/$account/$2
	for list in \
		Vpcs=describe-vpcs \
		Subnets=describe-subnets \
		RouteTables=describe-route-tables \
		InternetGateways=describe-internet-gateways \
		EgressOnlyInternetGateways=describe-egress-only-internet-gateways \
		NatGateways=describe-nat-gateways \
		VpcEndpoints=describe-vpc-endpoints \
		PrefixLists=describe-prefix-lists \
		ManagedPrefixLists=describe-managed-prefix-lists \
		NetworkInterfaces=describe-network-interfaces \
		Reservations=describe-instances \
		SecurityGroups=describe-security-groups \
		NetworkAcls=describe-network-acls \
		VpcPeeringConnections=describe-vpc-peering-connections \
		Addresses=describe-addresses \
		VpnGateways=describe-vpn-gateways \
		TransitGateways=describe-transit-gateways \
		TransitGatewayAttachments=describe-transit-gateway-attachments \
		TransitGatewayVpcAttachments=describe-transit-gateway-vpc-attachments \
		TransitGatewayRouteTables=describe-transit-gateway-route-tables; do
		get "$where/${list%%=*}.json" $1 --region "$2" ec2 "${list#*=}"
	done
	for id in $(ids $1 --region "$2" ec2 describe-managed-prefix-lists --query 'PrefixLists[].PrefixListId'); do
		get "$where/PrefixListEntries-$id.json" $1 --region "$2" ec2 get-managed-prefix-list-entries --prefix-list-id "$id"
	done
	for id in $(ids $1 --region "$2" ec2 describe-transit-gateway-route-tables --query 'TransitGatewayRouteTables[].TransitGatewayRouteTableId'); do
		get "$where/TransitGatewayAssociations-$id.json" $1 --region "$2" ec2 get-transit-gateway-route-table-associations --transit-gateway-route-table-id "$id"
		get "$where/TransitGatewayPropagations-$id.json" $1 --region "$2" ec2 get-transit-gateway-route-table-propagations --transit-gateway-route-table-id "$id"
		get "$where/TransitGatewayRoutes-$id.json" $1 --region "$2" ec2 search-transit-gateway-routes --transit-gateway-route-table-id "$id" --filters Name=type,Values=static,propagated
	done
}

# bucket PROFILE-ARGUMENT BUCKET: the policy of one bucket.
bucket() {
	get "$dir/accounts/$account/BucketPolicy-$2.json" $1 s3api get-bucket-policy --bucket "$2"
}
