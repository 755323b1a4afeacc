package probe

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/packettest"
)

// BenchmarkTrace asks one question, and traces the answer to it, in a big account (see [packettest.Account]).
func BenchmarkTrace(b *testing.B) {
	tracer := tracerOf(b, string(packettest.Account()))
	var queries []Query
	for n := range 1000 {
		queries = append(queries, Query{
			From: fmt.Sprintf("v%d-instance-%d", n%5, n), To: fmt.Sprintf("10.%d.%d.10", (n+1)%5, n%100), Protocol: "tcp", Port: 1000 + uint16(n%20),
		})
	}
	for n := 0; b.Loop(); n++ {
		_, err := tracer.Trace(queries[n%len(queries)])
		require.NoError(b, err)
	}
}
