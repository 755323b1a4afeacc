package policy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/endpoint/policy"
)

// TestTheDocumentHasEveryKey: docs/policies.md lists the condition keys of the table and no others.
func TestTheDocumentHasEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../docs/policies.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(text), "| key | type | in requests |\n| --- | --- | --- |\n")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	var want strings.Builder
	for _, k := range policy.Keys {
		name, kind, when := k.Name, k.Type, k.When
		if strings.HasSuffix(name, "/") {
			name += "KEY"
		}
		if k.Many {
			kind += ", several"
		}
		if when == "" {
			when = "always"
		}
		want.WriteString("| `" + name + "` | " + kind + " | " + when + " |\n")
	}
	require.Equal(t, strings.TrimSpace(want.String()), table)
}
