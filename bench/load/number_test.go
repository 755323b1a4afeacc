package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheCheckerSeesWhatIsWrong(t *testing.T) {
	numbered := func(flow uint32, number uint64) []byte {
		var b [receiving]byte
		put(&b, flow, number)
		return b[:payload]
	}
	damaged := func(at int) []byte {
		b := numbered(1, 1)
		b[at] ^= 1
		return b
	}
	for name, row := range map[string]struct {
		got  [][]byte
		want Result
	}{
		"nothing, of two flows in order":      {[][]byte{numbered(1, 1), numbered(2, 1), numbered(1, 2), numbered(2, 2)}, Result{Count: 4}},
		"the first one is missing":            {[][]byte{numbered(1, 2)}, Result{Count: 1, Lost: 1}},
		"some are missing":                    {[][]byte{numbered(1, 1), numbered(1, 5), numbered(1, 6)}, Result{Count: 3, Lost: 3}},
		"two have changed places":             {[][]byte{numbered(1, 2), numbered(1, 1), numbered(1, 3)}, Result{Count: 3, Lost: 1, Disordered: 1}},
		"one came twice":                      {[][]byte{numbered(1, 1), numbered(1, 1)}, Result{Count: 2, Disordered: 1}},
		"a bit of the flow has changed":       {[][]byte{damaged(0)}, Result{Count: 1, Damaged: 1}},
		"a bit of the number has changed":     {[][]byte{damaged(numberAt)}, Result{Count: 1, Damaged: 1}},
		"a bit of the number's end":           {[][]byte{damaged(lowAt - mixAt + numberAt)}, Result{Count: 1, Damaged: 1}},
		"a bit of what they are mixed to":     {[][]byte{damaged(mixAt)}, Result{Count: 1, Damaged: 1}},
		"the last bit":                        {[][]byte{damaged(payload - 1)}, Result{Count: 1, Damaged: 1}},
		"it is too short, by one or by all":   {[][]byte{numbered(1, 1)[:payload-1], {}}, Result{Count: 2, Damaged: 2}},
		"it is longer than it was when sent":  {[][]byte{append(numbered(1, 1), 0)}, Result{Count: 1, Damaged: 1}},
		"nobody has sent such a thing at all": {[][]byte{make([]byte, payload)}, Result{Count: 1, Damaged: 0, Disordered: 1}},
	} {
		c := checker{last: map[uint32]uint64{}}
		for _, d := range row.got {
			c.take(d)
		}
		if fmt.Sprint(c.result) != fmt.Sprint(row.want) {
			t.Errorf("%s: %+v, want %+v", name, c.result, row.want)
		}
	}
}

// TestAllThatWasSentIsFoundAgain, over the loopback interface, in this process.
func TestAllThatWasSentIsFoundAgain(t *testing.T) {
	in, ask := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan int, 1)
	go func() { ended <- Main([]string{`{"Kind": "check"}`}, in, out, io.Discard); out.Close() }()
	lines := bufio.NewScanner(answers)
	if !lines.Scan() || lines.Text() != ready {
		t.Skip("the port cannot be had here: ", lines.Err())
	}
	sent := do(t, Spec{Kind: Number, To: netip.MustParseAddr("127.0.0.1"), Lasting: 50 * time.Millisecond, Rate: 20_000, Streams: 3})
	if sent.Count == 0 || sent.Count > 1200 || sent.Flows != 3 || sent.Disordered+sent.Damaged != 0 {
		t.Errorf("sent: %+v, want 1000", sent)
	}
	var got Result
	require.Eventually(t, func() bool {
		fmt.Fprintln(ask)
		require.True(t, lines.Scan())
		got = Result{}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &got))
		return got.Count+got.Dropped["receiver's socket full"] == sent.Count
	}, time.Minute, time.Millisecond)
	if got.Disordered+got.Damaged != 0 || got.Flows != 3 {
		t.Errorf("got: %+v", got)
	}
	require.NoError(t, ask.Close())
	require.Zero(t, <-ended)
}
