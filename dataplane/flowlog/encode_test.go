package flowlog

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEncodedLines: a record as AWS writes it, whatever the format's fields and their order.
func TestEncodedLines(t *testing.T) {
	t.Parallel()
	full := record5
	full.Details = Details{
		Account: "123456789012", Instance: "i-1", Region: "us-east-1", AZID: "use1-az1", DstService: "S3", InterfaceType: "nat_gateway",
		NextHop: NextHop{"eni-2", "subnet-2", "use1-az2", "vpc-2", "transit_gateway"},
	}
	six, none, skip := full, full, full
	six.PktSrc = netip.MustParseAddr("2001:db8::1")
	none.Status, skip.Status = NoData, SkipData
	refused := full
	refused.Reject, refused.TCPFlags, refused.Direction, refused.TrafficPath = true, NoFlags, Ingress, 0
	fields := func(f Format) string { return f.String() }
	for name, row := range map[string]struct {
		format string
		record Record
		want   string
	}{
		"the default format": {
			fields(Default()), full,
			"2 123456789012 eni-0a1b2c3d4e5f60718 10.0.2.10 52.216.1.2 41234 443 6 12 3400 1700000000 1700000060 ACCEPT OK",
		},
		"no traffic": {fields(Default()), none, "2 123456789012 eni-0a1b2c3d4e5f60718 - - - - - - - 1700000000 1700000060 - NODATA"},
		"skipped":    {fields(Default()), skip, "2 123456789012 eni-0a1b2c3d4e5f60718 - - - - - - - 1700000000 1700000060 - SKIPDATA"},
		"versions 2 to 5": {
			fields(Full()), full,
			"5 123456789012 eni-0a1b2c3d4e5f60718 10.0.2.10 52.216.1.2 41234 443 6 12 3400 1700000000 1700000060 ACCEPT OK " +
				"vpc-1 subnet-1 i-1 3 IPv4 10.0.2.11 52.216.1.2 us-east-1 use1-az1 - - - S3 egress 8",
		},
		"what is not known is a dash":                     {"${tcp-flags} ${action} ${flow-direction} ${traffic-path} ${reject-reason}", refused, "- REJECT ingress - -"},
		"the type is the packet's":                        {"${type}", six, "IPv6"},
		"the version is that of the newest field":         {"${ecs-task-id} ${version} ${vpc-id}", full, "- 7 vpc-1"},
		"fields in an order of one's own, the newest too": {"${next-hop-vpc-id} ${interface-type} ${next-hop-interface-id} ${version}", full, "vpc-2 nat_gateway eni-2 11"},
		"a next hop belongs to a record with data":        {"${next-hop-vpc-id} ${vpc-id} ${log-status}", none, "- vpc-1 NODATA"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := ParseFields(row.format)
			require.NoError(t, err)
			require.Equal(t, row.want+"\n", string(NewEncoder(f).Append(nil, &row.record)))
		})
	}
}

// TestReadBack: the reader finds in a line what the encoder was given, as far as it reads.
func TestReadBack(t *testing.T) {
	t.Parallel()
	for _, record := range []Record{record5, over6(record2), refused(record2), unsaid(record5)} {
		f := Full()
		text := f.Header() + "\n" + string(NewEncoder(f).Append(nil, &record))
		got, faults := all(t, strings.NewReader(text), nil)
		require.Empty(t, faults)
		require.Equal(t, []Record{record}, got)
	}
}

// TestEveryFieldIsWritten, or is one of those that are always "-".
func TestEveryFieldIsWritten(t *testing.T) {
	t.Parallel()
	for field := range appenders {
		require.True(t, slices.Contains(names, field), field)
	}
	var never []string
	for _, field := range names {
		if appenders[field] == nil && !strings.HasPrefix(field, "ecs-") && !strings.Contains(field, "-tag") {
			never = append(never, field)
		}
	}
	require.Equal(t, []string{"sublocation-type", "sublocation-id", "reject-reason", "resource-id", "encryption-status"}, never)
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	e, line, record := NewEncoder(Full()), make([]byte, 0, 1024), record5
	if n := testing.AllocsPerRun(100, func() { line = e.Append(line[:0], &record) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFormatsToWrite(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                         "the format has no field",
		"${srcadr}":                `flow logs have no field "${srcadr}"`,
		"${action} ${action}":      "the format has the field action twice",
		"${action} no-such-${end}": "flow logs have no field",
	} {
		_, err := ParseFields(text)
		require.ErrorContains(t, err, want)
	}
	f, err := ParseFields("action ${end}")
	require.NoError(t, err)
	require.Equal(t, "${action} ${end}", f.String())
	require.Equal(t, "action end", f.Header())
}
