package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"vpcsim/topology"
)

// maxLine is how long a line of a batch may be, in bytes.
const maxLine = 1 << 20

// queryKeys are the keys of a [Query] in JSON.
var queryKeys = []string{"id", "from", "to", "protocol", "port", "source_port", "size", "ttl", "ct"}

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
// a line that gets none. It returns how many got none. All questions that are there are asked together, on all processors, and
// are answered before it waits for more; ask must be safe for many goroutines. An error is of reading or writing, and names the
// line that it came to.
func Batch(in io.Reader, out io.Writer, ask func(Query) (*Answer, error)) (unanswered int, err error) {
	b := &batch{in: in, out: out, ask: ask, shares: make([]share, runtime.GOMAXPROCS(0))}
	lines := bufio.NewScanner(b)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	number := 0
	for lines.Scan() {
		number++
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			b.lines = append(b.lines, numbered{number, bytes.Clone(line)})
		}
	}
	if err := lines.Err(); err != nil {
		return b.unanswered, fmt.Errorf("line %d: %w", number+1, err)
	}
	return b.unanswered, b.flush()
}

// batch is a batch under way. As a reader it is the input that answers what it has been asked before it may have to wait.
type batch struct {
	in         io.Reader
	out        io.Writer
	ask        func(Query) (*Answer, error)
	lines      []numbered // not yet answered
	shares     []share    // used again and again
	unanswered int
}

// numbered is a line with its number, from 1.
type numbered struct {
	number int
	text   []byte
}

func (b *batch) Read(p []byte) (int, error) {
	if err := b.flush(); err != nil {
		return 0, err
	}
	return b.in.Read(p)
}

// flush answers the lines, a share of them on each processor.
func (b *batch) flush() error {
	lines := b.lines
	b.lines = b.lines[:0]
	if len(lines) == 0 {
		return nil
	}
	var answered sync.WaitGroup
	for n := range b.shares {
		mine := lines[n*len(lines)/len(b.shares) : (n+1)*len(lines)/len(b.shares)]
		answered.Go(func() { b.shares[n].answer(mine, b.ask) })
	}
	answered.Wait()
	for n := range b.shares {
		s := &b.shares[n]
		b.unanswered += s.unanswered
		if s.err != nil {
			return s.err
		}
		if _, err := b.out.Write(s.text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// share is the answers to some of the lines.
type share struct {
	text       bytes.Buffer
	unanswered int
	err        error
}

func (s *share) answer(lines []numbered, ask func(Query) (*Answer, error)) {
	s.text.Reset()
	s.unanswered = 0
	encoder := json.NewEncoder(&s.text)
	encoder.SetEscapeHTML(false) // arrows stay arrows
	for _, line := range lines {
		q, err := ParseQuery(line.text)
		var a *Answer
		if err == nil {
			a, err = ask(q)
		}
		if err == nil {
			err = encoder.Encode(a)
		} else {
			s.unanswered++
			err = encoder.Encode(lineError{q.ID, line.number, err.Error()})
		}
		s.err = errors.Join(s.err, err)
	}
}
