package awsimport

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"vpcsim/topology"
)

// Limits of ours, which keep a hostile or mistaken file from costing more than a message.
const (
	maxElement  = 16 << 20 // bytes of one element of a list
	maxWrappers = 8        // {"data": …} and the like inside each other
	maxErrors   = 100      // told of one file
)

// file reads one file, if it looks like JSON.
func (w *walker) file(real, name string) {
	f, err := os.Open(real)
	if err != nil {
		w.fail(name, "can't be read: "+reason(err))
		return
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	named := strings.ToLower(name)
	if start, _ := in.Peek(2); bytes.Equal(start, []byte("\x1f\x8b")) {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			w.fail(name, "not whole gzip: "+err.Error())
			return
		}
		in, named = bufio.NewReaderSize(unpacked, 1<<16), strings.TrimSuffix(named, ".gz")
	}
	w.text(in, name, strings.HasSuffix(named, ".json"))
}

// text reads what a file holds. One that is not named as JSON is read if it begins like that, and passed over if it is not.
func (w *walker) text(in *bufio.Reader, name string, named bool) {
	start, _ := in.Peek(4)
	text := bytes.TrimLeft(bytes.TrimPrefix(start, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff")):
		w.fail(name, "UTF-16 text, as PowerShell's > writes; save it as UTF-8")
	case len(start) == 0 && named:
		w.dump.ignoredFiles["empty"]++
		w.dump.warn(Warning{File: name, Problem: "empty, as a command that failed leaves it: packets go as if what it should list did not exist"})
	case !named && !bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("[")):
		w.dump.ignoredFiles["not JSON"]++
	default:
		if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) {
			_, _ = in.Discard(3)
		}
		w.json(in, name, named)
	}
}

// json reads the objects of one file. There may be several, one after the other.
func (w *walker) json(in io.Reader, name string, named bool) {
	bound := &bounded{in: in}
	r := &fileReader{dump: w.dump, at: placeOf(name), bound: bound, dec: json.NewDecoder(bound)}
	r.dec.UseNumber()
	for r.more() {
		r.document()
	}
	r.end()
	if !named && len(r.lists) == 0 && len(r.errs) > 0 {
		w.dump.ignoredFiles["not JSON"]++
		return
	}
	w.errs = append(w.errs, r.errs...)
	if len(r.lists) == 0 && len(r.errs) == 0 {
		w.dump.ignoredFiles["no list that means anything to packets"]++
		return
	}
	w.dump.files = append(w.dump.files, name)
}

// bounded is a reader that stops where one token or element takes too much.
type bounded struct {
	in   io.Reader
	left int
}

var errElement = fmt.Errorf("one object has more than %d MiB", maxElement>>20)

// Read reads on, unless the bound is reached.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errElement
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// fileReader reads one file token by token, the elements of the lists it knows as a whole.
type fileReader struct {
	dump  *Dump
	at    Place
	bound *bounded
	dec   *json.Decoder
	errs  topology.Errors
	lists map[string]bool // seen
	here  map[string]bool // seen of the page
	next  bool            // a page follows
	dead  bool            // nothing more can be read
}

// more reports whether another document begins.
func (r *fileReader) more() bool {
	if r.dead {
		return false
	}
	r.bound.left = maxElement
	return r.dec.More()
}

// fail notes a problem at a JSON path.
func (r *fileReader) fail(path, text string) {
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, r.at.problem(path, text))
	}
}

// broken notes that what comes next is no JSON, and ends the file.
func (r *fileReader) broken(path string, err error) {
	r.dead = true
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		r.fail(path, fmt.Sprintf("the file ends here, after %d bytes, in the middle: it is cut off", r.dec.InputOffset()))
	case errors.Is(err, errElement):
		r.fail(path, err.Error())
	default:
		r.fail(path, fmt.Sprintf("not valid JSON after %d bytes: %v", r.dec.InputOffset(), err))
	}
}

// token reads one token.
func (r *fileReader) token(path string) json.Token {
	if r.dead {
		return nil
	}
	r.bound.left = maxElement
	t, err := r.dec.Token()
	if err != nil {
		r.broken(path, err)
	}
	return t
}

// end checks that nothing follows the last document.
func (r *fileReader) end() {
	if r.dead {
		return
	}
	r.bound.left = maxElement
	if t, err := r.dec.Token(); err == nil {
		r.fail("", fmt.Sprintf("not valid JSON: %v after the last value", t))
	} else if err != io.EOF {
		r.broken("", err)
	}
}

// document reads one value at the top of the file.
func (r *fileReader) document() {
	r.bound.left = maxElement
	switch t := r.token(""); {
	case r.dead:
	case t == json.Delim('{'):
		r.page("")
	case t == json.Delim('['):
		r.pages()
	case t == nil: // null: nothing at all
	default:
		r.stranger(t)
		r.rest(t, "")
	}
}

// pages reads a list at the top of the file, which scripts make of the pages that they were given.
func (r *fileReader) pages() {
	for i := 0; !r.dead && r.more(); i++ {
		path := fmt.Sprintf("[%d]", i)
		if t := r.token(path); t == json.Delim('{') {
			r.page(path)
		} else {
			r.rest(t, path)
		}
	}
	r.token("") // the closing bracket
	if len(r.lists) == 0 && !r.dead {
		r.stranger(json.Delim('['))
	}
}

// page reads what one call printed.
func (r *fileReader) page(path string) {
	r.next, r.here = false, map[string]bool{}
	r.object(path, 0)
	for list := range r.here {
		r.dump.page(r.at.File, list, r.next)
	}
}

// stranger warns of a value at the top that is no object.
func (r *fileReader) stranger(t json.Token) {
	r.dump.warn(Warning{File: r.at.File, Problem: kindOf(t) + " at the top and not an object such as {\"Vpcs\": [...]}: left out, and packets go as if what it lists did not exist"})
}

// object reads the fields of an object that may have lists.
func (r *fileReader) object(path string, depth int) {
	for !r.dead && r.more() {
		key, _ := r.token(path).(string)
		if r.dead {
			return
		}
		if !utf8.ValidString(key) {
			r.fail(path, "not UTF-8 text")
		}
		r.field(key, strings.TrimPrefix(path+"."+key, "."), depth)
	}
	r.token(path) // the closing brace
}

// field reads the value of one field.
func (r *fileReader) field(key, path string, depth int) {
	t := r.token(path)
	take, known := lists[key]
	switch {
	case r.dead:
	case t == nil || t == "":
	case isWrapper(key) && t == json.Delim('{'):
		r.wrapped(key, path, depth)
	case known && t == json.Delim('['):
		r.list(key, path, take)
	case known:
		r.fail(path, kindOf(t)+", want a list")
		r.rest(t, path)
	case key == "NextToken":
		r.next = true
		r.rest(t, path)
	case key == "AdditionalRoutesAvailable":
		if t == true {
			r.dump.warn(Warning{File: r.at.File, ID: key, Problem: "search-transit-gateway-routes had more routes than it printed: packets go as if those did not exist"})
		}
		r.rest(t, path)
	case key == "Policy":
		r.policy(t, path)
	default:
		r.unknown(t, key, path)
	}
}

// isWrapper reports whether what is under a key is as if it stood there in its place.
func isWrapper(key string) bool {
	return strings.EqualFold(key, "data") || regionName.MatchString(key) || accountName.MatchString(key)
}

// wrapped reads what is under such a key. That of a region or account says where it is, as the name of a folder does.
func (r *fileReader) wrapped(key, path string, depth int) {
	if depth == maxWrappers {
		r.dead = true
		r.fail(path, fmt.Sprintf("wrapped more than %d deep", maxWrappers))
		return
	}
	outside := r.at
	r.at.within(key)
	r.object(path, depth+1)
	r.at = outside
}

// list reads the elements of a list that is known.
func (r *fileReader) list(key, path string, take list) {
	r.seen(key)
	for i := 0; !r.dead && r.more(); i++ {
		at := r.at
		at.Path = fmt.Sprintf("%s[%d]", path, i)
		var raw json.RawMessage
		r.bound.left = maxElement
		if err := r.dec.Decode(&raw); err != nil {
			r.broken(at.Path, err)
			return
		}
		for _, e := range take(r.dump, raw, at) {
			if len(r.errs) < maxErrors {
				r.errs = append(r.errs, e)
			}
		}
	}
	r.token(path) // the closing bracket
}

func (r *fileReader) seen(key string) {
	if r.lists == nil {
		r.lists = map[string]bool{}
	}
	r.lists[key], r.here[key], r.dump.seen[key] = true, true, true
}

// policy notes a bucket policy, which get-bucket-policy prints as one text.
func (r *fileReader) policy(t json.Token, path string) {
	text, ok := t.(string)
	if !ok {
		r.rest(t, path)
		return
	}
	r.seen("Policy")
	at := r.at
	at.Path = path
	r.dump.bucketPolicies = append(r.dump.bucketPolicies, bucketPolicy{at, text})
}

// unknown skips a field that means nothing to packets, and counts what a list of objects has.
func (r *fileReader) unknown(t json.Token, key, path string) {
	if t != json.Delim('[') {
		r.rest(t, path)
		return
	}
	r.dump.unknownLists[key] += 0
	for !r.dead && r.more() {
		r.dump.unknownLists[key]++
		r.rest(r.token(path), path)
	}
	r.token(path)
}

// rest skips what remains of the value that a token began.
func (r *fileReader) rest(t json.Token, path string) {
	depth := 0
	for {
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 || r.dead {
			return
		}
		t = r.token(path)
	}
}
