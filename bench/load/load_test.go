package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestClientsAndServer runs every client against the server over the loopback interface, in this process.
func TestClientsAndServer(t *testing.T) {
	in, ask := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan int, 1)
	go func() { ended <- Main([]string{`{"Kind": "serve"}`}, in, out, io.Discard) }()
	lines := bufio.NewScanner(answers)
	if !lines.Scan() || lines.Text() != ready {
		t.Skip("the ports cannot be had here: ", lines.Err())
	}
	for kind, more := range map[Kind]Spec{
		Flood: {Rate: 10_000}, PingPong: {}, Ask: {}, Connect: {Streams: 2}, Stream: {Streams: 2},
	} {
		more.Kind, more.To, more.Lasting = kind, netip.MustParseAddr("127.0.0.1"), 50*time.Millisecond
		result := do(t, more)
		if result.Count <= 0 || result.Took < more.Lasting || result.PerSecond() <= 0 {
			t.Errorf("%s: %+v", kind, result)
		}
		if timed := kind == PingPong || kind == Ask; timed != (result.Median > 0 && result.P99 >= result.Median) {
			t.Errorf("%s: times of answers: %+v", kind, result)
		}
		if kind == Flood && result.Count > 600 {
			t.Errorf("%d datagrams in 50 ms, want 500", result.Count)
		}
		if kind == Stream {
			more.Backward = true
			require.Positive(t, do(t, more).Count, "to the client")
		}
	}
	sent := do(t, Spec{Kind: Flood, Rate: 5_000, To: netip.MustParseAddr("127.0.0.1"), Lasting: 50 * time.Millisecond}).Count
	require.Eventually(t, func() bool {
		var arrived int64
		fmt.Fprintln(ask)
		require.True(t, lines.Scan())
		_, err := fmt.Sscan(lines.Text(), &arrived)
		require.NoError(t, err)
		return arrived > sent // those of the flood before, too
	}, time.Minute, time.Millisecond)
	require.NoError(t, ask.Close())
	require.Zero(t, <-ended)
}

func do(t *testing.T, s Spec) (result Result) {
	t.Helper()
	text, err := json.Marshal(s)
	require.NoError(t, err)
	var out, errs strings.Builder
	require.Zero(t, Main([]string{string(text)}, nil, &out, &errs), errs.String())
	require.NoError(t, json.Unmarshal([]byte(out.String()), &result))
	return result
}

func TestPings(t *testing.T) {
	s := Spec{Kind: Pings, Lasting: time.Minute, Streams: 3}
	for i := range 20 {
		s.Targets = append(s.Targets, netip.AddrFrom4([4]byte{127, 0, 0, byte(1 + i)}))
	}
	text, err := json.Marshal(s)
	require.NoError(t, err)
	var out, errs strings.Builder
	if Main([]string{string(text)}, nil, &out, &errs) != 0 {
		t.Skip("this user may not ping: ", errs.String())
	}
	var result Result
	require.NoError(t, json.Unmarshal([]byte(out.String()), &result))
	if result.Count != 20 || result.Lost != 0 {
		t.Errorf("%+v, want 20 answers", result)
	}
}

func TestWhatCannotBeDone(t *testing.T) {
	for arg, want := range map[string]string{
		`{`:                                    "what to do",
		`{"Kind": "pings", "LastingNs": 1}`:    "targets must be",
		`{"Kind": "dance"}`:                    `"dance" is nothing that can be done`,
		`{"Kind": "flood", "To": "::"}`:        "no IPv4 address",
		`{"Kind": "flood", "To": "127.0.0.1"}`: "lasting 0s",
	} {
		var errs strings.Builder
		if code := Main([]string{arg}, nil, io.Discard, &errs); code != 1 || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit code %d, %q, want %q", arg, code, errs.String(), want)
		}
	}
}
