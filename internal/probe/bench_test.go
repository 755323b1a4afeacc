package probe

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/packettest"
)

// BenchmarkBatch is a line of `vpcsim trace --batch`, from text to text, in a big account (see [packettest.Account]): of senders and
// receivers of every kind.
func BenchmarkBatch(b *testing.B) {
	tracer := tracerOf(b, string(packettest.Account()))
	var text bytes.Buffer
	for n := range b.N {
		instance := tracer.Network.Instance(fmt.Sprintf("v%d-instance-%d", n%5, n*7919%1000))
		eni := instance.Interfaces[0]
		from := [...]string{instance.Name, instance.ID, eni.ID, eni.Addresses[0].String(), "internet:192.0.2.1"}[n%5]
		to := [...]string{fmt.Sprintf("10.%d.%d.10", n/7%5, n%100), fmt.Sprintf("v%d-instance-%d", n/3%5, n*31%1000), "8.8.8.8", "s3.us-east-1.amazonaws.com", "20.0.0.10"}[n/5%5]
		fmt.Fprintf(&text, `{"id": %d, "from": %q, "to": %q, "protocol": "tcp", "port": %d}`+"\n", n, from, to, 1000+n%20)
	}
	b.SetBytes(int64(text.Len() / b.N))
	b.ReportAllocs()
	b.ResetTimer()
	unanswered, err := Batch(&text, io.Discard, tracer.Trace)
	require.NoError(b, err)
	require.Zero(b, unanswered)
}
