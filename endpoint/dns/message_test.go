package dns_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// ask is a question as stub resolvers ask it. An option changes it.
func ask(t testing.TB, name string, kind dnsmessage.Type, options ...func(*dnsmessage.Message)) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 4711, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	for _, change := range options {
		change(&m)
	}
	b, err := m.Pack()
	require.NoError(t, err)
	return b
}

// edns says how long an answer may be.
func edns(size, version int) func(*dnsmessage.Message) {
	return func(m *dnsmessage.Message) {
		var h dnsmessage.ResourceHeader
		if err := h.SetEDNS0(size, dnsmessage.RCodeSuccess, false); err != nil {
			panic(err)
		}
		h.TTL |= uint32(version) << 16
		m.Additionals = append(m.Additionals, dnsmessage.Resource{Header: h, Body: &dnsmessage.OPTResource{}})
	}
}

// text writes an answer for people: its code, what it holds, and its marks.
func text(t testing.TB, b []byte) string {
	t.Helper()
	if b == nil {
		return "no answer"
	}
	var m dnsmessage.Message
	require.NoError(t, m.Unpack(b))
	words := []string{strings.TrimPrefix(m.RCode.String(), "RCode")}
	for _, r := range m.Answers {
		switch body := r.Body.(type) {
		case *dnsmessage.AResource:
			words = append(words, fmt.Sprintf("A %d.%d.%d.%d/%d", body.A[0], body.A[1], body.A[2], body.A[3], r.Header.TTL))
		case *dnsmessage.AAAAResource:
			words = append(words, fmt.Sprintf("AAAA ...%x/%d", body.AAAA[15], r.Header.TTL))
		case *dnsmessage.PTRResource:
			words = append(words, fmt.Sprintf("PTR %s/%d", body.PTR, r.Header.TTL))
		}
	}
	for _, r := range m.Authorities {
		words = append(words, strings.TrimPrefix(r.Header.Type.String(), "Type"))
	}
	for _, r := range m.Additionals {
		if r.Header.Type == dnsmessage.TypeOPT {
			words = append(words, fmt.Sprintf("EDNS %d", r.Header.Class))
			if extended := r.Header.TTL >> 24; extended != 0 {
				words = append(words, fmt.Sprintf("code %d", extended<<4|uint32(m.RCode)))
			}
		}
	}
	if m.Truncated {
		words = append(words, "truncated")
	}
	return strings.Join(words, ", ")
}

const a, aaaa, ptr = dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypePTR

func TestAnswer(t *testing.T) {
	class := func(c dnsmessage.Class) func(*dnsmessage.Message) {
		return func(m *dnsmessage.Message) { m.Questions[0].Class = c }
	}
	for _, row := range []struct {
		name, ask string
		kind      dnsmessage.Type
		option    func(*dnsmessage.Message)
		want      string
	}{
		{"several addresses", "s3.amazonaws.com.", a, nil, "Success, A 52.216.1.1/5, A 52.216.1.2/5, A 16.182.1.3/5"},
		{"no AAAA of S3: there is the name, and nothing of the type", "s3.dualstack.us-east-1.amazonaws.com.", aaaa, nil, "Success, SOA"},
		{"A of both families", "example.com.", a, nil, "Success, A 203.0.113.10/60"},
		{"AAAA of both families", "example.com.", aaaa, nil, "Success, AAAA ...10/60"},
		{"any", "example.com.", dnsmessage.TypeALL, nil, "Success, A 203.0.113.10/60, AAAA ...10/60"},
		{"another type", "example.com.", dnsmessage.TypeMX, nil, "Success, SOA"},
		{"a type that nobody has heard of", "example.com.", 65280, nil, "Success, SOA"},
		{"no such name", "example.org.", a, nil, "NameError, SOA"},
		{"no such name, whatever the type", "example.org.", dnsmessage.TypeTXT, nil, "NameError, SOA"},
		{"letters as they are asked", "eXaMpLe.CoM.", a, nil, "Success, A 203.0.113.10/60"},
		{"any class is the internet's", "example.com.", a, class(dnsmessage.ClassANY), "Success, A 203.0.113.10/60"},
		{"chaos", "version.bind.", dnsmessage.TypeTXT, class(dnsmessage.ClassCHAOS), "Refused"},
		{"a zone transfer", "example.com.", dnsmessage.TypeAXFR, nil, "Refused"},
		{"an incremental one", "example.com.", 251, nil, "Refused"},

		{"the name of a private address", "10.1.0.10.in-addr.arpa.", ptr, nil, "Success, PTR ip-10-0-1-10.ec2.internal./60"},
		{"the name of a public address", "10.100.51.198.in-addr.arpa.", ptr, nil, "Success, PTR ec2-198-51-100-10.compute-1.amazonaws.com./60"},
		{"the name of an IPv6 address", "0.1.0.0" + strings.Repeat(".0", 20) + ".8.b.d.0.1.0.0.2.ip6.arpa.", ptr, nil, "Success, PTR example.com./60"},
		{"an address that nobody has", "11.1.0.10.in-addr.arpa.", ptr, nil, "NameError, SOA"},
		{"an address has no address", "10.1.0.10.in-addr.arpa.", a, nil, "Success, SOA"},
		{"half an address", "0.10.in-addr.arpa.", ptr, nil, "NameError, SOA"},
		{"no address", "x.1.0.10.in-addr.arpa.", ptr, nil, "NameError, SOA"},
		{"half an IPv6 address", "0.1.ip6.arpa.", ptr, nil, "NameError, SOA"},

		{"an answer of more than 512 bytes", "many.example.com.", a, nil, "Success, truncated"},
		{"an asker who takes too little still takes 512", "example.com.", a, edns(100, 0), "Success, A 203.0.113.10/60, EDNS 1232"},
		{"an asker who takes more, but not enough", "many.example.com.", a, edns(600, 0), "Success, EDNS 1232, truncated"},
		{"an EDNS of the future", "example.com.", a, edns(4096, 1), "Success, EDNS 1232, code 16"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var options []func(*dnsmessage.Message)
			if row.option != nil {
				options = append(options, row.option)
			}
			question := ask(t, row.ask, row.kind, options...)
			got := view().Answer(question, true, 0)
			if s := text(t, got); s != row.want {
				t.Errorf("got %s; want %s", s, row.want)
			}
			var m dnsmessage.Message
			require.NoError(t, m.Unpack(got))
			require.True(t, m.Response && m.RecursionAvailable && m.RecursionDesired && !m.Authoritative)
			require.EqualValues(t, 4711, m.ID)
			require.Equal(t, row.ask, m.Questions[0].Name.String(), "the question comes back as it was asked")
		})
	}
}

// TestLongAnswers: what was cut over UDP is whole over TCP, or where the asker takes it.
func TestLongAnswers(t *testing.T) {
	records := func(b []byte) int {
		var m dnsmessage.Message
		require.NoError(t, m.Unpack(b))
		return len(m.Answers)
	}
	if n := records(view().Answer(ask(t, "many.example.com.", a), false, 0)); n != 64 {
		t.Errorf("over TCP: got %d records, want 64", n)
	}
	long := view().Answer(ask(t, "many.example.com.", a, edns(4096, 0)), true, 0)
	if n := records(long); n != 64 || len(long) > 1232 {
		t.Errorf("with EDNS: got %d records in %d bytes, want 64", n, len(long))
	}
}

// TestMalformed has what no resolver should send, by its bytes.
func TestMalformed(t *testing.T) {
	good := ask(t, "example.com.", a)
	edit := func(change func(b []byte) []byte) []byte { return change(slices.Clone(good)) }
	count := func(at int, n uint16) []byte {
		return edit(func(b []byte) []byte { binary.BigEndian.PutUint16(b[at:], n); return b })
	}
	twice := ask(t, "example.com.", a, edns(1232, 0), edns(1232, 0))
	named := ask(t, "example.com.", a, edns(1232, 0), func(m *dnsmessage.Message) {
		m.Additionals[0].Header.Name = dnsmessage.MustNewName("x.")
	})
	for _, row := range []struct {
		name    string
		message []byte
		want    string
	}{
		{"nothing", nil, "no answer"},
		{"less than a header", good[:11], "no answer"},
		{"an answer", edit(func(b []byte) []byte { b[2] |= 0x80; return b }), "no answer"},
		{"a header that promises a question", good[:12], "FormatError"},
		{"half a question", good[:20], "FormatError"},
		{"a question without its class", good[:len(good)-2], "FormatError"},
		{"no question", count(4, 0)[:12], "FormatError"},
		{"two questions", append(count(4, 2), good[12:]...), "FormatError"},
		{"an answer too many", count(6, 1), "FormatError"},
		{"a record too many", count(10, 1), "FormatError"},
		{"a name that points at itself", append(slices.Clone(good[:12]), 0xc0, 12, 0, 1, 0, 1), "FormatError"},
		{"a label longer than the message", append(slices.Clone(good[:12]), 63, 'x'), "FormatError"},
		{"a notification", edit(func(b []byte) []byte { b[2] |= 4 << 3; return b }), "NotImplemented"},
		{"a status request", edit(func(b []byte) []byte { b[2] |= 2 << 3; return b }), "NotImplemented"},
		{"EDNS twice", twice, "FormatError, EDNS 1232"},
		{"EDNS with a name", named, "FormatError"},
		{"bytes behind the message", append(slices.Clone(good), "more"...), "Success, A 203.0.113.10/60"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := view().Answer(row.message, true, 0)
			if s := text(t, got); s != row.want {
				t.Errorf("got %s, want %s", s, row.want)
			}
			if got != nil && !bytes.Equal(got[:2], row.message[:2]) {
				t.Errorf("the answer is to another question")
			}
		})
	}
}

func TestAddressesRotate(t *testing.T) {
	first := map[string]int{}
	for turn := range uint32(9) {
		first[strings.Split(text(t, view().Answer(ask(t, "s3.amazonaws.com.", a), true, turn)), ", ")[1]]++
	}
	if len(first) != 3 || first["A 16.182.1.3/5"] != 3 {
		t.Errorf("first of nine answers: %v, want each of the three addresses three times", first)
	}
}

// FuzzAnswer: whatever comes in, what goes out is a well-formed answer to it that fits, or nothing.
func FuzzAnswer(f *testing.F) {
	f.Add(ask(f, "s3.amazonaws.com.", a), true, uint32(1))
	f.Add(ask(f, "many.example.com.", dnsmessage.TypeALL, edns(600, 0)), true, uint32(7))
	f.Add(ask(f, "10.1.0.10.in-addr.arpa.", ptr), false, uint32(0))
	f.Add(ask(f, "example.com.", aaaa, edns(4096, 3)), false, uint32(0))
	f.Add([]byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"), true, uint32(0))
	v := view()
	f.Fuzz(func(t *testing.T, message []byte, udp bool, turn uint32) {
		out := v.Answer(message, udp, turn)
		if out == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(out); err != nil {
			t.Fatalf("the answer cannot be read: %v", err)
		}
		if !m.Response || m.ID != binary.BigEndian.Uint16(message) {
			t.Errorf("got %+v to %x", m.Header, message[:12])
		}
		if udp && len(out) > 1232 || m.Truncated && (!udp || len(m.Answers) > 0) {
			t.Errorf("%d bytes, truncated %t, udp %t", len(out), m.Truncated, udp)
		}
		if again := v.Answer(out, udp, turn); again != nil {
			t.Errorf("an answer is answered")
		}
	})
}

func BenchmarkAnswer(b *testing.B) {
	v, question := view(), ask(b, "photos.s3.us-east-1.amazonaws.com.", a)
	for b.Loop() {
		if v.Answer(question, true, 0) == nil {
			b.Fatal("no answer")
		}
	}
}
