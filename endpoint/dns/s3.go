package dns

import (
	"net/netip"
	"regexp"
	"strings"
)

// globalRegion is where S3's global name leads unless DNS knows better (aws-semantics 10: VirtualHosting).
const globalRegion = "us-east-1"

// maxBucket is how long a bucket's name may be: a label's length, dots or not (Amazon S3 user guide, "General purpose bucket naming
// rules").
const maxBucket = 63

// S3 is what the names of Amazon S3 resolve to. They are public, and no endpoint changes what they resolve to (aws-semantics 10).
type S3 struct {
	Regions map[string][]netip.Addr // addresses of each region that is known
	Buckets map[string]string       // region of each bucket that is known: where the global name, with it before, leads
}

// s3Name is a name of S3 without its domain: with or without a bucket, whose name may have dots, and which need not be there.
//
//	s3                    the global name: N. Virginia's, or the bucket's region (aws-semantics 10)
//	s3.REGION, s3-REGION  the regional one, and its old form; s3-external-1 is N. Virginia's
//	s3.dualstack.REGION   IPv6 as well, of which nothing is known: it has no AAAA records
//	s3-fips.REGION
//	s3-website-REGION, s3-website.REGION
var s3Name = regexp.MustCompile(`^(?:(.+)\.)?(s3|s3-fips|s3-website)(\.dualstack)?(?:[.-]([a-z]{2,4}(?:-[a-z]+)+-[0-9]+|external-1))?$`)

// lookup returns the addresses of a canonical name, and whether it is one of S3's.
func (s S3) lookup(name string) ([]netip.Addr, bool) {
	rest, china := strings.CutSuffix(name, domain("cn-"))
	if !china {
		var ok bool
		if rest, ok = strings.CutSuffix(name, domain("")); !ok {
			return nil, strings.HasSuffix(domain(""), "."+name) // longer names end in it
		}
	}
	bucket, region, ok := s.parse(rest)
	switch {
	case !ok:
		return nil, s.Regions[strings.TrimPrefix(rest, "dualstack.")] != nil // likewise
	case len(bucket) > maxBucket || strings.HasPrefix(bucket, ".") || strings.Contains(bucket, ".."), china != isChina(region):
		return nil, false
	}
	addresses := s.Regions[region]
	return addresses, addresses != nil
}

// parse takes a name without its domain apart.
func (s S3) parse(name string) (bucket, region string, ok bool) {
	m := s3Name.FindStringSubmatch(name)
	if m == nil {
		return "", "", false
	}
	bucket, kind, dualstack, region := m[1], m[2], m[3], m[4]
	switch region {
	case "external-1":
		return bucket, globalRegion, kind == "s3" && dualstack == ""
	case "":
		if region = s.Buckets[bucket]; region == "" || isChina(region) {
			region = globalRegion
		}
		return bucket, region, kind == "s3" && dualstack == ""
	}
	return bucket, region, true
}

// S3Names lists the names of a region's S3 without a bucket, the regional one first.
func S3Names(region string) []string {
	names := []string{"s3." + region + domain(region), "s3-" + region + domain(region), "s3.dualstack." + region + domain(region)}
	if region == globalRegion {
		names = append(names, "s3"+domain(region), "s3-external-1"+domain(region))
	}
	return names
}

func isChina(region string) bool { return strings.HasPrefix(region, "cn-") }

// domain is what the names of AWS's services in a region end in.
func domain(region string) string {
	if isChina(region) {
		return ".amazonaws.com.cn"
	}
	return ".amazonaws.com"
}
