package main

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestAReportFitsTheScreen: lines of a plan end at the width, and no word is lost but the spaces between them.
func TestAReportFitsTheScreen(t *testing.T) {
	t.Parallel()
	words := strings.Fields(strings.Repeat("rtb-0123456789abcdef0 (größer) 52.216.0.0/15 -> ", 30))
	var b bytes.Buffer
	prose{w: &b}.line(4, "%s", strings.Join(words, " "))
	prose{w: &b}.labelled(4, "before", "%s", strings.Join(words, " "))
	prose{w: &b}.line(2, "%s", strings.Repeat("x", 200))
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	for _, l := range lines[:len(lines)-1] {
		if n := utf8.RuneCountInString(l); n > width {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	got := strings.Fields(b.String())
	require.Equal(t, words, got[:len(words)])
	require.Equal(t, append([]string{"before"}, words...), got[len(words):len(got)-1])
	require.Len(t, got[len(got)-1], 200, "a word is never cut")
}

func TestListsAreLimited(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ limit, n, want int }{{0, 7, 7}, {5, 7, 5}, {5, 3, 3}} {
		if got := (prose{limit: row.limit}).listed(row.n); got != row.want {
			t.Errorf("limit %d: %d of %d listed, want %d", row.limit, got, row.n, row.want)
		}
	}
}
