package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"vpcsim/topology"
)

// maxLine is how long a line of a batch may be, in bytes.
const maxLine = 1 << 20

// queryKeys are the keys of a [Query] in JSON.
var queryKeys = []string{"id", "from", "to", "protocol", "port", "source_port"}

// ParseQuery reads a question as written on a line of a batch. A key that no question has is an error: the question might
// get another answer than was meant. The id is there also if the rest is wrong.
func ParseQuery(line []byte) (q Query, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err = d.Decode(&q); err != nil {
		// the decoder has no error of a type for this
		if quoted, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			key, _ := strconv.Unquote(quoted)
			err = fmt.Errorf("unknown key %s%s", quoted, topology.DidYouMean(key, queryKeys))
		}
		return q, err
	}
	if rest := bytes.TrimSpace(line[d.InputOffset():]); len(rest) > 0 {
		return q, fmt.Errorf("a second value, %.20q, on one line", rest)
	}
	return q, nil
}

// lineError answers a line that is no question, or has no answer.
type lineError struct {
	ID    json.RawMessage `json:"id,omitempty"`
	Line  int             `json:"line"` // from 1
	Error string          `json:"error"`
}

// Batch reads questions, a JSON object per line, and writes an answer for each, in order: an [Answer], or {"id","line","error"} for
// a line that gets none. It returns how many got none. Answers are written together, but all of them before it waits for more
// questions. An error is of reading or writing, and names the line that it came to.
func Batch(in io.Reader, out io.Writer, ask func(Query) (*Answer, error)) (unanswered int, err error) {
	answers := bufio.NewWriterSize(out, 64<<10)
	encoder := json.NewEncoder(answers)
	encoder.SetEscapeHTML(false) // arrows stay arrows
	lines := bufio.NewScanner(flushing{in, answers})
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	number := 0
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		q, err := ParseQuery(line)
		var a *Answer
		if err == nil {
			a, err = ask(q)
		}
		if err != nil {
			unanswered++
			err = encoder.Encode(lineError{q.ID, number, err.Error()})
		} else {
			err = encoder.Encode(a)
		}
		if err != nil {
			return unanswered, err
		}
	}
	if err := lines.Err(); err != nil {
		return unanswered, fmt.Errorf("line %d: %w", number+1, err)
	}
	return unanswered, answers.Flush()
}

// flushing is a reader that has what was written delivered before it may have to wait.
type flushing struct {
	io.Reader
	out *bufio.Writer
}

func (f flushing) Read(b []byte) (int, error) {
	if err := f.out.Flush(); err != nil {
		return 0, err
	}
	return f.Reader.Read(b)
}
