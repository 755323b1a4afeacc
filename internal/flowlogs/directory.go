package flowlogs

import (
	"net/netip"
	"slices"
	"strings"

	"vpcsim/dataplane"
	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/flowlog"
	"vpcsim/routing"
	"vpcsim/topology"
)

// directory is what records say of a network beside the packets. It is immutable.
type directory struct {
	network    *topology.Network
	interfaces map[string]*logged       // by id
	services   *routing.Table[string]   // of AWS, by their public addresses
	peers      map[*topology.VPC][]peer // of each VPC
}

// logged is a network interface that has flow logs.
type logged struct {
	flowlog.Record              // what all its records have in common
	primary        netip.Addr   // private IPv4 address; invalid if it has none
	six            []netip.Addr // its IPv6 addresses
	vpc            *topology.VPC
}

// peer is a VPC at the other end of a peering connection.
type peer struct {
	vpc  *topology.VPC
	path uint8 // traffic-path
}

// The values of traffic-path that occur here (aws-semantics 9.1). Those of virtual private gateways, Local Zones and instances that are
// not Nitro do not.
const (
	pathVPC         = 1
	pathPeering     = 4
	pathOtherRegion = 5
	pathEndpoint    = 7
	pathInternet    = 8
)

func newDirectory(n *topology.Network) (*directory, error) {
	d := &directory{network: n, interfaces: map[string]*logged{}, peers: map[*topology.VPC][]peer{}}
	for _, v := range n.VPCs {
		for _, eni := range v.AllInterfaces() {
			l := d.add(eni.ID, eni.Type, eni.Subnet, eni.Addresses)
			l.six = eni.IPv6Addresses
			if eni.Instance != nil {
				l.Instance = eni.Instance.ID
			}
		}
		for _, g := range v.NATGateways {
			d.add(g.InterfaceID, "nat_gateway", g.Subnet, g.Addresses)
		}
	}
	for _, g := range n.TransitGateways {
		for _, a := range g.Attachments {
			for i, s := range a.Subnets {
				d.add(a.InterfaceIDs[i], "transit_gateway", s, a.Addresses[i:i+1])
			}
		}
	}
	for _, p := range n.Peerings {
		path := uint8(pathPeering)
		if p.Requester.Region != p.Accepter.Region {
			path = pathOtherRegion
		}
		d.peers[p.Requester] = append(d.peers[p.Requester], peer{p.Accepter, path})
		d.peers[p.Accepter] = append(d.peers[p.Accepter], peer{p.Requester, path})
	}
	var err error
	d.services, err = services(n)
	return d, err
}

func (d *directory) add(id, kind string, s *topology.Subnet, addresses []netip.Addr) *logged {
	l := &logged{vpc: s.VPC}
	if len(addresses) > 0 {
		l.primary = addresses[0]
	}
	l.Interface, l.VPC, l.Subnet = id, s.VPC.ID, s.ID
	l.Account, l.Region, l.AZID, l.InterfaceType = d.network.IAM.Account, s.VPC.Region, zoneID(s.AZ), ownType(kind)
	d.interfaces[id] = l
	return l
}

// ownType is what interface-type says: the type of an interface that a service of AWS has, and nothing for others.
func ownType(kind string) string {
	switch kind {
	case "nat_gateway", "transit_gateway", "network_load_balancer", topology.TypeInterfaceEndpoint:
		return kind
	}
	return ""
}

// services are the addresses of AWS's services that the topology knows, by AWS's names for them in flow logs.
func services(n *topology.Network) (*routing.Table[string], error) {
	var b routing.Builder[string]
	for _, cidr := range n.S3.CIDRs {
		b.Add(cidr, routing.Static, "S3")
	}
	for _, l := range n.PrefixLists {
		if l.AWSManaged && strings.HasSuffix(l.Name, ".dynamodb") {
			for _, cidr := range l.Entries {
				b.Add(cidr, routing.Propagated, "DYNAMODB")
			}
		}
	}
	return b.Build()
}

// zoneID is the id of an Availability Zone in an account whose zones are in AWS's order: us-east-1a is use1-az1. Which zone has which id is each
// account's own affair. Empty for what is not named as a zone.
func zoneID(zone string) string {
	parts := strings.Split(zone, "-")
	if len(parts) < 3 {
		return ""
	}
	last := parts[len(parts)-1]
	number, letter := strings.TrimRight(last, "abcdefgh"), last[len(last)-1]
	if len(number) != len(last)-1 || number == "" {
		return ""
	}
	id := parts[0]
	for _, word := range parts[1 : len(parts)-1] { // us-gov-east-1a is usge1-az1, ap-southeast-2a apse2-az1
		for _, direction := range []string{"north", "south"} {
			if rest, ok := strings.CutPrefix(word, direction); ok && rest != "" {
				id, word = id+direction[:1], rest
			}
		}
		id += word[:1]
	}
	return id + number + "-az" + string('1'+letter-'a')
}

// record is what a log says of a flow at an interface.
func (d *directory) record(l *logged, f *aggregation.Flow) flowlog.Record {
	r := l.Record
	r.Src, r.Dst, r.PktSrc, r.PktDst = f.Src, f.Dst, f.Src, f.Dst
	r.SrcPort, r.DstPort, r.Protocol = f.SrcPort, f.DstPort, f.Protocol
	r.Packets, r.Bytes, r.TCPFlags = f.Packets, f.Bytes, int16(f.TCPFlags)
	r.Reject = f.Action == drop.Reject
	r.SrcService, _ = d.services.Lookup(f.Src)
	r.DstService, _ = d.services.Lookup(f.Dst)
	if f.Egress {
		r.Direction, r.Src, r.TrafficPath = flowlog.Egress, l.own(f.Src), d.trafficPath(l, f)
	} else {
		r.Direction, r.Dst = flowlog.Ingress, l.own(f.Dst)
	}
	return r
}

// own is the address that a record has for the interface's own end, whatever the packets have: of IPv4 its primary private one, also where the
// interface is neither source nor destination (aws-semantics 9.1: NAT gateways, secondary addresses). AWS does not say which one of
// IPv6, of which none is primary: the packets' if it is the interface's own, else its first.
func (l *logged) own(a netip.Addr) netip.Addr {
	switch {
	case a.Is4() && l.primary.IsValid():
		return l.primary
	case a.Is6() && len(l.six) > 0 && !slices.Contains(l.six, a):
		return l.six[0]
	}
	return a
}

// trafficPath is the path that a flow left by; 0 if AWS has no word for it: a transit gateway, no route, refused.
func (d *directory) trafficPath(l *logged, f *aggregation.Flow) uint8 {
	switch f.Path {
	case conntrack.PathLocal, conntrack.PathInterface, conntrack.PathNAT:
		return pathVPC
	case conntrack.PathInternet, conntrack.PathEgressOnly:
		return pathInternet
	case conntrack.PathEndpoint:
		return pathEndpoint
	case conntrack.PathPeering:
		for _, p := range d.peers[l.vpc] {
			if slices.ContainsFunc(p.vpc.AllCIDRs(), func(c netip.Prefix) bool { return c.Contains(f.Dst) }) {
				return p.path
			}
		}
	}
	return 0
}

// nextHop is the interface that a flow's packets went to next, if the routes of the snapshot still lead where they led then.
func (d *directory) nextHop(s *dataplane.Snapshot, l *logged, f *aggregation.Flow) (hop flowlog.NextHop) {
	from := s.Interface(l.Interface)
	if !f.Egress || f.Action == drop.Reject || from == nil {
		return hop
	}
	to, path := s.NextHop(from, f.Dst)
	if to == nil || path != f.Path {
		return hop
	}
	if n := d.interfaces[to.ID]; n != nil {
		hop = flowlog.NextHop{Interface: n.Interface, Subnet: n.Subnet, AZID: n.AZID, VPC: n.VPC, Type: n.InterfaceType}
	}
	return hop
}
