package main

import (
	"errors"
	"os"
	"path/filepath"

	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/flowlog"
	"vpcsim/internal/flowlogs"
	"vpcsim/internal/monotonic"
	"vpcsim/internal/report"
	"vpcsim/internal/scenario"
)

// reportSnap is how much of each packet a report's folder has: its headers, and how what it carries begins. All of them would be a
// fifth of a gigabyte for a run of five seconds.
const reportSnap = 256

// runFiles are what a run writes while it lasts. They are made first, outside of its namespaces, where a wrong path is told at once.
type runFiles struct {
	packets *os.File // nil if they are not wanted
	snap    int
	logs    flowlogs.Sink // nil if they are not wanted
	endLogs func() error  // ends their file
}

// open makes the files that are wanted; for a report all of them, in its folder.
func (p *player) open() (f runFiles, err error) {
	if p.folder != "" {
		if err := os.MkdirAll(p.folder, 0o755); err != nil {
			return f, fileError(err)
		}
		p.pcap, p.flowLogs, f.snap = filepath.Join(p.folder, report.PacketsFile), filepath.Join(p.folder, report.FlowLogsFile), reportSnap
	}
	if f.packets, err = create("--pcap", p.pcap); err != nil {
		return f, err
	}
	file, err := create("--flowlogs", p.flowLogs)
	if err != nil || file == nil {
		f.endLogs = func() error { return nil }
		return f, err
	}
	kind := filepath.Ext(p.flowLogs)
	logs := flowlogs.NewFile(file, flowlog.Full(), kind == ".gz", kind == ".parquet")
	f.logs, f.endLogs = logs, func() error { return errors.Join(logs.Close(), file.Close()) }
	return f, nil
}

// create makes the file that a flag names, if it names one.
func create(flag, name string) (*os.File, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return nil, usage("%s needs a file: standard output is the report's", flag)
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fileError(err)
	}
	return f, nil
}

// recorder begins to record packets; nil if they are not wanted.
func (f *runFiles) recorder() *capture.Recorder {
	if f.packets == nil {
		return nil
	}
	return capture.NewRecorder(f.packets, monotonic.Now(), f.snap)
}

// write writes the report's folder.
func (p *player) write(r *scenario.Report) error {
	if err := report.Write(p.folder, r); err != nil {
		return fileError(err)
	}
	p.say("the report is %s", filepath.Join(p.folder, report.PageFile))
	return nil
}
