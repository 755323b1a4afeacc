package awsimport

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"vpcsim/topology"
)

// Read reads what the AWS CLI printed: every JSON file in the folder and the folders in it, by the keys of its lists and not by
// its name. The path may be one such file, too. Symbolic links are followed. The error is [topology.Errors] with every problem
// of every file, each with file and JSON path.
//
// A file is read in pieces: memory goes by the objects in it, not by its size.
func Read(dir string) (*Dump, error) {
	d := &Dump{seen: map[string]bool{}, ignoredFiles: map[string]int{}, unknownLists: map[string]int{}, pages: map[string]*pages{}}
	w := walker{dump: d}
	w.walk(dir, "", nil)
	if len(w.errs) == 0 && len(d.files) == 0 {
		w.errs = topology.Errors{{Path: dir, Problem: "no file in it has a list that the AWS CLI prints, such as {\"Vpcs\": [...]}; `vpcsim collect` prints the commands that make such files"}}
	}
	d.unfinished()
	w.errs = append(w.errs, d.settle()...)
	if len(w.errs) > 0 {
		slices.SortStableFunc(w.errs, func(a, b *topology.Error) int { return strings.Compare(a.Path, b.Path) })
		return nil, w.errs
	}
	return d, nil
}

// walker goes through folders.
type walker struct {
	dump *Dump
	errs topology.Errors
}

// fail notes a problem with a file or folder.
func (w *walker) fail(name, text string) {
	w.errs = append(w.errs, &topology.Error{Path: name, Problem: text})
}

// walk reads a file or a folder. above are the folders it lies in.
func (w *walker) walk(real, name string, above []os.FileInfo) {
	info, err := os.Stat(real)
	shown := name
	if name == "" {
		shown = real
	}
	switch {
	case err != nil:
		w.fail(shown, "can't be read: "+reason(err))
	case info.IsDir():
		w.folder(real, name, shown, append(above, info))
	case !info.Mode().IsRegular():
		w.dump.ignoredFiles["neither a file nor a folder"]++
	default:
		if name == "" {
			shown = filepath.Base(real)
		}
		w.file(real, shown)
	}
}

// folder reads what is in a folder, unless a symbolic link led back to it.
func (w *walker) folder(real, name, shown string, above []os.FileInfo) {
	here := above[len(above)-1]
	if slices.ContainsFunc(above[:len(above)-1], func(i os.FileInfo) bool { return os.SameFile(i, here) }) {
		w.fail(shown, "a symbolic link that leads back to a folder it lies in; remove it")
		return
	}
	entries, err := os.ReadDir(real)
	if err != nil {
		w.fail(shown, "can't be read: "+reason(err))
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			w.dump.ignoredFiles["hidden"]++
			continue
		}
		w.walk(filepath.Join(real, e.Name()), path.Join(name, e.Name()), slices.Clip(above))
	}
}

// reason is an I/O error without the words the message already has.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return err.Error()
}

// What folders of a dump, and keys around its lists, may be called.
var (
	regionName  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}$`)
	accountName = regexp.MustCompile(`^[0-9]{12}$`)
)

// placeOf is a file with the region and account that its folders are named for.
func placeOf(name string) Place {
	p := Place{File: name}
	for _, part := range strings.Split(path.Dir(name), "/") {
		p.within(part)
	}
	return p
}

// within notes the name of a folder or key that something is in, if that is a region or an account.
func (p *Place) within(name string) {
	switch name := strings.ToLower(name); {
	case regionName.MatchString(name):
		p.Region = name
	case accountName.MatchString(name):
		p.Account = name
	}
}

// pages are the files of one folder that have a list, and how many of them say that it goes on elsewhere.
type pages struct {
	last, more int
	file, list string
}

// page notes that a file has a list, and whether it is its last page.
func (d *Dump) page(file, list string, more bool) {
	key := path.Dir(file) + "/" + list
	p := d.pages[key]
	if p == nil {
		p = &pages{list: list}
		d.pages[key] = p
	}
	if more {
		p.more, p.file = p.more+1, file
	} else {
		p.last++
	}
}

// unfinished warns of lists whose last page is missing.
func (d *Dump) unfinished() {
	for _, p := range d.pages {
		if p.more > 0 && p.last == 0 {
			d.warn(Warning{File: p.file, ID: p.list, Problem: "NextToken says that the list goes on, and no file has its end: packets go as if the rest did not exist"})
		}
	}
}
