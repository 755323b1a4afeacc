package awsimport

import "cmp"

// subnetVPC is the VPC of a subnet of the plan.
func (t *terraform) subnetVPC(subnet string) string {
	for _, s := range t.dump.subnets.copies[subnet] {
		return s.value.VpcId
	}
	return ""
}

func (t *terraform) networkInterface(r *resource) {
	subnet := t.id(r.node, "subnet_id", "aws_subnet")
	e := NetworkInterface{
		NetworkInterfaceId: r.id(), SubnetId: subnet, VpcId: t.subnetVPC(subnet), InterfaceType: r.text("interface_type"), TagSet: r.tags(),
		Groups: groupsOf(t.ids(r.node, "security_groups", "aws_security_group")), PrivateIpAddress: automatic, Description: r.text("description"),
	}
	if r.isNot("source_dest_check") {
		e.SourceDestCheck = new(bool)
	}
	ips := r.texts("private_ips")
	if len(ips) > 0 {
		e.PrivateIpAddress = cmp.Or(r.text("private_ip"), ips[0])
	}
	e.PrivateIpAddresses = []PrivateAddress{{PrivateIpAddress: e.PrivateIpAddress, Primary: true}}
	for _, ip := range ips {
		if ip != e.PrivateIpAddress {
			e.PrivateIpAddresses = append(e.PrivateIpAddresses, PrivateAddress{PrivateIpAddress: ip})
		}
	}
	for _, block := range r.blocks("attachment") {
		e.Attachment = InterfaceAttachment{InstanceId: t.id(block, "instance", "aws_instance"), DeviceIndex: block.number("device_index")}
	}
	if e.VpcId == "" {
		t.lost(r, "subnet_id")
		return
	}
	t.needGroups(&e)
	*part(t.parts.enis, r.id()) = e
}

// needGroups gives a network interface without security groups the default one, as AWS does.
func (t *terraform) needGroups(e *NetworkInterface) {
	for id, g := range t.parts.groups {
		if len(e.Groups) == 0 && g.VpcId == e.VpcId && g.GroupName == "default" {
			e.Groups = groupsOf([]string{id})
		}
	}
}

func (t *terraform) instance(r *resource) {
	id := r.id()
	i := Instance{InstanceId: id, Tags: r.tags()}
	i.State.Name = r.text("instance_state")
	for _, block := range r.blocks("network_interface") {
		if e := t.parts.enis[t.id(block, "network_interface_id", "aws_network_interface")]; e != nil {
			e.Attachment = InterfaceAttachment{InstanceId: id, DeviceIndex: block.number("device_index")}
			i.VpcId = e.VpcId
		}
	}
	if i.VpcId == "" {
		i.VpcId = t.primaryInterface(r)
	}
	if i.VpcId == "" {
		t.lost(r, "subnet_id")
		return
	}
	t.dump.instances.add(id, i, r.place(t))
}

// primaryInterface makes the network interface that an instance is launched with, and returns its VPC; empty if nobody can say
// which that is.
func (t *terraform) primaryInterface(r *resource) string {
	subnet := t.id(r.node, "subnet_id", "aws_subnet", "aws_default_subnet")
	e := NetworkInterface{
		NetworkInterfaceId: r.made("primary_network_interface_id"), SubnetId: subnet, VpcId: t.subnetVPC(subnet),
		Groups: groupsOf(t.ids(r.node, "vpc_security_group_ids", "aws_security_group")), PrivateIpAddress: cmp.Or(r.text("private_ip"), automatic),
		Attachment: InterfaceAttachment{InstanceId: r.id()},
	}
	if r.isNot("source_dest_check") {
		e.SourceDestCheck = new(bool)
	}
	e.PrivateIpAddresses = []PrivateAddress{{PrivateIpAddress: e.PrivateIpAddress, Primary: true}}
	for _, ip := range r.texts("secondary_private_ips") {
		e.PrivateIpAddresses = append(e.PrivateIpAddresses, PrivateAddress{PrivateIpAddress: ip})
	}
	_, known := r.values["public_ip"]
	switch {
	case known:
		e.Association.PublicIp = r.text("public_ip")
	case r.is("associate_public_ip_address"), !r.isNot("associate_public_ip_address") && t.mapsPublicIP(subnet):
		e.Association.PublicIp = automatic
	}
	if e.VpcId == "" {
		return ""
	}
	t.needGroups(&e)
	*part(t.parts.enis, e.NetworkInterfaceId) = e
	t.parts.places[e.NetworkInterfaceId] = r.place(t)
	return e.VpcId
}

// mapsPublicIP reports whether instances in a subnet get a public address.
func (t *terraform) mapsPublicIP(subnet string) bool {
	for _, r := range t.resources {
		if r.id() == subnet {
			return r.is("map_public_ip_on_launch")
		}
	}
	return false
}

func (t *terraform) interfaceAttachment(r *resource) {
	e, instance := t.parts.enis[t.id(r.node, "network_interface_id", "aws_network_interface")], t.id(r.node, "instance_id", "aws_instance")
	if e == nil || instance == "" {
		t.lost(r, "network_interface_id or instance_id")
		return
	}
	e.Attachment = InterfaceAttachment{InstanceId: instance, DeviceIndex: r.number("device_index")}
}

// elasticIP gives the address of an aws_eip or aws_eip_association to the network interface it is for.
func (t *terraform) elasticIP(r *resource) {
	instance := cmp.Or(t.id(r.node, "instance", "aws_instance"), t.id(r.node, "instance_id", "aws_instance"))
	eni := cmp.Or(t.id(r.node, "network_interface", "aws_network_interface", "aws_instance"), t.id(r.node, "network_interface_id", "aws_network_interface", "aws_instance"))
	public := cmp.Or(r.text("public_ip"), t.publicIP(t.id(r.node, "allocation_id", "aws_eip")), automatic)
	private := cmp.Or(r.text("associate_with_private_ip"), r.text("private_ip_address"))
	for id, e := range t.parts.enis {
		if id != eni && (eni != "" || instance == "" || e.Attachment.InstanceId != instance || e.Attachment.DeviceIndex != 0) {
			continue
		}
		for i := range e.PrivateIpAddresses {
			if a := &e.PrivateIpAddresses[i]; a.PrivateIpAddress == private || private == "" && a.Primary {
				a.Association.PublicIp = public
			}
		}
	}
}
