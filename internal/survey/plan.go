package survey

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/internal/control"
	"vpcsim/internal/prober"
)

// sender is an instance that asks.
type sender struct {
	name, eni string   // its primary network interface
	own       []string // private IPv4 addresses, of all interfaces
	source    netip.AddrPort
	subnets   []string // of its interfaces
}

// target is who is asked.
type target struct {
	name    string
	address string   // or the name that stands for it
	enis    []string // its network interfaces; nil of what is outside of the VPCs
	service bool     // it runs no prober
	subnet  string   // that the address is in
	mac     string   // of who has it
}

// isS3 says whether the target is a region's S3.
func (t target) isS3() bool { return t.service && t.enis == nil }

// firstSource is the first of the dynamic ports (RFC 6335 6), as traces have it. Every sender has one of its own: what two ask of
// one another is never the two directions of one connection.
const firstSource = 49152

// newSurvey plans what to ask: every instance asks for the primary private IPv4 address of every other one and of every interface
// endpoint, for every internet host, and for S3.
func newSurvey(d *control.Description, o Options) *survey {
	s := &survey{}
	source := uint16(firstSource)
	for _, i := range d.Instances {
		for slices.Contains(o.Ports, source) {
			source++
		}
		s.add(i, source)
		source++
	}
	s.targets = append(s.targets, services(d)...)
	for _, from := range s.senders {
		for _, to := range s.targets {
			s.plan(from, to, o)
		}
	}
	return s
}

// services are the targets that are no instances.
func services(d *control.Description) (all []target) {
	for _, eni := range d.Interfaces {
		if eni.InterfaceType == "vpc_endpoint" { // behind others there is nobody
			name := cmp.Or(eni.Name, eni.NetworkInterfaceID)
			if slices.ContainsFunc(all, func(t target) bool { return t.name == name }) {
				name = eni.NetworkInterfaceID // another VPC has one of that name, too
			}
			all = append(all, target{
				name: name, address: eni.PrivateIPAddress, enis: []string{eni.NetworkInterfaceID}, service: true, subnet: eni.SubnetID, mac: eni.MacAddress,
			})
		}
	}
	for _, h := range d.InternetHosts {
		all = append(all, target{name: h.Name, address: h.IPAddress})
	}
	for _, list := range d.PrefixLists { // S3 is in the regions whose addresses of it are known
		region, isS3 := strings.CutSuffix(strings.TrimPrefix(list.PrefixListName, "com.amazonaws."), ".s3")
		if isS3 && list.OwnerID == "AWS" && len(list.Cidrs) > 0 {
			all = append(all, target{name: "s3." + region, address: "s3." + region + ".amazonaws.com", service: true})
		}
	}
	return all
}

// add makes an instance a sender and a target. Source is the port of its questions.
func (s *survey) add(i control.InstanceView, source uint16) {
	first := i.NetworkInterfaces[0]
	from := sender{name: i.Name, eni: first.NetworkInterfaceID}
	to := target{name: i.Name, address: first.PrivateIPAddress, subnet: first.SubnetID, mac: first.MacAddress}
	if a, err := netip.ParseAddr(first.PrivateIPAddress); err == nil { // the lab's own: it is one
		from.source = netip.AddrPortFrom(a, source)
	}
	for _, eni := range i.NetworkInterfaces {
		from.own = append(append(from.own, eni.PrivateIPAddress), eni.SecondaryAddresses...)
		from.subnets = append(from.subnets, eni.SubnetID)
		to.enis = append(to.enis, eni.NetworkInterfaceID)
	}
	s.senders, s.targets = append(s.senders, from), append(s.targets, to)
}

// manyNeighbours is how many neighbours the instances of a lab may have in all and still ask for one another by ARP. The kernel
// has one table for all namespaces, and what is above net.ipv4.neigh.default.gc_thresh3, usually 1024, is lost.
const manyNeighbours = 512

// neighbours lists for every sender whom it has on its links, if all of them together are too many for the kernel to ask for.
func (s *survey) neighbours() map[string][]prober.Neighbour {
	all, count := map[string][]prober.Neighbour{}, 0
	for _, from := range s.senders {
		for _, to := range s.targets {
			n := slices.Index(from.subnets, to.subnet)
			a, err := netip.ParseAddr(to.address)
			if n < 0 || err != nil || slices.Contains(from.own, to.address) {
				continue
			}
			all[from.name] = append(all[from.name], prober.Neighbour{Address: a, MAC: to.mac, Device: fmt.Sprintf("eth%d", n)})
			count++
		}
	}
	if count <= manyNeighbours {
		return nil
	}
	return all
}

// plan adds the questions of one sender to one target: none to itself, nor to who has an address of its own, which its kernel
// would keep to itself.
func (s *survey) plan(from sender, to target, o Options) {
	if slices.Contains(from.own, to.address) {
		return
	}
	add := func(protocol string, port uint16) {
		s.findings = append(s.findings, &Finding{
			From: from.name, To: to.name, Address: to.address, Protocol: protocol, Port: port, Source: from.source.Port(), eni: from.eni, enis: to.enis, source: from.source,
		})
	}
	if o.ICMP {
		add(prober.ICMP, 0)
	}
	for _, port := range o.Ports {
		add(prober.TCP, port)
	}
}
