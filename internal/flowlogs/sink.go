package flowlogs

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"time"

	"vpcsim/dataplane/flowlog"
	"vpcsim/internal/flowlogs/parquet"
)

// NewID returns the id of a new flow log.
func NewID() string {
	var b [9]byte
	_, _ = rand.Read(b[:]) // it never fails
	return "fl-" + hex.EncodeToString(b[:])[:17]
}

// Text is a sink that writes lines to a stream, below a header line. It is for one goroutine.
type Text struct {
	to     io.Writer
	header string // empty once it has been written
}

// NewText returns a sink for a stream.
func NewText(to io.Writer, f flowlog.Format) *Text { return &Text{to, f.Header() + "\n"} }

// Lines implements [Sink].
func (t *Text) Lines(_ string, lines []byte) error {
	if t.header != "" {
		if _, err := io.WriteString(t.to, t.header); err != nil {
			return err
		}
		t.header = ""
	}
	_, err := t.to.Write(lines)
	return err
}

// End implements [Sink].
func (t *Text) End(Interval) error { return nil }

// File is a sink that makes one file of all records: text, text compressed by gzip, or Parquet. Close it; the stream below stays open.
type File struct {
	text    *Text
	packed  *gzip.Writer    // nil unless the text is compressed
	parquet *parquet.Writer // nil for text
}

// NewFile returns a sink for a stream that gets all of a file.
func NewFile(to io.Writer, f flowlog.Format, compressed, columns bool) *File {
	switch {
	case columns:
		return &File{parquet: parquet.NewWriter(to, f)}
	case compressed:
		packed := gzip.NewWriter(to)
		return &File{text: NewText(packed, f), packed: packed}
	}
	return &File{text: NewText(to, f)}
}

// Lines implements [Sink].
func (f *File) Lines(region string, lines []byte) error {
	if f.parquet != nil {
		return f.parquet.Lines(lines)
	}
	return f.text.Lines(region, lines)
}

// End implements [Sink].
func (f *File) End(Interval) error { return nil }

// Close writes the end of the file.
func (f *File) Close() error {
	switch {
	case f.parquet != nil:
		return f.parquet.Close()
	case f.packed != nil:
		return f.packed.Close()
	}
	return nil
}

// Delivery is a sink that makes files as AWS delivers them to S3, a file for each region and interval; AWS does so every five
// minutes (flow-logs-s3-path). It is for one goroutine.
type Delivery struct {
	Account, ID string // of the flow log
	Prefix      string // of all keys; may be empty
	Format      flowlog.Format
	Parquet     bool // Parquet in place of compressed text
	Hive        bool // names of folders say what they are
	Hourly      bool // a folder for each hour
	// Put stores a file.
	Put func(key string, content []byte) error

	files map[string]*delivered // by region
	count int
}

// delivered is a file that is being made.
type delivered struct {
	content bytes.Buffer
	*File
}

// Lines implements [Sink].
func (d *Delivery) Lines(region string, lines []byte) error {
	f := d.files[region]
	if f == nil {
		f = &delivered{}
		f.File = NewFile(&f.content, d.Format, true, d.Parquet)
		if d.files == nil {
			d.files = map[string]*delivered{}
		}
		d.files[region] = f
	}
	return f.Lines(region, lines)
}

// End implements [Sink]: it stores the interval's files.
func (d *Delivery) End(i Interval) error {
	for _, region := range slices.Sorted(maps.Keys(d.files)) {
		f := d.files[region]
		if err := f.Close(); err != nil {
			return err
		}
		if err := d.Put(d.key(region, i.Begin.UTC(), f.content.Bytes()), f.content.Bytes()); err != nil {
			return err
		}
	}
	clear(d.files)
	return nil
}

// key is where a file is stored (flow-logs-s3-path). No two files of a log have the same.
func (d *Delivery) key(region string, begin time.Time, content []byte) string {
	d.count++
	sum := sha256.Sum256(strconv.AppendInt(content[:len(content):len(content)], int64(d.count), 10))
	folders := []string{d.Prefix, "AWSLogs", d.Account, "vpcflowlogs", region, begin.Format("2006/01/02")}
	if d.Hive {
		folders = []string{
			d.Prefix, "AWSLogs", "aws-account-id=" + d.Account, "aws-service=vpcflowlogs", "aws-region=" + region, begin.Format("year=2006/month=01/day=02"),
		}
	}
	switch {
	case d.Hourly && d.Hive:
		folders = append(folders, begin.Format("hour=15"))
	case d.Hourly:
		folders = append(folders, begin.Format("15"))
	}
	kind := "log.gz"
	if d.Parquet {
		kind = "log.parquet"
	}
	name := fmt.Sprintf("%s_vpcflowlogs_%s_%s_%s_%s.%s", d.Account, region, d.ID, begin.Format("20060102T1504Z"), hex.EncodeToString(sum[:4]), kind)
	return path.Join(append(folders, name)...)
}
