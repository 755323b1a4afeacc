package natdiff

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vpcsim/internal/packettest"
)

// TestAgainstKernel sends the same packets through our NAT gateway and through the kernel's.
func TestAgainstKernel(t *testing.T) {
	kernel, ours := newKernel(t), newOurs(t)
	r := rand.New(rand.NewPCG(1, 2))
	d := &diff{T: t, ours: ours, kernel: kernel, found: map[difference]bool{}}
	world := packettest.World{Inside: hosts[0], Neighbour: hosts[1], Remote: remotes[0], Stranger: remotes[1], First: 10000}
	vectors := packettest.Vectors(world)
	for v, s := range packettest.Interleave(r, vectors, 1) {
		d.play(v, s)
	}
	steps := 0
	for v, s := range packettest.Interleave(r, packettest.Stream(r, hosts, remotes, 400), 40) {
		d.play(v, s)
		steps++
	}
	for row := range differences {
		if !d.found[row] {
			t.Errorf("%q does not differ any more as listed: ours %q, the kernel's %q", row.name, row.ours, row.kernel)
		}
	}
	t.Logf("%d vectors with %d differences listed, and %d packets of random sessions", len(vectors), len(d.found), steps)
}

// diff plays steps on both and judges the differences.
type diff struct {
	*testing.T
	ours, kernel *engine
	found        map[difference]bool // those on the list that occurred
}

func (d *diff) play(v *packettest.Vector, s packettest.Step) {
	a, b := d.ours.sees(v, s), d.kernel.sees(v, s)
	row := difference{name: v.Name, ours: outcome(a, b), kernel: outcome(b, a)}
	if row.ours == row.kernel {
		return
	}
	if _, ok := differences[row]; !ok {
		d.Errorf("a difference that is not listed:\n\t{%q, %q, %q}: \"\",", row.name, row.ours, row.kernel)
	}
	d.found[row] = true
}

// sees plays a step and returns what came of it.
func (e *engine) sees(v *packettest.Vector, s packettest.Step) []sighting {
	ends := v.Ends
	ends.Public = e.public(sessionOf(v.Protocol, v.Inside, v.Remote))
	from := inside
	if s.Inbound {
		from = outside
	}
	sent := s.Make(ends)
	return e.sightings(from, sent, e.play(from, sent))
}

// outcome puts what was seen into a line; properties only where the other engine, doing the same, has others.
func outcome(seen, other []sighting) string {
	if len(seen) == 0 {
		return "nothing"
	}
	same := slices.EqualFunc(seen, other, func(a, b sighting) bool { return a.kind == b.kind })
	var words []string
	for i, s := range seen {
		words = append(words, s.kind)
		for j, p := range s.properties {
			if same && (j >= len(other[i].properties) || other[i].properties[j] != p) {
				words = append(words, p)
			}
		}
	}
	return strings.Join(words, ", ")
}
