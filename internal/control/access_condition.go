package control

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/endpoint/policy"
	"vpcsim/topology"
)

// given reads the conditions of the question. The error names all keys that no request to S3 carries, values that theirs cannot have, and
// a copy of nothing.
func (q *AccessQuery) given() (policy.Context, error) {
	c := policy.Context{}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(q.Conditions)) {
		values := q.Conditions[name]
		key, ok := policy.FindKey(name)
		switch {
		case !ok:
			wrong = append(wrong, fmt.Errorf("no request to S3 has a condition key %s%s", name, topology.DidYouMean(name, keysLike(name))))
		case len(values) != 1 && !key.Many:
			wrong = append(wrong, fmt.Errorf("%s has %d values; it can have one", key.Name, len(values)))
		case key.Type == "IPAddress" && !isAddress(values[0]):
			wrong = append(wrong, fmt.Errorf("%s is an address, as 10.0.1.10, and not %q", key.Name, values[0]))
		case key.Type == "Bool" && values[0] != "true" && values[0] != "false":
			wrong = append(wrong, fmt.Errorf("%s is true or false, and not %q", key.Name, values[0]))
		default:
			c.Set(name, values...)
		}
	}
	if _, ok := c.Get("s3:x-amz-copy-source"); !ok && copies(q.Operation) {
		wrong = append(wrong, fmt.Errorf("%s copies something: give --condition s3:x-amz-copy-source=BUCKET/KEY", q.Operation))
	}
	return c, errors.Join(wrong...)
}

// copies reports whether an operation needs something to copy from.
func copies(operation string) bool {
	op, ok := policy.FindOperation(operation)
	return ok && slices.ContainsFunc(op.More, func(m policy.More) bool { return m.OfSource })
}

// keysLike are all condition keys, those of tags with the tag of the name.
func keysLike(name string) (all []string) {
	_, tag, _ := strings.Cut(name, "/")
	for _, k := range policy.Keys {
		if strings.HasSuffix(k.Name, "/") {
			k.Name += tag
		}
		all = append(all, k.Name)
	}
	return all
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}
