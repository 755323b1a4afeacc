package workload

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBadSpecsAreRefusedOnBothSides(t *testing.T) {
	for _, tc := range []struct {
		name string
		spec Spec
		want string
	}{
		{"an unknown kind", Spec{Kind: "dance"}, `kind "dance"`},
		{"no scheme", Spec{Kind: Download, URL: "s3.amazonaws.com/x"}, `url "s3.amazonaws.com/x"`},
		{"https", Spec{Kind: Upload, URL: "https://s3.amazonaws.com/x"}, "want http://"},
		{"a stream to no port", Spec{Kind: Stream, Address: "10.0.0.5"}, `address "10.0.0.5"`},
		{"a way round to no port", Spec{Kind: Stream, Address: "10.0.0.5:7", Connect: "x"}, `connect "x"`},
		{"a source that is a name", Spec{Kind: Serve, Address: ":80", Source: "eth1"}, `source "eth1"`},
		{"a negative pause", Spec{Kind: Serve, Address: ":80", Every: -1}, "negative"},
		{"huge writes", Spec{Kind: Serve, Address: ":80", Bytes: maxBytes + 1}, "at most"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Start(func(*exec.Cmd) error { panic("started") }, "/none", tc.spec, nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Start = %v, want %q", err, tc.want)
			}
			arg, err := json.Marshal(tc.spec)
			require.NoError(t, err)
			var out strings.Builder
			if code := Main([]string{string(arg)}, strings.NewReader(""), &out); code != 2 {
				t.Errorf("Main = %d, want 2", code)
			}
			var e Event
			require.NoError(t, json.Unmarshal([]byte(out.String()), &e))
			if e.Event != Error || !strings.Contains(e.Error, tc.want) {
				t.Errorf("told %+v, want %q", e, tc.want)
			}
		})
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add(`{"kind":"download","url":"http://s3.us-east-1.amazonaws.com/b/k","every":2000000}`)
	f.Add(`{"kind":"serve","address":":80"}`)
	f.Add(`{"kind":"stream","address":"[::1]:1","source":"::1","stall":-1}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, arg string) {
		spec, err := parseSpec([]string{arg})
		if err == nil && (spec.Every <= 0 || spec.Bytes <= 0 || spec.Bytes > maxBytes || spec.Stall <= 0 || spec.ConnectTimeout <= 0) {
			t.Errorf("accepted %+v", spec)
		}
	})
}
