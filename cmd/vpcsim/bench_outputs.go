package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// outputs are the files that results go to, by name. They are opened before anything is measured: minutes later is too late to learn that one cannot
// be written. What a file had before stays in it until there are results, and one that was not there goes again if there are none.
type outputs map[string]*output

type output struct {
	*os.File
	made, written bool
}

func openOutputs(names ...string) (outputs, error) {
	all := outputs{}
	for _, name := range names {
		if name == "" {
			continue
		}
		if all[name] != nil {
			all.close()
			return nil, usage("%s: two results cannot go into the same file", name)
		}
		_, err := os.Lstat(name)
		made := errors.Is(err, fs.ErrNotExist)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o666)
		if err != nil {
			all.close()
			return nil, usage("%w", err)
		}
		all[name] = &output{File: f, made: made}
	}
	return all, nil
}

// write puts the content into the file in place of what it had; a name that is empty is none.
func (o outputs) write(name string, content func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f := o[name]
	f.written = true
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		if err := f.Truncate(0); err != nil {
			return err
		}
	}
	return errors.Join(content(f), f.Close())
}

// close ends what was opened, and removes what was made for results that did not come.
func (o outputs) close() {
	for name, f := range o {
		if f.written {
			continue
		}
		_ = f.Close() // nothing was written
		if f.made {
			_ = os.Remove(name) // an empty file that stays does no harm
		}
	}
}
