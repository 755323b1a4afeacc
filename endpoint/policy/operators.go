package policy

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// operator is a condition operator: how a value of the policy is read and how one of the request is compared with it. A negated
// operator holds where its opposite does not (IAM: reference_policies_elements_condition_operators).
type operator struct {
	name    string
	negated bool
	// syntax is what a value of the policy may have; variables only where the document's version has them.
	syntax  syntax
	read    func(text string, p pattern) (operand, error)
	matches func(o *operand, value string, r *Request) bool
}

// operand is a value of the policy, read as its operator reads it.
type operand struct {
	text    string // as written, for Explain
	pattern pattern
	arn     arnPattern
	number  float64
	time    time.Time
	prefix  netip.Prefix
	bytes   string
}

// operators are all there are, ...IfExists, ForAllValues: and ForAnyValue: aside, which go with any but Null.
var operators = []operator{
	{"StringEquals", false, variablesOnly, readText, equalsText},
	{"StringNotEquals", true, variablesOnly, readText, equalsText},
	{"StringEqualsIgnoreCase", false, variablesOnly, readText, equalsFold},
	{"StringNotEqualsIgnoreCase", true, variablesOnly, readText, equalsFold},
	{"StringLike", false, bothSyntaxes, readText, equalsText},
	{"StringNotLike", true, bothSyntaxes, readText, equalsText},

	{"NumericEquals", false, noSyntax, readNumber, numeric(0)},
	{"NumericNotEquals", true, noSyntax, readNumber, numeric(0)},
	{"NumericLessThan", false, noSyntax, readNumber, numeric(-1)},
	{"NumericLessThanEquals", false, noSyntax, readNumber, numeric(-1, 0)},
	{"NumericGreaterThan", false, noSyntax, readNumber, numeric(1)},
	{"NumericGreaterThanEquals", false, noSyntax, readNumber, numeric(1, 0)},

	{"DateEquals", false, noSyntax, readDate, date(0)},
	{"DateNotEquals", true, noSyntax, readDate, date(0)},
	{"DateLessThan", false, noSyntax, readDate, date(-1)},
	{"DateLessThanEquals", false, noSyntax, readDate, date(-1, 0)},
	{"DateGreaterThan", false, noSyntax, readDate, date(1)},
	{"DateGreaterThanEquals", false, noSyntax, readDate, date(1, 0)},

	{"Bool", false, variablesOnly, readBool, equalsFold},
	{"BinaryEquals", false, noSyntax, readBinary, equalsBytes},
	{"IpAddress", false, noSyntax, readPrefix, inPrefix},
	{"NotIpAddress", true, noSyntax, readPrefix, inPrefix},

	{"ArnEquals", false, bothSyntaxes, readARN, likeARN},
	{"ArnLike", false, bothSyntaxes, readARN, likeARN},
	{"ArnNotEquals", true, bothSyntaxes, readARN, likeARN},
	{"ArnNotLike", true, bothSyntaxes, readARN, likeARN},

	{"Null", false, noSyntax, readNull, nil}, // compares no values
}

// What values of the policy may have.
var (
	noSyntax      = syntax{}
	variablesOnly = syntax{variables: true}
	bothSyntaxes  = syntax{variables: true, wildcards: true}
)

func readText(_ string, p pattern) (operand, error) { return operand{pattern: p}, nil }

func equalsText(o *operand, value string, r *Request) bool { return o.pattern.match(value, r) }

func equalsFold(o *operand, value string, r *Request) bool { return o.pattern.equalFold(value, r) }

func readBool(text string, p pattern) (operand, error) {
	if !p.variables && !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
		return operand{}, fmt.Errorf(`%q is no boolean; write "true" or "false"`, text)
	}
	return operand{pattern: p}, nil
}

func readNull(text string, p pattern) (operand, error) {
	if !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
		return operand{}, fmt.Errorf(`%q: write "true" for a key that must be absent, "false" for one that must be there`, text)
	}
	return operand{pattern: p}, nil
}

func readARN(text string, p pattern) (operand, error) {
	if !p.variables && !strings.HasPrefix(text, "arn:") && !strings.HasPrefix(text, "*") {
		return operand{}, fmt.Errorf("%q is no ARN; write one, as \"arn:aws:iam::111122223333:role/NAME\", or use StringLike", text)
	}
	return operand{arn: newARNPattern(p)}, nil
}

func likeARN(o *operand, value string, r *Request) bool { return o.arn.match(value, r) }

func readNumber(text string, _ pattern) (operand, error) {
	n, ok := number(text)
	if !ok {
		return operand{}, fmt.Errorf("%q is no number; write one, as 10 or 1.5", text)
	}
	return operand{number: n}, nil
}

// number reads an integer or decimal number.
func number(text string) (float64, bool) {
	digits := strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	for i := range len(digits) {
		if c := digits[i]; c != '.' && (c < '0' || c > '9') {
			return 0, false // not left to strconv, whose numbers may also have exponents, and whose errors cost
		}
	}
	if digits == "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// numeric compares the request's number with the policy's: less (-1), equal (0), greater (1) as wanted.
func numeric(wanted ...int) func(*operand, string, *Request) bool {
	return func(o *operand, value string, _ *Request) bool {
		n, ok := number(value)
		return ok && slices.Contains(wanted, cmp.Compare(n, o.number))
	}
}

// dateLayouts are the W3C's forms of ISO 8601 dates.
var dateLayouts = []string{
	"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006",
}

func readDate(text string, _ pattern) (operand, error) {
	t, ok := dateOf(text)
	if !ok {
		return operand{}, fmt.Errorf("%q is no date; write one as 2025-01-31T12:00:00Z, or as seconds since 1970", text)
	}
	return operand{time: t}, nil
}

// dateOf reads a date or seconds since 1970; four digits are a year.
func dateOf(text string) (time.Time, bool) {
	if len(text) != len("2006") {
		if seconds, ok := number(text); ok && seconds > -1e11 && seconds < 1e12 {
			return time.Unix(int64(seconds), 0), true
		}
	}
	for _, layout := range dateLayouts {
		if len(text) < len("2006-01-02T") && len(layout) != len(text) {
			continue // an error of time.Parse costs
		}
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func date(wanted ...int) func(*operand, string, *Request) bool {
	return func(o *operand, value string, _ *Request) bool {
		t, ok := dateOf(value)
		return ok && slices.Contains(wanted, t.Compare(o.time))
	}
}

func readPrefix(text string, _ pattern) (operand, error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return operand{prefix: prefix.Masked()}, nil
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return operand{prefix: netip.PrefixFrom(a, a.BitLen())}, nil
	}
	return operand{}, fmt.Errorf("%q is neither an address nor a range; write it as 203.0.113.0/24 or 2001:db8::/32", text)
}

func inPrefix(o *operand, value string, _ *Request) bool {
	a, err := netip.ParseAddr(value)
	return err == nil && o.prefix.Contains(a.Unmap())
}

func readBinary(text string, _ pattern) (operand, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return operand{}, fmt.Errorf("%q is no base64; write the bytes in base64", text)
	}
	return operand{bytes: string(b)}, nil
}

func equalsBytes(o *operand, value string, _ *Request) bool { return value == o.bytes }
