package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
)

// Bounds of what is read, so that a wrong file costs neither the memory nor the patience of whoever names it.
const (
	maxRoutes   = 4 << 20 // four times the Internet
	maxLines    = 4 * maxRoutes
	maxLine     = 4096
	maxProblems = 10 // told of one file
	toldNotes   = 3  // examples in a note
)

// ReadTable reads a table from a file: text, or an MRT dump of a RIB as RouteViews and RIPE RIS publish them (RFC 6396, RFC 8050); either may
// be compressed by gzip or bzip2. It is read as a stream.
//
// A line of text is a prefix and, after white space or a comma, anything that names its next hop; what has the same name is the same next hop.
// Without names, next hops are made up. Empty lines and what follows a # are ignored. Host bits are masked, as AWS does (aws-semantics
// 1.5), and the table's notes say so. Whatever else cannot be read is an error with its place: half a table would be a wrong one.
func ReadTable(ctx context.Context, path string) (t Table, err error) {
	err = readFile(ctx, path, func(r io.Reader) error {
		t, err = readTable(r)
		return err
	})
	t.Name = filepath.Base(path)
	return t, err
}

func readTable(from io.Reader) (Table, error) {
	r, err := unpack(from)
	if err != nil {
		return Table{}, err
	}
	start, _ := r.Peek(mrtHeaderLen) // what is wrong is found out where it is read
	c := &collector{hops: map[string]uint32{}, at: map[netip.Prefix]int{}}
	if looksLikeMRT(start) {
		err = c.readMRT(r)
	} else {
		err = c.readText(r)
	}
	if err != nil {
		return Table{}, err
	}
	return c.table()
}

// collector puts a table together from what is read. A place is a line or a record.
type collector struct {
	unit     string // what a place is called
	goesOn   bool   // a prefix that is there already is gone on with, and its first next hop counts
	routes   []Route
	at       map[netip.Prefix]int // each prefix's index in routes
	places   []int                // of each route
	hops     map[string]uint32    // names of next hops, to numbers
	unnamed  int                  // routes without a name for their next hop
	masked   counted
	repeated counted
	problems []error
}

// counted is how often something was met, with some examples.
type counted struct {
	n        int
	examples []string
}

func (c *counted) add(example string) {
	if c.n++; c.n <= toldNotes {
		c.examples = append(c.examples, example)
	}
}

func (c *counted) note(what string) string {
	text := fmt.Sprintf("%d %s: %s", c.n, what, strings.Join(c.examples, "; "))
	if c.n > len(c.examples) {
		text += "; …"
	}
	return text
}

// problem notes what is wrong at a place; it returns false when enough is wrong.
func (c *collector) problem(place int, format string, args ...any) (goOn bool) {
	c.problems = append(c.problems, fmt.Errorf("%s %d: %s", c.unit, place, fmt.Sprintf(format, args...)))
	return len(c.problems) < maxProblems
}

// add takes a route in; hop names its next hop, "" if nothing does.
func (c *collector) add(place int, p netip.Prefix, hop string) (goOn bool) {
	if m := p.Masked(); m != p {
		c.masked.add(fmt.Sprintf("%s %d: %s", c.unit, place, p))
		p = m
	}
	nextHop := uint32(0)
	if hop == "" {
		c.unnamed++
	} else {
		nextHop = c.hops[hop]
		if nextHop == 0 {
			nextHop = uint32(len(c.hops) + 1)
			c.hops[hop] = nextHop
		}
	}
	if i, there := c.at[p]; there {
		if c.routes[i].NextHop != nextHop && !c.goesOn {
			return c.problem(place, "%s is at %s %d already, with another next hop", p, c.unit, c.places[i])
		}
		c.repeated.add(fmt.Sprintf("%s %d: %s", c.unit, place, p))
		return true
	}
	if len(c.routes) == maxRoutes {
		c.problem(place, "more than %d prefixes", maxRoutes)
		return false
	}
	c.at[p] = len(c.routes)
	c.routes, c.places = append(c.routes, Route{p, nextHop}), append(c.places, place)
	return true
}

// madeUp is how many next hops a table gets whose file names none.
const madeUp = 200

func (c *collector) table() (Table, error) {
	if len(c.problems) > 0 {
		return Table{}, errors.Join(c.problems...)
	}
	if len(c.routes) == 0 {
		return Table{}, errors.New("no prefix in it")
	}
	t := Table{Origin: "read from a file", Routes: c.routes}
	if c.masked.n > 0 {
		t.Notes = append(t.Notes, c.masked.note("with host bits set, which were masked"))
	}
	if c.repeated.n > 0 {
		what := "there already, with the same next hop"
		if c.goesOn {
			what = "of a prefix that was there already, whose first next hop counts"
		}
		t.Notes = append(t.Notes, c.repeated.note(what))
	}
	inOrder(t.Routes)
	if c.unnamed > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d without a next hop: each got one of %d that are made up", c.unnamed, madeUp))
		for i := range t.Routes {
			if t.Routes[i].NextHop == 0 {
				t.Routes[i].NextHop = uint32(len(c.hops)) + 1 + uint32(mix(uint64(i))%madeUp)
			}
		}
	}
	return t, nil
}

// mix scatters a number: the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (c *collector) readText(r *bufio.Reader) error {
	c.unit = "line"
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		switch {
		case n > maxLines:
			c.problem(n, "a table of at most %d prefixes does not need so many lines", maxRoutes)
			return nil
		case errors.Is(err, bufio.ErrBufferFull) || len(line) > maxLine:
			c.problem(n, "longer than %d bytes; is this a table of prefixes?", maxLine)
			return nil
		case err != nil && !errors.Is(err, io.EOF):
			c.problem(n, "%v", err)
			return nil
		}
		if !c.line(n, string(line)) || err != nil {
			return nil
		}
	}
}

// line takes a line of text in.
func (c *collector) line(n int, line string) (goOn bool) {
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' }) {
		c.problem(n, "not text; is this a table of prefixes?")
		return false
	}
	line, _, _ = strings.Cut(line, "#")
	fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == '\r' || r == '\n' })
	if len(fields) == 0 {
		return true
	}
	p, err := netip.ParsePrefix(fields[0])
	switch {
	case err != nil:
		return c.problem(n, "%.60q is not a prefix as in 10.0.0.0/8", fields[0])
	case p.Addr().Is4In6():
		return c.problem(n, "%s: write an IPv4 prefix as one", p)
	case len(fields) > 2:
		return c.problem(n, "%.60q after the prefix and its next hop", fields[2])
	case len(fields) == 2:
		return c.add(n, p, fields[1])
	}
	return c.add(n, p, "")
}
