package dns_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vpcsim/endpoint/dns"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func addrs(texts ...string) (all []netip.Addr) {
	for _, t := range texts {
		all = append(all, addr(t))
	}
	return all
}

// The addresses of the tests' regions.
var (
	virginia = addrs("52.216.1.1", "52.216.1.2", "16.182.1.3")
	ireland  = addrs("52.218.1.1", "52.92.1.2")
	beijing  = addrs("54.222.1.1")
)

// view is that of a VPC in N. Virginia with an instance that has a public address.
func view() *dns.View {
	own, public := dns.NewTable(), dns.NewTable()
	own.Add("ip-10-0-1-10.ec2.internal", addr("10.0.1.10"))
	own.Add("ec2-198-51-100-10.compute-1.amazonaws.com", addr("10.0.1.10"))
	own.AddReverse(addr("10.0.1.10"), "ip-10-0-1-10.ec2.internal")
	public.Add("ec2-198-51-100-10.compute-1.amazonaws.com", addr("198.51.100.10"))
	public.AddReverse(addr("198.51.100.10"), "ec2-198-51-100-10.compute-1.amazonaws.com")
	public.Add("Example.COM.", addr("203.0.113.10"))
	public.Add("example.com", addr("2001:db8::10"))
	public.AddReverse(addr("2001:db8::10"), "example.com")
	public.Add("peer", addr("203.0.113.20"))
	for i := range 64 {
		public.Add("many.example.com", netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	return &dns.View{Tables: []*dns.Table{own, public}, S3: dns.S3{
		Regions: map[string][]netip.Addr{"us-east-1": virginia, "eu-west-1": ireland, "cn-north-1": beijing},
		Buckets: map[string]string{"photos": "us-east-1", "bilder": "eu-west-1", "my.dotted.bucket": "eu-west-1"},
	}}
}

// TestLookup has a row for each form of name (aws-semantics 10; vpc-dns).
func TestLookup(t *testing.T) {
	nothing := []netip.Addr{} // the name is there, without an address
	for _, row := range []struct {
		name, ask string
		want      []netip.Addr // nil for a name that is not there
	}{
		{"the global name is N. Virginia's", "s3.amazonaws.com", virginia},
		{"the regional name", "s3.eu-west-1.amazonaws.com", ireland},
		{"its old form with a dash", "s3-eu-west-1.amazonaws.com", ireland},
		{"N. Virginia's old form with a dash", "s3-us-east-1.amazonaws.com", virginia},
		{"N. Virginia's oldest name", "s3-external-1.amazonaws.com", virginia},
		{"the dual-stack name", "s3.dualstack.eu-west-1.amazonaws.com", ireland},
		{"the FIPS name", "s3-fips.us-east-1.amazonaws.com", virginia},
		{"a bucket before the regional name", "photos.s3.us-east-1.amazonaws.com", virginia},
		{"a bucket before the name with a dash", "bilder.s3-eu-west-1.amazonaws.com", ireland},
		{"a bucket before the dual-stack name", "bilder.s3.dualstack.eu-west-1.amazonaws.com", ireland},
		{"a bucket before the wrong region's name goes to that region", "bilder.s3.us-east-1.amazonaws.com", virginia},
		{"a bucket before the global name goes to its own region", "bilder.s3.amazonaws.com", ireland},
		{"a bucket in N. Virginia before the global name", "photos.s3.amazonaws.com", virginia},
		{"a bucket that nobody has", "no-such-bucket.s3.eu-west-1.amazonaws.com", ireland},
		{"a bucket that nobody has before the global name", "no-such-bucket.s3.amazonaws.com", virginia},
		{"a bucket with dots", "my.dotted.bucket.s3.amazonaws.com", ireland},
		{"a bucket that looks like a part of the name", "s3.dualstack.s3.us-east-1.amazonaws.com", virginia},
		{"a website name with a dash", "photos.s3-website-us-east-1.amazonaws.com", virginia},
		{"a website name with a dot", "bilder.s3-website.eu-west-1.amazonaws.com", ireland},
		{"China has a domain of its own", "s3.cn-north-1.amazonaws.com.cn", beijing},
		{"and is not in the other one", "s3.cn-north-1.amazonaws.com", nil},
		{"nor others in its", "s3.eu-west-1.amazonaws.com.cn", nil},
		{"a region of which nobody knows S3's addresses", "s3.sa-east-1.amazonaws.com", nil},
		{"websites have no global name", "photos.s3-website.amazonaws.com", nil},
		{"nor has dual stack", "s3.dualstack.amazonaws.com", nil},
		{"a bucket's name has an end", strings.Repeat("b", 64) + ".s3.amazonaws.com", nil},
		{"a bucket's name has no empty label", "a..b.s3.amazonaws.com", nil},
		{"what S3's names end in", "eu-west-1.amazonaws.com", nothing},
		{"and that ends in", "amazonaws.com", nothing},
		{"the top-level domain", "com", nothing},
		{"another service", "ec2.us-east-1.amazonaws.com", nil},

		{"a private name", "ip-10-0-1-10.ec2.internal", addrs("10.0.1.10")},
		{"case does not matter, nor does a dot at the end", "IP-10-0-1-10.EC2.Internal.", addrs("10.0.1.10")},
		{"a private name that no instance has", "ip-10-0-1-11.ec2.internal", nil},
		{"the private domain", "ec2.internal", nothing},
		{"a public name leads to the private address inside", "ec2-198-51-100-10.compute-1.amazonaws.com", addrs("10.0.1.10")},
		{"an internet host of both families", "example.com", addrs("203.0.113.10", "2001:db8::10")},
		{"an internet host of one label", "peer", addrs("203.0.113.20")},
		{"nothing below a name", "www.example.com", nil},
		{"the root", ".", nothing},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := view().Lookup(row.ask)
			if ok != (row.want != nil) || !slices.Equal(got, row.want) {
				t.Errorf("%s: got %v, %t; want %v", row.ask, got, ok, row.want)
			}
		})
	}
}

func TestS3NamesAreAllKnown(t *testing.T) {
	for region, want := range view().S3.Regions {
		for _, name := range dns.S3Names(region) {
			if got, _ := view().Lookup(name); !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", name, got, want)
			}
		}
	}
}

func TestNamesOfInstances(t *testing.T) {
	private, public := addr("10.0.1.10"), addr("198.51.100.10")
	for _, row := range []struct{ region, domain, public string }{
		{"us-east-1", "ec2.internal", "ec2-198-51-100-10.compute-1.amazonaws.com"},
		{"eu-west-1", "eu-west-1.compute.internal", "ec2-198-51-100-10.eu-west-1.compute.amazonaws.com"},
		{"cn-north-1", "cn-north-1.compute.internal", "ec2-198-51-100-10.cn-north-1.compute.amazonaws.com.cn"},
	} {
		if got := dns.PrivateDomain(row.region); got != row.domain {
			t.Errorf("%s: got domain %s, want %s", row.region, got, row.domain)
		}
		if got := dns.PublicName(row.region, public); got != row.public {
			t.Errorf("%s: got %s, want %s", row.region, got, row.public)
		}
	}
	if got := dns.PrivateName(private); got != "ip-10-0-1-10" {
		t.Errorf("got %s", got)
	}
}
