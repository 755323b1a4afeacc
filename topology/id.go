package topology

import (
	"crypto/sha256"
	"encoding/hex"
)

// id returns an identifier in AWS's form: the kind, a dash and 17 hexadecimal digits (the first one 0, as AWS's are).
// It depends on the kind and the path of the thing alone, so that it is the same in every run and on every machine, and
// an edit elsewhere in the file changes nothing. The path never carries a [Source]'s prefix.
func id(kind, path string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + path))
	return kind + "-0" + hex.EncodeToString(sum[:8])
}

// mac returns the hardware address of a network interface, derived from its id: unicast and locally administered
// (IEEE 802: the two low bits of the first octet are 0 and 1).
func mac(eni string) (m [6]byte) {
	sum := sha256.Sum256([]byte(eni))
	copy(m[:], sum[:])
	m[0] = m[0]&^3 | 2
	return m
}
