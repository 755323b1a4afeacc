package topology

import (
	"cmp"
	"net/netip"
	"regexp"
	"strings"
)

const (
	amazonDNS      = "AmazonProvidedDNS" // what a DHCP option set calls the VPC's own resolver
	maxNameServers = 4                   // VPC_DHCP_Options
	maxDomainName  = 253                 // RFC 1035 2.3.4, as written
)

// domainName is what a search domain looks like: labels of letters, digits, dashes and underscores.
var domainName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*$`)

// names resolves what the VPC says about names. The defaults are those of a VPC that is not the default one (aws-semantics 10:
// vpc-dns).
func (b *vpcBuilder) names() {
	b.vpc.DNSSupport = b.spec.EnableDNSSupport == nil || *b.spec.EnableDNSSupport
	b.vpc.DNSHostnames = b.vpc.DNSSupport && b.spec.EnableDNSHostnames != nil && *b.spec.EnableDNSHostnames
	at, options := b.at("dhcp_options"), b.spec.DHCPOptions
	for _, domain := range strings.Fields(options.DomainName) {
		if len(domain) > maxDomainName || !domainName.MatchString(domain) {
			b.errorf(join(at, "domain_name"), "%s is not a domain name such as example.com", shown(domain))
		}
	}
	b.vpc.DHCPOptions.DomainName = strings.Join(strings.Fields(options.DomainName), " ")
	b.nameServers(join(at, "domain_name_servers"), options.DomainNameServers)
}

// nameServers resolves the name servers of the DHCP option set.
func (b *vpcBuilder) nameServers(at string, servers []string) {
	if len(servers) == 1 && servers[0] == amazonDNS {
		return
	}
	if len(servers) > maxNameServers {
		b.errorf(at, "%d name servers; a DHCP option set has up to %d", len(servers), maxNameServers)
	}
	for i, text := range servers {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" || a.Is4In6() {
			b.errorf(item(at, i), "%s is neither an address nor, alone, %s", shown(text), amazonDNS)
		}
		b.vpc.DHCPOptions.NameServers = append(b.vpc.DHCPOptions.NameServers, a)
	}
}

// The type and the image of an instance that the file does not give.
const (
	defaultInstanceType = "t3.micro"
	defaultImage        = "the image of instances that name none"
)

// metadata resolves what an instance's metadata say besides its addresses.
func (b *vpcBuilder) metadata(i *Instance, path string, spec MetadataSpec) {
	i.Role = spec.Role
	if spec.Role != "" && b.net.IAM.Role(spec.Role) == nil {
		b.errorf(join(path, "role"), "%s", b.noSuch("role", spec.Role, "iam.roles", sortedKeys(b.resolver.spec.IAM.Roles)))
	}
	i.Type = cmp.Or(spec.InstanceType, defaultInstanceType)
	i.ImageID = cmp.Or(spec.ImageID, id("ami", defaultImage))
	if spec.ImageID != "" && !isID("ami", spec.ImageID) {
		b.errorf(join(path, "image_id"), "%s is not an id such as %s", shown(spec.ImageID), id0("ami"))
	}
	i.RequiresTokens = b.oneOf(join(path, "metadata_tokens"), spec.MetadataTokens, "optional", "required")
	i.MetadataTags = b.oneOf(join(path, "metadata_tags"), spec.MetadataTags, "disabled", "enabled")
}

// oneOf says whether a word is the second of two, the first being the default.
func (b *vpcBuilder) oneOf(path, word, usual, other string) bool {
	if word != "" && word != usual && word != other {
		b.errorf(path, "%s is neither %s nor %s", shown(word), usual, other)
	}
	return word == other
}
