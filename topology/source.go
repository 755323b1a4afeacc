package topology

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Source knows where in a file each path stands, so that a problem found long after reading still names its line. The
// nil Source is valid and knows nothing: a Spec made by a program has no lines.
type Source struct {
	File   string
	lines  map[string]int
	prefix string
	whole  bool // the text was read to its end
}

// Under returns the same source for the part of the file below a path: a topology inside a scenario file is resolved
// with the scenario's Source under "topology", and its problems carry the whole path.
func (s *Source) Under(path string) *Source {
	if s == nil {
		return nil
	}
	return &Source{File: s.File, lines: s.lines, prefix: join(s.prefix, path), whole: s.whole}
}

// Line returns the line of a path, or of the nearest thing around it that the file does contain; 0 if nothing is known.
func (s *Source) Line(path string) int {
	if s == nil {
		return 0
	}
	for path = s.path(path); ; {
		if line, ok := s.lines[path]; ok {
			return line
		}
		if path == "" {
			return 0
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
}

// Errorf makes a problem at a path.
func (s *Source) Errorf(path, format string, args ...any) *Error {
	e := &Error{Path: path, Problem: fmt.Sprintf(format, args...)}
	if s != nil {
		e.Path, e.File, e.Line = s.path(path), s.File, s.Line(path)
	}
	return e
}

// Also adds to the problems of a text's shape those that check finds in its meaning, so that all are told at once. What check
// says of a path that is told already is left out: it follows from the former. If the text could not be read to its
// end, check is not called.
func (s *Source) Also(shape error, check func() error) error {
	told, ok := shape.(Errors)
	if !ok || s == nil || !s.whole {
		return shape
	}
	found, _ := check().(Errors)
	for _, e := range found {
		if !slices.ContainsFunc(told, func(t *Error) bool { return t.Path == e.Path }) {
			told.add(e)
		}
	}
	return told.OrNil()
}

func (s *Source) path(path string) string {
	if s.prefix == "" || path == "" {
		return s.prefix + path
	}
	return s.prefix + "." + path
}

// join adds one key to a path. A key that would not read well in a message is quoted, and a very long one cut, so that
// no file can make its own messages (or the table of lines) grow out of proportion.
func join(path, key string) string {
	key = shown(key)
	if path == "" {
		return key
	}
	return path + "." + key
}

// item adds the index of a list item to a path.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// maxShown is how many bytes of a user's text a message repeats.
const maxShown = 100

// shown is a text of the user's as a message repeats it: cut if long, quoted if empty or unprintable.
func shown(text string) string {
	if len(text) > maxShown {
		cut := maxShown
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(text)
	}
	return text
}
