package awsimport

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// sortInterfaces gives instances to their VPCs with their network interfaces, and the network interfaces that are left.
func (m *mapper) sortInterfaces() {
	of := map[string][]string{} // instance -> its network interfaces
	for _, id := range m.dump.interfaces.ids() {
		e := m.dump.interfaces.get(id)
		if i := e.Attachment.InstanceId; i != "" && e.Attachment.Status != "detached" && m.fits(id, e) {
			of[i] = append(of[i], id)
		}
	}
	m.attached, m.interfacesOf = map[string]string{}, map[string][]string{}
	for _, id := range m.dump.instances.ids() {
		i := m.dump.instances.get(id)
		m.sortInstance(id, i, of[id])
	}
	for _, id := range m.dump.interfaces.ids() {
		e := m.dump.interfaces.get(id)
		if m.attached[id] != "" || m.taken[id] || e.InterfaceType == "transit_gateway" && m.transitInterface(id, e) || !m.fits(id, e) {
			continue
		}
		v := m.byID[e.VpcId]
		v.enis = append(v.enis, id)
		m.names.want(id, nameTag(e.TagSet), v.targets(), "host")
	}
}

// sortInstance gives an instance to its VPC if it runs there. The interfaces of one that is stopped stay, with nobody to answer.
func (m *mapper) sortInstance(id string, i *Instance, enis []string) {
	place, state := m.dump.instances.place(id), i.State.Name
	if state == "terminated" || state == "shutting-down" {
		m.fates.ignored("Instances", id, state)
		return
	}
	vpcID := i.VpcId
	if vpcID == "" && len(enis) > 0 {
		vpcID = m.dump.interfaces.get(enis[0]).VpcId
	}
	enis = slices.DeleteFunc(enis, func(e string) bool { return m.dump.interfaces.get(e).VpcId != vpcID })
	if state != "" && state != "running" {
		m.leave("Instances", id, state, place, i.Tags, "the instance is "+state+": its network interfaces stay, and nobody answers at them")
		return
	}
	if vpcID == "" {
		m.leave("Instances", id, "in no VPC", place, i.Tags, "in no VPC, or without network interfaces in the dump: left out, and no packet reaches it")
		return
	}
	v := m.in("Instances", id, vpcID)
	switch {
	case v == nil:
	case len(enis) == 0:
		m.leave("Instances", id, "no network interface", place, i.Tags, "none of its network interfaces is in the dump with a subnet and an IPv4 address: left out, and no packet reaches it")
	default:
		slices.SortFunc(enis, func(a, b string) int {
			x, y := m.dump.interfaces.get(a).Attachment.DeviceIndex, m.dump.interfaces.get(b).Attachment.DeviceIndex
			return cmp.Or(cmp.Compare(x, y), strings.Compare(a, b))
		})
		v.instances = append(v.instances, id)
		m.names.want(id, nameTag(i.Tags), v.targets(), "host")
		for _, e := range enis {
			m.attached[e] = id
		}
		m.interfacesOf[id] = enis
	}
}

// fits reports whether a network interface can be in the topology, after noting why it can't.
func (m *mapper) fits(id string, e *NetworkInterface) bool {
	if is, said := m.fates.of("NetworkInterfaces")[id]; said && is.ignored {
		return false
	}
	v := m.in("NetworkInterfaces", id, e.VpcId)
	if v == nil {
		return false
	}
	why, what := "", e.Description
	a, err := netip.ParseAddr(primary(e))
	switch {
	case !v.hasSubnet(e.SubnetId) && m.dump.subnets.get(e.SubnetId) != nil:
		why = "its subnet " + e.SubnetId + " is left out"
	case !v.hasSubnet(e.SubnetId):
		why = "its subnet " + e.SubnetId + " is not in the dump"
	case primary(e) == automatic && v.hasSubnet(e.SubnetId):
		return true
	case primary(e) == "":
		why = "it has no IPv4 address"
	case err != nil || !contains(m.dump.subnets.get(e.SubnetId).CidrBlock, a):
		why = "its address " + primary(e) + " is not one of its subnet's"
	default:
		if other := m.claim(e, id); other != "" {
			why = "its address is also that of " + other
			break
		}
		return true
	}
	if what != "" {
		what = " (" + what + ")"
	}
	m.leave("NetworkInterfaces", id, "it can't be placed", m.dump.interfaces.place(id), e.TagSet, why+what+": left out, and no packet reaches it")
	return false
}

// claim takes the private addresses of an interface for it, unless another has one; that it returns.
func (m *mapper) claim(e *NetworkInterface, id string) (other string) {
	mine := []string{primary(e)}
	for _, a := range e.PrivateIpAddresses {
		mine = append(mine, a.PrivateIpAddress)
	}
	for _, a := range mine {
		if other := m.owner[e.VpcId+" "+a]; other != "" && other != id {
			return other
		}
	}
	for _, a := range mine {
		m.owner[e.VpcId+" "+a] = id
	}
	return ""
}

func contains(cidr string, a netip.Addr) bool {
	p, err := netip.ParsePrefix(cidr)
	return err == nil && p.Contains(a)
}

// explicit is an address for the topology, which writes none that it is to choose.
func explicit(address string) string {
	if address == automatic {
		return ""
	}
	return address
}

// primary returns the primary private IPv4 address of an interface.
func primary(e *NetworkInterface) string {
	for _, a := range e.PrivateIpAddresses {
		if a.Primary {
			return a.PrivateIpAddress
		}
	}
	if e.PrivateIpAddress == "" && len(e.PrivateIpAddresses) > 0 {
		return e.PrivateIpAddresses[0].PrivateIpAddress
	}
	return e.PrivateIpAddress
}
