package topology

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"vpcsim/endpoint/policy"
)

// s3 resolves the S3 service: its regions, addresses and buckets.
func (r *resolver) s3() {
	r.net.S3 = &S3{Dir: r.spec.S3.Dir}
	if text := r.spec.S3.MaxSize; text != "" {
		size, ok := parseSize(text)
		if !ok || size == 0 {
			r.errorf("s3.max_size", "%s is not a size such as 4GiB (B, KiB, MiB, GiB, TiB)", shown(text))
		}
		r.net.S3.MaxSize = size
	}
	for _, region := range r.spec.s3Regions() {
		if addresses := r.s3AddressesOf(region); addresses != nil {
			r.net.S3.Regions = append(r.net.S3.Regions, S3Region{region, addresses, r.s3CIDRs(region)})
		}
	}
	slices.SortFunc(r.net.S3.Regions, func(a, b S3Region) int { return strings.Compare(a.Name, b.Name) })
	var all []netip.Prefix
	for _, region := range r.net.S3.Regions {
		all = append(all, region.CIDRs...)
	}
	r.net.S3.CIDRs = union(all)
	for _, name := range sortedKeys(r.spec.S3.Buckets) {
		r.bucket(name, r.spec.S3.Buckets[name])
	}
}

// s3Regions lists the regions whose S3 somebody may ask: those of the topology and of its buckets, and the one where the global name
// leads (aws-semantics 10).
func (s *Spec) s3Regions() []string {
	all := s.regions()
	for _, name := range sortedKeys(s.S3.Buckets) {
		all = append(all, cmp.Or(s.S3.Buckets[name].Region, s.Region))
	}
	slices.Sort(all)
	all = slices.Compact(append(all, globalRegion))
	slices.Sort(all)
	return slices.Compact(all)
}

// globalRegion is where the name s3.amazonaws.com leads.
const globalRegion = "us-east-1"

// s3AddressesOf chooses the addresses of a region's S3 names: of its list as published, or as the file gives it.
func (r *resolver) s3AddressesOf(region string) []netip.Addr {
	for _, list := range ManagedPrefixLists(region, r.net.Preset) {
		if list.Name == serviceName(region, "s3") {
			return s3Addresses(list.Entries)
		}
	}
	if list := r.managedPrefixList(region, "s3"); list != nil {
		return s3Addresses(list.Entries)
	}
	return nil
}

// s3CIDRs returns what S3 owns in a region: the lists of every preset and what its list holds now, without CIDRs inside others.
func (r *resolver) s3CIDRs(region string) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range Presets() {
		for _, list := range ManagedPrefixLists(region, p) {
			if list.Name == serviceName(region, "s3") {
				all = append(all, list.Entries...)
			}
		}
	}
	if list := r.managedPrefixList(region, "s3"); list != nil {
		all = append(all, list.Entries...)
	}
	return union(all)
}

// union sorts prefixes and leaves out those that lie in others.
func union(all []netip.Prefix) []netip.Prefix {
	all = slices.DeleteFunc(all, func(p netip.Prefix) bool { return !p.IsValid() })
	slices.SortFunc(all, netip.Prefix.Compare)
	var kept []netip.Prefix
	for _, p := range all {
		if len(kept) == 0 || !inside(p, kept[len(kept)-1]) {
			kept = append(kept, p)
		}
	}
	return kept
}

// addressesPerName is how many addresses an S3 name resolves to: more than one, because S3 answers rotate over many
// (aws-semantics 10).
const addressesPerName = 8

// s3Addresses chooses the addresses that S3 names resolve to: the same in every run, out of the widest CIDRs of the list,
// a different CIDR for each as long as there are any, and never one that ends in 0 or 255. A list of no CIDR of a /28 or more has
// none.
func s3Addresses(list []netip.Prefix) []netip.Addr {
	widest := slices.DeleteFunc(slices.Clone(list), func(p netip.Prefix) bool { return !p.IsValid() || p.Addr().Is6() || p.Bits() > 28 })
	if len(widest) == 0 {
		return nil
	}
	slices.SortStableFunc(widest, func(a, b netip.Prefix) int { return a.Bits() - b.Bits() })
	var chosen []netip.Addr
	for try := uint64(0); len(chosen) < addressesPerName; try++ {
		p := widest[try%uint64(len(widest))]
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(p.String()), try))
		a := addAddress(p.Addr(), binary.BigEndian.Uint64(sum[:])%(1<<(32-p.Bits())))
		if last := a.As4()[3]; last != 0 && last != 255 && !slices.Contains(chosen, a) {
			chosen = append(chosen, a)
		}
	}
	return chosen
}

func (r *resolver) bucket(name string, spec BucketSpec) {
	path := join("s3.buckets", name)
	if why := badBucketName(name); why != "" {
		r.errorf(path, "%s is not a bucket name: %s", shown(name), why)
	}
	bucket := &Bucket{Name: name, Region: cmp.Or(spec.Region, r.net.Region)}
	r.bucketRegion(path, spec.Region, bucket.Region)
	bucket.Policy = r.policy(join(path, "policy"), name, spec.Policy, func(text []byte) (*policy.Document, error) { return policy.ParseBucket(name, text) })
	for _, key := range sortedKeys(spec.Objects) {
		at := join(join(path, "objects"), key)
		if len(key) == 0 || len(key) > 1024 || !utf8.ValidString(key) {
			r.errorf(at, "an object's key is from 1 to 1024 bytes of UTF-8")
		}
		bucket.Objects = append(bucket.Objects, r.object(at, key, spec.Objects[key]))
	}
	r.net.S3.Buckets = append(r.net.S3.Buckets, bucket)
}

// bucketRegion checks the region of a bucket: somebody must be able to reach it.
func (r *resolver) bucketRegion(path, written, region string) {
	at := path
	if written != "" {
		at = join(path, "region")
		r.region(at, written)
	}
	known := slices.ContainsFunc(r.net.S3.Regions, func(s S3Region) bool { return s.Name == region })
	if isRegion(region) && !known {
		r.errorf(at, "nobody could reach it: %s", r.unknownS3(region))
	}
}

// object reads an object's contents, or its size if they are written as size:N.
func (r *resolver) object(path, key, text string) Object {
	size, sized := strings.CutPrefix(text, "size:")
	if !sized {
		return Object{Key: key, Content: []byte(text), Size: int64(len(text))}
	}
	n, ok := parseSize(strings.TrimSpace(size))
	switch {
	case !ok:
		r.errorf(path, "%s is not a size such as size:1MiB (B, KiB, MiB, GiB, TiB)", shown(text))
	case n > maxObject:
		r.errorf(path, "%s; an S3 object holds up to 5 TiB", shown(text))
	}
	return Object{Key: key, Size: n}
}

// maxObject is the largest object S3 takes.
const maxObject = 5 << 40

// parseSize reads a number of bytes with an optional binary unit.
func parseSize(text string) (int64, bool) {
	digits := strings.TrimRight(text, "BKMGTi")
	shift, ok := map[string]uint{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}[text[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || n > math.MaxInt64>>shift {
		return 0, false
	}
	return n << shift, true
}

var bucketChars = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*[a-z0-9]$`)

// badBucketName says why AWS would not take a bucket's name (Amazon S3 user guide, "General purpose bucket naming
// rules"), or nothing.
func badBucketName(name string) string {
	switch {
	case len(name) < 3 || len(name) > 63:
		return "it must have from 3 to 63 characters"
	case !bucketChars.MatchString(name):
		return "it takes lower-case letters, digits, dots and dashes, and starts and ends with a letter or digit"
	case strings.Contains(name, ".."):
		return "it may not have two dots in a row"
	case isAddress(name):
		return "it may not look like an IP address"
	}
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, prefix) {
			return fmt.Sprintf("names starting with %s are reserved", prefix)
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, suffix) {
			return fmt.Sprintf("names ending in %s are reserved", suffix)
		}
	}
	return ""
}
