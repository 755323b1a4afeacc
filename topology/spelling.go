package topology

import (
	"fmt"
	"slices"
	"strings"
)

// DidYouMean returns "; did you mean X?" for the nearest of the words, or nothing if none is near.
func DidYouMean(word string, words []string) string {
	if near := nearest(word, words); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}

// noSuch says that a place has no thing of that name, and which one may have been meant.
func noSuch(kind, name, place string, names []string) string {
	near := DidYouMean(name, names)
	switch {
	case len(names) == 0:
		return fmt.Sprintf("no %s %s: %s has none", kind, shown(name), place)
	case near != "" || len(names) > 5:
		return fmt.Sprintf("no %s %s in %s%s", kind, shown(name), place, near)
	}
	return fmt.Sprintf("no %s %s in %s, which has %s", kind, shown(name), place, strings.Join(slices.Sorted(slices.Values(names)), ", "))
}

// nearest returns the word that the fewest single-character slips turn into the given one, if they are few for its length;
// the first in order wins a tie. Words too long to be anybody's slip are not compared.
func nearest(word string, words []string) string {
	const longest = 64
	if len(word) > longest {
		return ""
	}
	best, slips := "", min(max(2, len(word)/3+1), len(word), 4) // the slips must be fewer
	for _, w := range slices.Sorted(slices.Values(words)) {
		if w == "" || len(w) > longest {
			continue
		}
		if d := editDistance(word, w); d < slips {
			best, slips = w, d
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of neighbours between two short words (optimal
// string alignment).
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
