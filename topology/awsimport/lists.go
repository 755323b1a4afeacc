package awsimport

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"vpcsim/topology"
)

// list is how the elements of one list of the AWS CLI's output are taken.
type list func(d *Dump, raw []byte, at Place) topology.Errors

// lists are the lists that mean something to packets, by the key under which the AWS CLI prints them.
var lists = map[string]list{
	"Vpcs":                       of(func(d *Dump) *table[Vpc] { return &d.vpcs }, "VpcId", func(v *Vpc) string { return v.VpcId }),
	"Subnets":                    of(func(d *Dump) *table[Subnet] { return &d.subnets }, "SubnetId", func(s *Subnet) string { return s.SubnetId }),
	"RouteTables":                of(func(d *Dump) *table[RouteTable] { return &d.routeTables }, "RouteTableId", func(t *RouteTable) string { return t.RouteTableId }),
	"InternetGateways":           of(func(d *Dump) *table[InternetGateway] { return &d.internetGateways }, "InternetGatewayId", func(g *InternetGateway) string { return g.InternetGatewayId }),
	"EgressOnlyInternetGateways": of(func(d *Dump) *table[EgressOnlyInternetGateway] { return &d.egressOnly }, "EgressOnlyInternetGatewayId", func(g *EgressOnlyInternetGateway) string { return g.EgressOnlyInternetGatewayId }),
	"VpnGateways":                of(func(d *Dump) *table[VpnGateway] { return &d.vpnGateways }, "VpnGatewayId", func(g *VpnGateway) string { return g.VpnGatewayId }),
	"NatGateways":                of(func(d *Dump) *table[NatGateway] { return &d.natGateways }, "NatGatewayId", func(g *NatGateway) string { return g.NatGatewayId }),
	"VpcEndpoints":               of(func(d *Dump) *table[VpcEndpoint] { return &d.endpoints }, "VpcEndpointId", func(e *VpcEndpoint) string { return e.VpcEndpointId }),
	"NetworkInterfaces":          of(func(d *Dump) *table[NetworkInterface] { return &d.interfaces }, "NetworkInterfaceId", func(e *NetworkInterface) string { return e.NetworkInterfaceId }),
	"SecurityGroups":             of(func(d *Dump) *table[SecurityGroup] { return &d.securityGroups }, "GroupId", func(g *SecurityGroup) string { return g.GroupId }),
	"NetworkAcls":                of(func(d *Dump) *table[NetworkAcl] { return &d.networkAcls }, "NetworkAclId", func(a *NetworkAcl) string { return a.NetworkAclId }),
	"VpcPeeringConnections":      of(func(d *Dump) *table[VpcPeeringConnection] { return &d.peerings }, "VpcPeeringConnectionId", func(p *VpcPeeringConnection) string { return p.VpcPeeringConnectionId }),
	"Addresses": of(func(d *Dump) *table[Address] { return &d.addresses }, "PublicIp", func(a *Address) string {
		return cmp.Or(a.PublicIp, a.CarrierIp, a.CustomerOwnedIp)
	}),
	"TransitGateways":           of(func(d *Dump) *table[TransitGateway] { return &d.transitGateways }, "TransitGatewayId", func(g *TransitGateway) string { return g.TransitGatewayId }),
	"TransitGatewayAttachments": of(func(d *Dump) *table[TransitGatewayAttachment] { return &d.attachments }, "TransitGatewayAttachmentId", attachmentKey),
	"TransitGatewayRouteTables": of(func(d *Dump) *table[TransitGatewayRouteTable] { return &d.transitTables }, "TransitGatewayRouteTableId", func(t *TransitGatewayRouteTable) string { return t.TransitGatewayRouteTableId }),

	// The calls about one transit gateway route table, wrapped with its id, and as the AWS CLI prints them, the id being in the name of
	// the file only.
	"TransitGatewayPropagations":           of(transitContents, "TransitGatewayRouteTableId", func(t *TransitTableContents) string { return t.TransitGatewayRouteTableId }),
	"TransitGatewayStaticRoutes":           of(transitContents, "TransitGatewayRouteTableId", func(t *TransitTableContents) string { return t.TransitGatewayRouteTableId }),
	"TransitGatewayRouteTablePropagations": ofFile(tableID, "transit gateway route table (tgw-rtb-…)", propagationOf),
	"Associations":                         ofFile(tableID, "transit gateway route table (tgw-rtb-…)", associationOf),
	"Routes":                               ofFile(tableID, "transit gateway route table (tgw-rtb-…)", routeOf),
	"Entries":                              ofFile(prefixListID, "prefix list (pl-…)", entryOf),

	"TransitGatewayVpcAttachments": vpcAttachment,
	"PrefixLists":                  prefixList,
	"Reservations":                 reservation,
}

// attachmentKey tells attachments apart. The two ends of a peering attachment have one id (AcceptTransitGatewayPeeringAttachment).
func attachmentKey(a *TransitGatewayAttachment) string {
	if a.isPeering() && a.TransitGatewayAttachmentId != "" {
		return a.TransitGatewayAttachmentId + " " + a.TransitGatewayId
	}
	return a.TransitGatewayAttachmentId
}

func transitContents(d *Dump) *table[TransitTableContents] { return &d.transitContents }

// of takes the elements of a list whose objects have an id.
func of[T any](into func(*Dump) *table[T], field string, id func(*T) string) list {
	return func(d *Dump, raw []byte, at Place) topology.Errors {
		var v T
		if errs := decode(raw, &v, at); errs != nil {
			return errs
		}
		if id(&v) == "" {
			return topology.Errors{at.problem(field, "missing")}
		}
		into(d).add(id(&v), v, at)
		return nil
	}
}

// The ids that a file's name, or that of a folder it lies in, may have.
var (
	tableID      = regexp.MustCompile(`tgw-rtb-[0-9a-f]{8,17}`)
	prefixListID = regexp.MustCompile(`pl-[0-9a-f]{8,17}`)
)

// ofFile takes the elements of a list that is about one object, whose id is in the name of the file.
func ofFile[T any](id *regexp.Regexp, what string, add func(*Dump, string, T, Place)) list {
	return func(d *Dump, raw []byte, at Place) topology.Errors {
		var v T
		if errs := decode(raw, &v, at); errs != nil {
			return errs
		}
		names := id.FindAllString(at.File, -1)
		if names == nil && reflect.ValueOf(v).IsZero() { // of another service, which has a list of that name, too
			list, _, _ := strings.Cut(at.Path, "[")
			d.unknownLists[list]++
			return nil
		}
		if names == nil {
			list, _, _ := strings.Cut(at.Path, "[")
			d.warn(Warning{File: at.File, ID: list, Problem: fmt.Sprintf("the id of the %s is neither in the file nor in its name: left out, and packets go as if it had none of these", what)})
			return nil
		}
		add(d, names[len(names)-1], v, at)
		return nil
	}
}

func propagationOf(d *Dump, table string, m TransitMember, at Place) {
	d.transitContents.extend(table, at, func(t *TransitTableContents) {
		t.TransitGatewayRouteTableId = table
		t.TransitGatewayRouteTablePropagations = append(t.TransitGatewayRouteTablePropagations, m)
	})
}

func associationOf(d *Dump, table string, m TransitMember, at Place) {
	d.transitContents.extend(table, at, func(t *TransitTableContents) {
		t.TransitGatewayRouteTableId, t.Associations = table, append(t.Associations, m)
	})
}

func routeOf(d *Dump, table string, r TransitRoute, at Place) {
	d.transitContents.extend(table, at, func(t *TransitTableContents) {
		t.TransitGatewayRouteTableId, t.Routes = table, append(t.Routes, r)
	})
}

func entryOf(d *Dump, id string, e PrefixListEntry, at Place) {
	d.prefixLists.extend(at.Region+"/"+id, at, func(l *PrefixList) { l.PrefixListId, l.Cidrs = id, append(l.Cidrs, e.Cidr) })
}

// vpcAttachment takes an element of describe-transit-gateway-vpc-attachments, which leaves out what it is.
func vpcAttachment(d *Dump, raw []byte, at Place) topology.Errors {
	var a TransitGatewayAttachment
	errs := decode(raw, &a, at)
	if errs == nil && a.TransitGatewayAttachmentId == "" {
		errs = topology.Errors{at.problem("TransitGatewayAttachmentId", "missing")}
	}
	if errs == nil {
		a.ResourceType, a.ResourceId = "vpc", a.VpcId
		d.attachments.add(a.TransitGatewayAttachmentId, a, at)
	}
	return errs
}

// prefixList takes a prefix list, whose id is unique in its region only.
func prefixList(d *Dump, raw []byte, at Place) topology.Errors {
	var l PrefixList
	errs := decode(raw, &l, at)
	if errs == nil && l.PrefixListId == "" {
		errs = topology.Errors{at.problem("PrefixListId", "missing")}
	}
	if errs == nil {
		d.prefixLists.add(prefixListRegion(&l, at)+"/"+l.PrefixListId, l, at)
	}
	return errs
}

// prefixListRegion is the region of a prefix list, as far as it, or its file's folder, says.
func prefixListRegion(l *PrefixList, at Place) string {
	if arn := strings.Split(l.PrefixListArn, ":"); len(arn) > 3 && arn[3] != "" {
		return arn[3]
	}
	if parts := strings.Split(l.PrefixListName, "."); len(parts) > 3 && parts[0] == "com" && parts[1] == "amazonaws" {
		return parts[2]
	}
	return at.Region
}

// reservation takes the instances that were launched together, and the network interfaces that each is printed with.
func reservation(d *Dump, raw []byte, at Place) topology.Errors {
	var r Reservation
	errs := decode(raw, &r, at)
	if errs != nil {
		return errs
	}
	for i, instance := range r.Instances {
		here := at
		here.Path = fmt.Sprintf("%s.Instances[%d]", at.Path, i)
		if instance.InstanceId == "" {
			errs = append(errs, here.problem("InstanceId", "missing"))
			continue
		}
		for _, eni := range instance.NetworkInterfaces {
			if eni.NetworkInterfaceId != "" {
				eni.Attachment.InstanceId = instance.InstanceId
				d.interfaces.add(eni.NetworkInterfaceId, eni, here)
			}
		}
		d.instances.add(instance.InstanceId, instance, here)
	}
	return errs
}

// extend adds to the copy of an object that comes from one file, element by element.
func (t *table[T]) extend(id string, at Place, add func(*T)) {
	for i := range t.copies[id] {
		if c := &t.copies[id][i]; c.place.File == at.File {
			add(&c.value)
			return
		}
	}
	var v T
	add(&v)
	at.Path = ""
	t.add(id, v, at)
}
