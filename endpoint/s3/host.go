package s3

import (
	"net"
	"regexp"
	"strings"
)

// hostName is every name that S3 has (aws-semantics 10: VirtualHosting; 3.8: WebsiteEndpoints): the regional ones, with a dash in old ones,
// dualstack, FIPS, the global name, and the website names, each with a bucket before it or not. A bucket's name may contain dots.
var hostName = regexp.MustCompile(`^(?:(.+)\.)?(s3|s3-fips|s3-website)(?:\.dualstack)?(?:[.-]([a-z]{2,4}(?:-[a-z]+)+-[0-9]|external-1))?\.amazonaws\.com(?:\.cn)?$`)

// host is what a Host header says.
type host struct {
	service bool   // it is a name of S3
	website bool   // it is a website's
	region  string // empty in the global name
	bucket  string // empty in the path style
}

// parseHost reads a Host header. Any other host than S3's names, an address among them, is the path style.
func parseHost(text string) host {
	if name, _, err := net.SplitHostPort(text); err == nil {
		text = name
	}
	m := hostName.FindStringSubmatch(strings.ToLower(strings.TrimSuffix(text, ".")))
	if m == nil {
		return host{}
	}
	h := host{service: true, bucket: m[1], website: m[2] == "s3-website", region: m[3]}
	if h.region == "external-1" { // N. Virginia's, as it was called once
		h.region = globalRegion
	}
	return h
}

// globalRegion is where the global name s3.amazonaws.com leads (aws-semantics 10).
const globalRegion = "us-east-1"

// HostNames are the patterns of the names that S3 has in a region, for a certificate: as AWS's, a wildcard stands for a bucket whose name
// has no dots.
func HostNames(region string) (names []string) {
	suffix := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix += ".cn"
	}
	all := []string{"s3." + region + suffix, "s3-" + region + suffix, "s3.dualstack." + region + suffix}
	if region == globalRegion {
		all = append(all, "s3"+suffix, "s3-external-1"+suffix)
	}
	for _, name := range all {
		names = append(names, name, "*."+name)
	}
	return names
}
