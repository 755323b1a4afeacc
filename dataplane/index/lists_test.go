package index

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestListsAgainstSlices(t *testing.T) {
	lists, gold := NewLists(3), [3][]int32{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		slot, list := rng.Int32N(40), rng.IntN(5)
		for i := range gold {
			gold[i] = slices.DeleteFunc(gold[i], func(s int32) bool { return s == slot })
		}
		if list < len(gold) {
			lists.Push(list, slot)
			gold[list] = append(gold[list], slot)
		} else {
			lists.Remove(slot)
		}
		for i, want := range gold {
			if first, ok := lists.First(i); ok != (len(want) > 0) || ok && first != want[0] {
				t.Fatalf("list %d begins with %d %v, want %v", i, first, ok, want)
			}
		}
	}
}
