package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"vpcsim/dataplane/flowlog"
	"vpcsim/internal/whatif"
)

// logSuffixes are how the names of flow log files end that are read in a folder: as S3 delivers them, and as people store them.
var logSuffixes = []string{".gz", ".log", ".txt"}

// logFiles lists the files that --flow-logs names, those of folders by their names.
func (p *planner) logFiles() (files []string, err error) {
	for _, path := range p.logs {
		fi, err := os.Stat(path)
		switch {
		case path == "-" && p.topo == "-":
			return nil, usage("-t - and --flow-logs -: standard input can be only one of them")
		case path == "-":
			files = append(files, path)
			continue
		case err != nil:
			return nil, fileError(err)
		case !fi.IsDir():
			files = append(files, path)
			continue
		}
		found, err := p.logFolder(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}

// logFolder lists the flow log files of a folder and of those in it.
func (p *planner) logFolder(folder string) (files []string, err error) {
	var others []string
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
		case slices.Contains(logSuffixes, filepath.Ext(path)):
			files = append(files, path)
		default:
			others = append(others, path)
		}
		return nil
	})
	if err != nil {
		return nil, fileError(err)
	}
	if len(files) == 0 {
		return nil, usage("%s: no flow logs here: no file is named *.gz, *.log or *.txt", folder)
	}
	if len(others) > 0 {
		fmt.Fprintf(p.stderr, "vpcsim: %s: %s not read, as named neither *.gz, *.log nor *.txt: %s …\n", folder, plural(len(others), "file"), others[0])
	}
	return files, nil
}

// maxFaults is how many wrong lines are told of before reading ends.
const maxFaults = 10

// faults are wrong lines of flow logs.
type faults struct {
	all  []error
	more bool // there may be others
}

// Error returns the faults, one on a line.
func (f *faults) Error() string {
	text := errors.Join(f.all...).Error()
	if f.more {
		text += fmt.Sprintf("\nreading ended after %d wrong lines", len(f.all))
	}
	return text
}

// errEnough ends the reading of flow logs.
var errEnough = errors.New("enough wrong lines")

// readLogs reads flow logs, one file after the other.
func (p *planner) readLogs(ctx context.Context, files []string, format flowlog.Format) (*whatif.Log, error) {
	log, wrong := whatif.NewLog(), &faults{}
	for _, file := range files {
		switch err := p.readLog(ctx, file, format, log, wrong); {
		case errors.Is(err, errEnough):
			wrong.more = true
			return nil, &exit{exitUsage, wrong}
		case err != nil:
			return nil, err
		}
		log.File()
	}
	if wrong.all != nil {
		return nil, &exit{exitUsage, wrong}
	}
	return log, nil
}

// readLog reads one file.
func (p *planner) readLog(ctx context.Context, file string, format flowlog.Format, log *whatif.Log, wrong *faults) error {
	from, name := p.stdin, "standard input"
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return fileError(err)
		}
		defer f.Close()
		from, name = f, file
	}
	r, err := flowlog.NewReader(from, name, format)
	if err != nil {
		return usage("%w", err)
	}
	for n := 0; ; n++ {
		record, err := r.Next()
		var line *flowlog.LineError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &line):
			if wrong.all = append(wrong.all, err); len(wrong.all) == maxFaults {
				return errEnough
			}
			continue
		case err != nil:
			return usage("%w", err)
		}
		log.Add(record)
		if n%(1<<16) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
