package tracediff

import "testing"

// TestDrafts: every draft is a topology that AWS would take.
func TestDrafts(t *testing.T) {
	for structure := range uint64(60) {
		for rules := range uint64(3) {
			network(t, structure, rules)
		}
	}
}
