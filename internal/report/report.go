// Package report writes the evidence of a scenario's run as files for people: one HTML page that needs nothing else, neither a network
// nor a program of its own, and the data that it was drawn from.
//
// Write turns a scenario.Report into a page (page.go, with timeline.go and chart.go for its pictures), which is everything that is shown
// with every place of every picture worked out, and hands that to one template (page.html.tmpl, style.css). The pictures are SVG in
// percent of their width and pixels of their height, so that they follow the window and their texts do not.
package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"

	"vpcsim/internal/scenario"
)

// The files of a report.
const (
	PageFile     = "index.html"
	DataFile     = "report.json"
	PacketsFile  = "packets.pcapng"
	FlowLogsFile = "flowlogs.log.gz"
)

//go:embed page.html.tmpl
var pageText string

//go:embed style.css
var style string

// data is what DataFile holds: the report as `vpcsim run --json` prints it, and when everything happened.
type data struct {
	*scenario.Report
	Record *scenario.Record `json:"record"`
}

// Write writes the page and its data into a directory that is there. The page links to those of PacketsFile and FlowLogsFile that are
// there, too.
func Write(dir string, r *scenario.Report) error {
	text, err := json.MarshalIndent(data{r, r.Record}, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", DataFile, err)
	}
	if err := os.WriteFile(filepath.Join(dir, DataFile), append(text, '\n'), 0o644); err != nil {
		return err
	}
	files, err := besides(dir)
	if err != nil {
		return err
	}
	page, err := render(newPage(r, files))
	if err != nil {
		return fmt.Errorf("%s: %w", PageFile, err)
	}
	return os.WriteFile(filepath.Join(dir, PageFile), page, 0o644)
}

// besides lists the files of the report that are in the directory besides the page.
func besides(dir string) (all []file, err error) {
	for _, f := range []file{
		{Name: PacketsFile, What: "every packet as it left and as it arrived, with the drop reason as comment: for Wireshark and tshark"},
		{Name: FlowLogsFile, What: "VPC flow logs"},
		{Name: DataFile, What: "what this page shows, and more of it, for programs"},
	} {
		info, err := os.Stat(filepath.Join(dir, f.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		}
		f.Size = size(info.Size())
		all = append(all, f)
	}
	return all, nil
}

func render(p *page) ([]byte, error) {
	t, err := template.New(PageFile).Parse(pageText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, struct {
		*page
		Style template.CSS
	}{p, template.CSS(style)})
	return out.Bytes(), err
}
