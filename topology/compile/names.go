package compile

import (
	"net/netip"

	"vpcsim/endpoint/dns"
	"vpcsim/topology"
)

// Names is what the names of a network resolve to, for each who asks. It is immutable.
type Names struct {
	internet *dns.View
	vpcs     map[string]*dns.View // by id
}

// NewNames returns the names of a network.
//
// On the internet are S3's names, those of the internet's hosts, and the public DNS names of instances, with their public
// addresses. In a VPC the public names of its own instances lead to their private addresses, and if the VPC has DNS hostnames,
// private names are known, too: its own instances', and of the region's other VPCs those in private address space (vpc-dns).
func NewNames(n *topology.Network) *Names {
	public, s3 := dns.NewTable(), s3Names(n)
	for _, h := range n.InternetHosts {
		for _, a := range []netip.Addr{h.Address, h.IPv6Address} {
			if a.IsValid() {
				public.Add(h.Name, a)
				public.AddReverse(a, h.Name)
			}
		}
	}
	private := map[string]*dns.Table{} // by region
	for _, v := range n.VPCs {
		if private[v.Region] == nil {
			private[v.Region] = dns.NewTable()
		}
		for _, eni := range v.AllInterfaces() {
			addInterface(eni, private[v.Region], public)
		}
	}
	names := &Names{internet: &dns.View{Tables: []*dns.Table{public}, S3: s3}, vpcs: map[string]*dns.View{}}
	for _, v := range n.VPCs {
		tables := []*dns.Table{public}
		if v.DNSHostnames {
			tables = []*dns.Table{ownNames(v), private[v.Region], public}
		}
		if v.DNSSupport {
			names.vpcs[v.ID] = &dns.View{Tables: tables, S3: s3}
		}
	}
	return names
}

// Internet is what internet hosts are answered.
func (n *Names) Internet() *dns.View { return n.internet }

// VPC is what the instances of a VPC are answered by its resolver; nil if it has none.
func (n *Names) VPC(id string) *dns.View { return n.vpcs[id] }

// s3Names is what S3's names resolve to: the global name with a bucket before it leads to the bucket's region (aws-semantics 10).
func s3Names(n *topology.Network) dns.S3 {
	s3 := dns.S3{Regions: map[string][]netip.Addr{}, Buckets: map[string]string{}}
	for _, r := range n.S3.Regions {
		s3.Regions[r.Name] = r.Addresses
	}
	for _, b := range n.S3.Buckets {
		s3.Buckets[b.Name] = b.Region
	}
	return s3
}

// addInterface adds the names by which others than the interface's own VPC know it.
func addInterface(eni *topology.NetworkInterface, private, public *dns.Table) {
	v := eni.Subnet.VPC
	for n, a := range eni.Addresses {
		if a.IsPrivate() {
			private.Add(PrivateDNSName(v, a), a)
		}
		if name := PublicDNSName(v, eni.PublicIPs[n]); name != "" {
			public.Add(name, eni.PublicIPs[n])
			public.AddReverse(eni.PublicIPs[n], name)
		}
	}
}

// ownNames are those of a VPC's network interfaces as it knows them itself.
func ownNames(v *topology.VPC) *dns.Table {
	t := dns.NewTable()
	for _, eni := range v.AllInterfaces() {
		for n, a := range eni.Addresses {
			t.Add(PrivateDNSName(v, a), a)
			t.AddReverse(a, PrivateDNSName(v, a))
			if name := PublicDNSName(v, eni.PublicIPs[n]); name != "" {
				t.Add(name, a)
			}
		}
	}
	return t
}

// PrivateDNSName is the name by which the VPC's resolver knows a private address of its instances.
func PrivateDNSName(v *topology.VPC, a netip.Addr) string {
	return dns.PrivateName(a) + "." + dns.PrivateDomain(v.Region)
}

// PublicDNSName is the name that a public address of a VPC's instances has; empty without an address, or if the VPC has no DNS
// hostnames.
func PublicDNSName(v *topology.VPC, a netip.Addr) string {
	if !a.IsValid() || !v.DNSHostnames {
		return ""
	}
	return dns.PublicName(v.Region, a)
}
