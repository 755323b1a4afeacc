package topology

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Load reads a topology file; the path - means standard input. See [Parse].
func Load(path string) (*Spec, *Source, error) {
	file, data, err := read(path)
	if err != nil {
		return nil, nil, err
	}
	return Parse(file, data)
}

// LoadInto reads any other YAML file of ours; the path - means standard input. See [Decode].
func LoadInto(path string, into any) (*Source, error) {
	file, data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Decode(file, data, into)
}

// Parse reads a topology from YAML text. The file's name serves the messages only. It checks the shape of the text (keys,
// kinds of values); what the values mean is [Resolve]'s to judge, which Parse calls only to tell all problems at once if
// the shape is wrong. A returned error is [Errors]; the Source is valid whenever the text could be read as YAML.
func Parse(file string, data []byte) (*Spec, *Source, error) {
	spec := new(Spec)
	src, err := decodeText(file, data, spec, "empty; a topology needs at least region and vpcs; see `vpcsim schema`")
	if err != nil {
		return nil, src, src.Also(err, func() error { _, err := Resolve(spec, src); return err })
	}
	return spec, src, nil
}

// Decode reads YAML text into the struct that into points to, by its yaml tags. Fields may be text, booleans, integers,
// floating-point numbers, [time.Duration] (written like 1.5s), lists, maps with text keys, structs (inline ones too),
// pointers to any of these, and any. A key without a value counts as left out, and a bare number or boolean is taken as
// written where text is expected. Unknown keys, keys given twice and values of a wrong kind are all reported at once as
// [Errors]; the struct is then filled as far as the text was right.
//
// Hostile text is harmless: the size of the text, the number of nodes after expansion of aliases, and their depth are
// bounded (see limits.go).
func Decode(file string, data []byte, into any) (*Source, error) {
	return decodeText(file, data, into, "empty")
}

func decodeText(file string, data []byte, into any, empty string) (*Source, error) {
	src := &Source{File: file, lines: map[string]int{}}
	root, err := document(file, data)
	if err != nil {
		return src, Errors{err}
	}
	if root == nil {
		return src, Errors{{File: file, Problem: empty}}
	}
	src.lines = make(map[string]int, bytes.Count(data, []byte{'\n'})) // which checkText has bounded
	d := decoder{src: src, fields: map[reflect.Type][]field{}}
	d.value(root, reflect.ValueOf(into).Elem(), "", 0)
	src.whole = !d.spent
	return src, d.errs.OrNil()
}

// read returns the contents of a file and its name for messages, never holding more than the limit in memory.
func read(path string) (file string, data []byte, err error) {
	file = path
	var f *os.File
	if path == "-" {
		file, f = "stdin", os.Stdin
	} else {
		if f, err = os.Open(path); err != nil {
			return file, nil, Errors{{File: file, Problem: reason(err)}}
		}
		defer f.Close()
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > MaxFileBytes {
		return file, nil, tooLarge(file, fmt.Sprintf("%d bytes", info.Size()))
	}
	data, err = io.ReadAll(io.LimitReader(f, MaxFileBytes+1))
	if err != nil {
		return file, nil, Errors{{File: file, Problem: reason(err)}}
	}
	return file, data, nil
}

// reason is an I/O error without the words the message already has.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return "can't be read: " + err.Error()
}

func tooLarge(file, size string) error {
	return Errors{{File: file, Problem: fmt.Sprintf("too large (%s); the limit is %d MiB", size, MaxFileBytes>>20)}}
}

// document parses the text and returns its root node, or nil if there is none.
func document(file string, data []byte) (*yaml.Node, *Error) {
	if err := checkText(file, data); err != nil {
		return nil, err
	}
	var doc, second yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(data))
	if err := in.Decode(&doc); err == io.EOF {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(file, err)
	}
	if err := in.Decode(&second); err == nil {
		return nil, &Error{File: file, Line: second.Line, Problem: "a second YAML document starts here; a file holds one"}
	} else if err != io.EOF {
		return nil, syntaxError(file, err)
	}
	if root := doc.Content[0]; root.Tag != "!!null" {
		return root, nil
	}
	return nil, nil
}

// checkText refuses what can't be YAML text of ours before the parser sees it.
func checkText(file string, data []byte) *Error {
	if len(data) > MaxFileBytes {
		return tooLarge(file, fmt.Sprintf("over %d MiB", MaxFileBytes>>20)).(Errors)[0]
	}
	at := func(i int, problem string) *Error {
		return &Error{File: file, Line: 1 + bytes.Count(data[:i], []byte{'\n'}), Problem: problem}
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return at(i, "a NUL byte; this is not a text file")
	}
	marks := 0
	for _, mark := range []byte("\n,:-?[{&!*") {
		marks += bytes.Count(data, []byte{mark})
	}
	if marks > maxMarks {
		return &Error{File: file, Problem: fmt.Sprintf("more than %d line ends, commas, colons, dashes and brackets; that is no topology", maxMarks)}
	}
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			return at(i, "not UTF-8 text")
		}
		i += n
	}
	return nil
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntaxError gives an error of the YAML parser our form.
func syntaxError(file string, err error) *Error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	e := &Error{File: file}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	e.Problem = "not valid YAML: " + shown(text)
	return e
}
