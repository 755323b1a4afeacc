package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

func TestBatchLines(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, lab)
	for name, row := range map[string]struct {
		line, want string // want is part of the answer
	}{
		"an answer repeats the id":                     {`{"id":[1,"x"],"from":"web","to":"db","protocol":"tcp","port":5432}`, `{"id":[1,"x"],"from":"web",`},
		"space around is nothing":                      {"  {\"from\":\"web\",\"to\":\"db\",\"protocol\":1}\t", `"verdict":"delivered"`},
		"a misspelt key would give another answer":     {`{"id":7,"from":"web","to":"db","protocol":"tcp","port":1,"sourceport":9}`, `{"id":7,"line":1,"error":"unknown key \"sourceport\"; did you mean source_port?"}`},
		"a key that is like no other":                  {`{"from":"web","to":"db","protocol":"tcp","port":1,"x":9}`, `{"line":1,"error":"unknown key \"x\""}`},
		"the id is there whatever is wrong":            {`{"prot":"tcp","id":"a","from":"web"}`, `{"id":"a","line":1,"error":"unknown key`},
		"no object":                                    {`"web"`, `cannot unmarshal string`},
		"half an object":                               {`{"from":`, `unexpected EOF`},
		"two objects":                                  {`{"from":"web","to":"db","protocol":"icmp"} {}`, `"error":"a second value, \"{}\", on one line"`},
		"a question that has no answer":                {`{"from":"web","to":"nobody","protocol":"icmp"}`, `"line":1,"error":"to: nothing is called \"nobody\"`},
		"arrows of rules are not escaped":              {`{"from":"web","to":"db","protocol":"icmp"}`, `10.0.0.0/16 -> local`},
		"protocols as names, numbers and written ones": {`{"from":"web","to":"db","protocol":"17","port":53}`, `"protocol":"17","port":53`},
	} {
		var out strings.Builder
		unanswered, err := Batch(strings.NewReader(row.line+"\n\n"), &out, tracer.Trace)
		require.NoError(t, err, name)
		failed := strings.Contains(row.want, "error") || !strings.Contains(out.String(), `"verdict"`)
		if !strings.Contains(out.String(), row.want) || strings.Count(out.String(), "\n") != 1 || (unanswered == 1) != failed {
			t.Errorf("%s: got %q and %d unanswered, want %q", name, out.String(), unanswered, row.want)
		}
	}
}

func TestBatchSaysAtWhichLineItEnds(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, lab)
	var out strings.Builder
	_, err := Batch(strings.NewReader("\n{}\n"+strings.Repeat(" ", maxLine+1)), &out, tracer.Trace)
	require.ErrorContains(t, err, "line 3: ")
	require.Contains(t, out.String(), `"line":2,"error":"from is missing"`, "what was answered before is lost")
}

// TestBatchAnswersBeforeItWaits: who asks one by one, each question after the answer to the last, gets on.
func TestBatchAnswersBeforeItWaits(t *testing.T) {
	t.Parallel()
	tracer := tracerOf(t, lab)
	questions, ask := io.Pipe()
	answered, answers := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := Batch(questions, answers, tracer.Trace)
		done <- err
	}()
	lines := bufio.NewReader(answered)
	for n := range 3 {
		_, err := fmt.Fprintf(ask, `{"id":%d,"from":"web","to":"db","protocol":"icmp"}`+"\n", n)
		require.NoError(t, err)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(line, fmt.Sprintf(`{"id":%d,`, n)), line)
	}
	require.NoError(t, ask.Close())
	require.NoError(t, <-done)
}

// FuzzBatch: whatever the lines are, every one that is not empty gets one line of JSON, and the count of those without an answer is
// right.
func FuzzBatch(f *testing.F) {
	f.Add(`{"id":1,"from":"web","to":"db","protocol":"tcp","port":80}`)
	f.Add("{}\n\nnonsense\n{\"from\":\"web\",\"to\":\"db\",\"protocol\":1,\"prot\":2}")
	f.Add("{\"id\":{\"a\":[1,\"\\u2028\"]},\"from\":\"\\ud800\"}\r\n\x00")
	f.Add(`{"from":"web","to":"db","protocol":"icmp"}{"from":"web"}`)
	spec, src, err := topology.Parse("probe.vpc.yml", []byte(lab))
	require.NoError(f, err)
	n, err := topology.Resolve(spec, src)
	require.NoError(f, err)
	tracer, err := New(n)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		var out strings.Builder
		unanswered, err := Batch(strings.NewReader(text), &out, tracer.Trace)
		require.NoError(t, err)
		asked, errors := 0, 0
		for line := range strings.Lines(text) {
			if len(bytes.TrimSpace([]byte(line))) > 0 {
				asked++
			}
		}
		for line := range strings.Lines(out.String()) {
			var a struct {
				Error   *string
				Verdict string
			}
			require.NoError(t, json.Unmarshal([]byte(line), &a), line)
			if a.Error != nil {
				errors++
			}
			require.Equal(t, a.Error == nil, a.Verdict != "", line)
			asked--
		}
		require.Zero(t, asked, "lines without a line in return")
		require.Equal(t, errors, unanswered)
	})
}
