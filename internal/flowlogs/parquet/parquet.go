// Package parquet writes flow log records in Apache Parquet's columns, as AWS delivers them to S3. It is the one place that links the
// library, so that nothing carries it that writes no such files.
package parquet

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"vpcsim/dataplane/flowlog"
)

// The fields that are numbers (flow-log-records: Parquet data type); all others are strings.
var (
	int32s = []string{"version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path", "encryption-status"}
	int64s = []string{"packets", "bytes", "start", "end"}
)

// Writer writes one file. It is for one goroutine.
type Writer struct {
	file    *parquet.GenericWriter[any]
	columns []column // by field of a line
	rows    []parquet.Row
}

// column is where a field goes, and as what.
type column struct {
	index int
	bits  int // of a number; 0 for a string
}

// rowsAtOnce is how many rows are handed to the library together.
const rowsAtOnce = 1024

// groupRows is how many rows a row group has at most, which is what the library keeps in memory.
const groupRows = 100_000

// NewWriter begins a file of records in a format. Close it: what a file holds stands at its end.
func NewWriter(to io.Writer, f flowlog.Format) *Writer {
	group := parquet.Group{}
	w := &Writer{columns: make([]column, len(f))}
	for n, name := range f {
		node := parquet.String()
		switch {
		case slices.Contains(int32s, name):
			node, w.columns[n].bits = parquet.Int(32), 32
		case slices.Contains(int64s, name):
			node, w.columns[n].bits = parquet.Int(64), 64
		}
		group[Column(name)] = parquet.Compressed(parquet.Optional(node), &parquet.Gzip)
	}
	schema := parquet.NewSchema("flow_log", group)
	for n, name := range f {
		leaf, _ := schema.Lookup(Column(name))
		w.columns[n].index = leaf.ColumnIndex
	}
	w.file = parquet.NewGenericWriter[any](to, schema, parquet.MaxRowsPerRowGroup(groupRows))
	return w
}

// Column is the name of the column that a field is in: tcp_flags. Queries in SQL have no dashes in names.
func Column(field string) string { return strings.ReplaceAll(field, "-", "_") }

// Lines adds records in lines of the format, none of them the header line.
func (w *Writer) Lines(lines []byte) error {
	for line := range bytes.Lines(lines) {
		row, err := w.row(bytes.TrimRight(line, "\n"))
		if err != nil {
			return err
		}
		if w.rows = append(w.rows, row); len(w.rows) == rowsAtOnce {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// row is a line's values in the order of the schema; what is "-" is null.
func (w *Writer) row(line []byte) (parquet.Row, error) {
	row := make(parquet.Row, len(w.columns))
	for _, c := range w.columns {
		var text []byte
		text, line, _ = bytes.Cut(line, []byte{' '})
		value := parquet.NullValue()
		if len(text) > 0 && string(text) != "-" {
			switch c.bits {
			case 0:
				value = parquet.ByteArrayValue(text).Clone()
			default:
				n, err := strconv.ParseInt(string(text), 10, c.bits)
				if err != nil {
					return nil, err
				}
				if value = parquet.Int64Value(n); c.bits == 32 {
					value = parquet.Int32Value(int32(n))
				}
			}
		}
		defined := 1
		if value.IsNull() {
			defined = 0
		}
		row[c.index] = value.Level(0, defined, c.index)
	}
	return row, nil
}

func (w *Writer) flush() error {
	_, err := w.file.WriteRows(w.rows)
	w.rows = w.rows[:0]
	return err
}

// Close ends the file. The stream below it stays open.
func (w *Writer) Close() error { return errors.Join(w.flush(), w.file.Close()) }
