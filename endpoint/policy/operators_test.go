package policy

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheDocumentHasEveryOperator: docs/policies.md names each operator of the table.
func TestTheDocumentHasEveryOperator(t *testing.T) {
	text, err := os.ReadFile("../../docs/policies.md")
	require.NoError(t, err)
	for i := range operators {
		require.Contains(t, string(text), "`"+operators[i].name+"`")
	}
}
