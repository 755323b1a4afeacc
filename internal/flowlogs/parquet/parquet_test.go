package parquet

import (
	"bytes"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/flowlog"
)

// TestColumns: every field is a column of AWS's type (flow-log-records: Parquet data type), and what a line says with "-" is null.
func TestColumns(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w := NewWriter(&b, flowlog.Full())
	lines := "5 123456789012 eni-1 10.0.0.71 54.231.0.10 41234 443 6 12 3400 1700000000 1700000060 ACCEPT OK vpc-1 subnet-1 i-1 3 IPv4 10.0.0.71 54.231.0.10 us-east-1 use1-az1 - - - S3 egress 8\n" +
		"5 123456789012 eni-2 - - - - - - - 1700000000 1700000060 - NODATA vpc-1 subnet-1 i-1 - - - - us-east-1 use1-az1 - - - - - -\n"
	require.NoError(t, w.Lines([]byte(lines)))
	require.NoError(t, w.Close())

	type row struct {
		Version   *int32  `parquet:"version,optional"`
		Interface *string `parquet:"interface_id,optional"`
		Src       *string `parquet:"srcaddr,optional"`
		SrcPort   *int32  `parquet:"srcport,optional"`
		Packets   *int64  `parquet:"packets,optional"`
		Bytes     *int64  `parquet:"bytes,optional"`
		Start     *int64  `parquet:"start,optional"`
		Flags     *int32  `parquet:"tcp_flags,optional"`
		Path      *int32  `parquet:"traffic_path,optional"`
		Service   *string `parquet:"pkt_dst_aws_service,optional"`
		Status    *string `parquet:"log_status,optional"`
		Zone      *string `parquet:"sublocation_id,optional"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	p := func(n int32) *int32 { return &n }
	q := func(n int64) *int64 { return &n }
	s := func(t string) *string { return &t }
	require.Equal(t, []row{
		{p(5), s("eni-1"), s("10.0.0.71"), p(41234), q(12), q(3400), q(1700000000), p(3), p(8), s("S3"), s("OK"), nil},
		{Version: p(5), Interface: s("eni-2"), Start: q(1700000000), Status: s("NODATA")},
	}, rows)

	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	require.NoError(t, err)
	require.Len(t, f.Schema().Fields(), len(flowlog.Full()))
	for _, c := range f.Metadata().RowGroups[0].Columns {
		require.Equal(t, "GZIP", c.MetaData.Codec.String(), "AWS's files are compressed by gzip")
	}
}
