package bench

import "fmt"

// The ways in which an address is asked for.
const (
	Single = "single" // one number per call
	Netip  = "netip"  // one netip.Addr, or what else the library takes, per call
	Batch  = "batch"  // many numbers per call
)

// Contender is one way to look keys up in a structure that is built. Its functions must be safe to call from several threads at
// once, and loop over the keys themselves, so that what is measured is lookups and not calls of this type.
type Contender struct {
	Way   string
	Batch int // addresses in a call, if that is the way
	// Sum looks the keys [from, to) up and returns the sum of the answers as the structure has them.
	Sum func(from, to int) uint64
	// Fill does the same in the same way, and leaves each answer, as the structure has it, in out.
	Fill func(from, to int, out []uint32)
	// NextHop makes an answer the table's next hop, 0 for no route. nil: it is already.
	NextHop func(answer uint32) uint32
	// YesNo: the structure says only whether there is a route.
	YesNo bool
}

// Structure is what a contender's lookups go to: one implementation, built from one table.
type Structure struct {
	Detail     string // how it is built, in words: the kind of structure, the width of its values
	Memory     int    // bytes that lookups may touch; 0 is not known
	Total      int    // bytes in all; 0 is what the heap has grown by
	Contenders func(k *Keys, batches []int) []Contender
	Close      func() // frees what the garbage collector does not; may be nil
}

// Maker is an implementation.
type Maker struct {
	Name string
	Only int // 4 or 6: it knows that family only; 0 is both
	// Build makes the structure of a table of one family. It is told how long it takes; progress, which says how many of the
	// routes are in, may be called at any time.
	Build func(t Table, progress func(done int)) (*Structure, error)
}

// fits says whether the implementation knows the table's family.
func (m Maker) fits(t Table) bool {
	return m.Only == 0 || (m.Only == 6) == t.is6()
}

// label is how the contender is named beside its implementation: "batch 64".
func (c Contender) label() string {
	if c.Way == Batch {
		return fmt.Sprintf("%s %d", c.Way, c.Batch)
	}
	return c.Way
}

// SumOf adds answers up, for contenders that have them in an array.
func SumOf(answers []uint32) (sum uint64) {
	for _, a := range answers {
		sum += uint64(a)
	}
	return sum
}
