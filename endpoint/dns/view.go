package dns

import (
	"net/netip"
	"strings"
)

// Table is a set of names with their addresses. It is filled by one goroutine and then only read.
type Table struct {
	addresses map[string][]netip.Addr // by canonical name; empty for a name that is there because longer ones end in it
	names     map[netip.Addr]string
}

// NewTable returns a table without names.
func NewTable() *Table {
	return &Table{addresses: map[string][]netip.Addr{}, names: map[netip.Addr]string{}}
}

// Add gives a name an address more. Names are compared without case and without a dot at their end. All names that this one ends
// in are there from now on, without an address.
func (t *Table) Add(name string, a netip.Addr) {
	name = canonical(name)
	t.addresses[name] = append(t.addresses[name], a)
	for _, parent, ok := strings.Cut(name, "."); ok; _, parent, ok = strings.Cut(parent, ".") {
		if _, there := t.addresses[parent]; there {
			return
		}
		t.addresses[parent] = nil
	}
}

// AddReverse makes an address lead back to a name, unless it does so to another one already.
func (t *Table) AddReverse(a netip.Addr, name string) {
	if _, taken := t.names[a]; !taken {
		t.names[a] = canonical(name)
	}
}

// View is what a resolver answers from: who asks elsewhere may get other answers. It is immutable.
type View struct {
	Tables []*Table // the first that has a name decides
	S3     S3
}

// Lookup returns the addresses of a name, in a fixed order; none for a name that is there without any. It reports false if there
// is no such name.
func (v *View) Lookup(name string) ([]netip.Addr, bool) {
	addresses, _, ok := v.lookup(canonical(name))
	return addresses, ok
}

// lookup is Lookup of a canonical name, which also says for how many seconds the answer may be kept.
func (v *View) lookup(name string) (addresses []netip.Addr, ttl uint32, ok bool) {
	for _, t := range v.Tables {
		if addresses = t.addresses[name]; len(addresses) > 0 {
			return addresses, hostTTL, true
		}
	}
	if addresses, ok = v.S3.lookup(name); ok {
		return addresses, s3TTL, true
	}
	for _, t := range v.Tables {
		if _, ok = t.addresses[name]; ok {
			return nil, hostTTL, true
		}
	}
	return nil, 0, name == ""
}

// Reverse returns the name of an address.
func (v *View) Reverse(a netip.Addr) (string, bool) {
	for _, t := range v.Tables {
		if name, ok := t.names[a]; ok {
			return name, true
		}
	}
	return "", false
}

// canonical is a name as tables have it.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// The zones in which addresses are names (RFC 1035 3.5, RFC 3596 2.5).
const (
	reverse4 = ".in-addr.arpa"
	reverse6 = ".ip6.arpa"
)

// reverseAddress returns the address that a canonical name in one of the reverse zones stands for.
func reverseAddress(name string) (a netip.Addr, ok bool) {
	text, is4 := strings.CutSuffix(name, reverse4)
	if is4 {
		labels := strings.Split(text, ".")
		if len(labels) != 4 {
			return a, false
		}
		a, err := netip.ParseAddr(labels[3] + "." + labels[2] + "." + labels[1] + "." + labels[0])
		return a, err == nil
	}
	text, is6 := strings.CutSuffix(name, reverse6)
	if !is6 || len(text) != 63 {
		return a, false
	}
	var b strings.Builder
	for i := 62; i >= 0; i -= 2 {
		if i < 62 && text[i+1] != '.' {
			return a, false
		}
		b.WriteByte(text[i])
		if b.Len()%5 == 4 && i > 0 {
			b.WriteByte(':')
		}
	}
	a, err := netip.ParseAddr(b.String())
	return a, err == nil && len(b.String()) == 39
}
