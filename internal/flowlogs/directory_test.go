package flowlogs

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestZoneIDs(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]string{
		"us-east-1a": "use1-az1", "ap-southeast-2c": "apse2-az3", "ap-northeast-1b": "apne1-az2", "eu-central-1a": "euc1-az1",
		"us-gov-east-1a": "usge1-az1", "sa-east-1b": "sae1-az2", "": "", "us-east-1": "", "zone": "", "us-east-1aa": "",
	} {
		if got := zoneID(zone); got != want {
			t.Errorf("%s: %q, want %q", zone, got, want)
		}
	}
}

// TestOwnEnd: which address stands for the interface in srcaddr and dstaddr (aws-semantics 9.1).
func TestOwnEnd(t *testing.T) {
	t.Parallel()
	a := netip.MustParseAddr
	both := &logged{primary: a("10.0.0.1"), six: []netip.Addr{a("2001:db8::1"), a("2001:db8::2")}}
	for name, row := range map[string]struct {
		at   *logged
		a    string
		want string
	}{
		"the primary address":                      {both, "10.0.0.1", "10.0.0.1"},
		"a secondary one, or what is passed on":    {both, "10.0.0.9", "10.0.0.1"},
		"an IPv6 address of its own":               {both, "2001:db8::2", "2001:db8::2"},
		"IPv6 that is passed on":                   {both, "2001:db8:9::9", "2001:db8::1"},
		"an interface without IPv6 passes IPv6 on": {&logged{primary: a("10.0.0.1")}, "2001:db8::1", "2001:db8::1"},
	} {
		require.Equal(t, a(row.want), row.at.own(a(row.a)), name)
	}
}
