package topology

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// identity is what the id of a thing follows from: the id that the file writes, else the thing's name if that is an id, so
// that what nobody has named needs to be written once only, else the kind and the place of the thing.
type identity struct {
	kind    string // what an id of its kind begins with: vpc, subnet, tgw-attach
	name    string // in the file; empty for what has none of its own
	written string // the id that the file writes
	place   string // see [idPath]
}

func (i identity) id() string {
	switch {
	case i.written != "":
		return i.written
	case isID(i.kind, i.name):
		return i.name
	}
	return id(i.kind, i.place)
}

// is reports whether a text means the thing by its name or its id.
func (i identity) is(text string) bool { return text == i.name || text == i.id() }

// id returns an identifier in AWS's form: the kind, a dash and 17 hexadecimal digits (the first one 0, as AWS's are).
// It depends on the kind and the path of the thing alone, so that it is the same in every run and on every machine, and
// an edit elsewhere in the file changes nothing. The path never carries a [Source]'s prefix.
func id(kind, path string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + path))
	return kind + "-0" + hex.EncodeToString(sum[:8])
}

// idPath is the path an id is made from. Unlike a path in a message it is never cut or quoted, and no two things share
// one: a name has no slash.
func idPath(first string, keys ...string) string {
	return first + "/" + strings.Join(keys, "/")
}

// isID reports whether a text has the form of an AWS id of a kind: 17 hexadecimal digits, or 8 as ids had until 2018 (Amazon
// EC2 User Guide, "Resource IDs").
func isID(kind, text string) bool {
	digits, ok := strings.CutPrefix(text, kind+"-")
	if !ok || len(digits) != 8 && len(digits) != 17 {
		return false
	}
	for _, c := range []byte(digits) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// identify returns the id of the thing at a path and takes it for it.
func (r *resolver) identify(path, key string, i identity) string {
	at := path
	if i.written != "" {
		at = join(path, key)
	}
	id := i.id()
	switch before, taken := r.ids[id]; {
	case !isID(i.kind, id):
		r.errorf(at, "%s is not an id such as %s: %s- and 17 hexadecimal digits, or 8 in old ones", shown(id), id0(i.kind), i.kind)
	case id != i.name && isID(i.kind, i.name):
		r.errorf(at, "%s, but the name %s is an id, too; write one of the two", id, i.name)
	case taken:
		r.errorf(at, "%s is the id of %s; each has its own", id, r.place(before))
	default:
		r.ids[id] = at
	}
	return id
}

// id0 is an id for messages.
func id0(kind string) string { return kind + "-0123456789abcdef0" }

// mac returns the hardware address of a network interface, derived from its id: unicast and locally administered
// (IEEE 802: the two low bits of the first octet are 0 and 1).
func mac(eni string) (m [6]byte) {
	sum := sha256.Sum256([]byte(eni))
	copy(m[:], sum[:])
	m[0] = m[0]&^3 | 2
	return m
}
