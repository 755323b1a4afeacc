package awsimport

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// maxName is how long a name of the topology format may be.
const maxName = 63

// reserved are words that a name would be mistaken for, by the first word of a scope.
var reserved = map[string][]string{
	"target": {local}, "acl": {"default"}, "group": {"default", "s3", "dynamodb", unfiltered}, "list": {"s3", "dynamodb"},
}

// isReserved reports whether a name is reserved in one of the scopes.
func isReserved(name string, scopes []string) bool {
	return slices.ContainsFunc(scopes, func(scope string) bool {
		first, _, _ := strings.Cut(scope, " ")
		return slices.Contains(reserved[first], name)
	})
}

// anyID matches ids of AWS, and what looks like one.
var anyID = regexp.MustCompile(`^[a-z]+(-[a-z]+)*-[0-9a-f]{8,17}$`)

// names gives every object its name in the topology: the Name tag in the format's letters, or, where there is none, the id. Names
// that would be taken twice, in a scope that both share, get the end of the id, as many digits as it takes. So the names depend on
// the objects alone and not on their order.
type names struct {
	wants []wish
	given map[string]string // by id
}

// wish is an object that wants a name in some scopes.
type wish struct {
	id, name string
	scopes   []string
}

// want notes an object and the text it would like to be called.
func (n *names) want(id, text string, scopes ...string) {
	name := nameOf(text)
	if name == "" || anyID.MatchString(name) || isReserved(name, scopes) || isAddress(name) {
		name = nameOf(id)
	}
	n.wants = append(n.wants, wish{id, name, scopes})
}

// keep notes an object whose name is given.
func (n *names) keep(id, name string, scopes ...string) {
	n.wants = append(n.wants, wish{id, name, scopes})
}

// nameOf is a text as a name. Groups and prefix lists may not be called like ids; those that are, as sg-web, lose the prefix.
func nameOf(text string) string {
	name := sanitize(text)
	for _, prefix := range []string{"sg-", "pl-"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && !goodID.MatchString(name) {
			name = sanitize(rest)
		}
	}
	return name
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// sanitize turns a text into a name: what a name may not have becomes a dash.
func sanitize(text string) string {
	var b strings.Builder
	dash := false
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '-':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			if b.Len() > 0 || r != '.' && r != '-' {
				b.WriteRune(r)
			}
		default:
			dash = true
		}
	}
	name := b.String()
	return strings.TrimRight(name[:min(len(name), maxName)], "-.")
}

// give decides all names.
func (n *names) give() {
	n.given = map[string]string{}
	byName := map[string][]wish{}
	for _, w := range n.wants {
		byName[w.name] = append(byName[w.name], w)
	}
	taken := map[string]int{} // scope and name -> how many have it
	for name, same := range byName {
		twins := twinsOf(same)
		suffix := suffixes(twins)
		for _, w := range same {
			n.given[w.id] = name
			if s, twin := suffix[w.id]; twin && name != w.id {
				n.given[w.id] = name[:min(len(name), maxName-1-len(s))] + "-" + s
			}
		}
		for _, w := range same {
			for _, scope := range w.scopes {
				taken[scope+" "+n.given[w.id]]++
			}
		}
	}
	for _, w := range n.wants { // a suffix may have made a name that another has
		for _, scope := range w.scopes {
			if taken[scope+" "+n.given[w.id]] > 1 && n.given[w.id] != w.name {
				n.given[w.id] = nameOf(w.id)
			}
		}
	}
}

// twinsOf returns those of the objects with one name that share a scope with another.
func twinsOf(same []wish) (twins []wish) {
	count := map[string]int{}
	for _, w := range same {
		for _, scope := range w.scopes {
			count[scope]++
		}
	}
	for _, w := range same {
		if slices.ContainsFunc(w.scopes, func(scope string) bool { return count[scope] > 1 }) {
			twins = append(twins, w)
		}
	}
	return twins
}

// suffixes are the ends of the twins' ids, as short as they can be apart, but not shorter than four digits. Things of two kinds may
// have the same digits; their kind comes before them then.
func suffixes(twins []wish) map[string]string {
	const shortest, longest = 4, 17
	for n := shortest; ; n++ {
		all, seen := map[string]string{}, map[string]bool{}
		for _, w := range twins {
			id := w.id
			if !goodID.MatchString(id) { // a made-up one, or the address of a resource
				sum := sha256.Sum256([]byte(id))
				id = "x-" + hex.EncodeToString(sum[:])
			}
			dash := strings.LastIndexByte(id, '-') + 1
			s := id[max(dash, len(id)-n):]
			if n > longest {
				s = id[:dash] + id[max(dash, len(id)-shortest):]
			}
			all[w.id] = s
			seen[s] = true
		}
		if len(seen) == len(twins) || n > longest {
			return all
		}
	}
}

// of returns the name of an object.
func (n *names) of(id string) string { return n.given[id] }
