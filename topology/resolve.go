package topology

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// Resolve checks a topology and returns what it means. On failure the error is [Errors], with every problem found; src
// gives them their lines and may be nil. The Spec is not kept and not changed.
func Resolve(s *Spec, src *Source) (*Network, error) {
	r := &resolver{
		spec: s, src: src, net: &Network{Name: s.Name, Region: s.Region},
		hostNames: map[string]string{}, public: map[netip.Addr]string{},
		ids: map[string]string{}, ipv6VPC: map[netip.Prefix]string{},
	}
	r.header()
	if !r.numbers() {
		return nil, r.errs.OrNil()
	}
	r.prefixLists()
	r.iam()
	r.s3()
	r.vpcs()
	r.groupRules()
	r.internetHosts()
	r.publicAddresses()
	if err := r.errs.OrNil(); err != nil {
		return nil, err
	}
	r.net.index = newIndex(r.net)
	return r.net, nil
}

// resolver is the state of one Resolve. Things are resolved in the order their references need: prefix lists before
// routes, the explicit addresses of all before the automatic ones of any.
type resolver struct {
	spec   *Spec
	src    *Source
	net    *Network
	limits Limits
	errs   Errors

	ids       map[string]string       // id of anything -> its path
	hostNames map[string]string       // name of an instance or internet host -> its path
	public    map[netip.Addr]string   // public address -> path of its owner
	ipv6VPC   map[netip.Prefix]string // IPv6 CIDR of a VPC -> its path
	auto      []autoAddress
	builders  []*vpcBuilder // of the VPCs, by name
}

func (r *resolver) errorf(path, format string, args ...any) {
	r.errs.add(r.src.Errorf(path, format, args...))
}

// didYouMean is [DidYouMean] for as long as anybody is told.
func (r *resolver) didYouMean(word string, words []string) string {
	if r.errs.full() {
		return ""
	}
	return DidYouMean(word, words)
}

// place names another place of the file in a message, with its line if that is known.
func (r *resolver) place(path string) string {
	e := r.src.Errorf(path, "")
	if e.Line > 0 {
		return fmt.Sprintf("%s (line %d)", e.Path, e.Line)
	}
	return e.Path
}

// noSuch is [noSuch] for as long as anybody is told.
func (r *resolver) noSuch(kind, name, place string, names []string) string {
	if r.errs.full() {
		return ""
	}
	return noSuch(kind, name, place, names)
}

// header resolves what the file says about itself.
func (r *resolver) header() {
	if r.spec.Name != "" {
		r.name("name", r.spec.Name)
	}
	if r.spec.Region == "" {
		r.errorf("region", "missing; a region such as us-east-1")
	} else {
		r.region("region", r.spec.Region)
	}
	r.net.Preset = Preset(cmp.Or(r.spec.Preset, string(Current)))
	if presets := Presets(); !slices.Contains(presets, r.net.Preset) {
		var names []string
		for _, p := range presets {
			names = append(names, string(p))
		}
		r.errorf("preset", "unknown preset %s; one of %s%s", shown(r.spec.Preset), strings.Join(names, ", "),
			DidYouMean(r.spec.Preset, names))
		r.net.Preset = Current
	}
	r.limits = r.net.Preset.Limits()
	switch r.spec.Quotas {
	case "", "enforced":
	case "raised":
		r.limits = r.limits.raised()
	default:
		r.errorf("quotas", "%s is neither enforced nor raised", shown(r.spec.Quotas))
	}
	if len(r.spec.VPCs) == 0 {
		r.errorf("vpcs", "missing; a topology needs at least one VPC")
	}
}

// name checks a friendly name: it must serve as a word on a command line and as a Name tag.
func (r *resolver) name(path, name string) {
	letter := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
	}
	ok := name != "" && len(name) <= maxName && letter(name[0])
	for i := 0; ok && i < len(name); i++ {
		ok = letter(name[i]) || name[i] == '-' || name[i] == '.'
	}
	if !ok {
		r.errorf(path, "%s is not a name: up to %d letters, digits, dashes, dots and underscores, the first one a letter, digit or underscore",
			shown(name), maxName)
	}
}

// hostName checks the name of something that commands address by that name alone.
func (r *resolver) hostName(path, name string) {
	r.name(path, name)
	if before, taken := r.hostNames[name]; taken {
		r.errorf(path, "the name %s is taken by %s; names of instances and internet hosts are unique in a lab", shown(name), r.place(before))
		return
	}
	r.hostNames[name] = path
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
