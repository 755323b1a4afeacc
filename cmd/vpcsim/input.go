package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"vpcsim/internal/scenario"
	"vpcsim/topology"
	"vpcsim/topology/host"
)

// suffix is how the names of topology files end.
const suffix = ".vpc.yml"

// input is a file that was read: a topology, or a scenario with one inside. What it contains has been checked.
type input struct {
	name     string // for messages
	source   *topology.Source
	spec     *topology.Spec
	network  *topology.Network
	scenario *scenario.File // nil for a topology file

	again *os.File // the text once more, if it came from standard input, for the confined process; nil otherwise
}

// find returns the file that is meant: the one named, or the only topology in the folder.
func find(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	files, _ := filepath.Glob("*" + suffix) // the pattern is well-formed
	switch len(files) {
	case 0:
		return "", usage("no file given, and no *%s in this folder", suffix)
	case 1:
		return files[0], nil
	}
	return "", usage("no file given, and this folder has several: %s", strings.Join(files, ", "))
}

// findInstead is find for what a running lab could have answered as well.
func findInstead(named string) (string, error) {
	file, err := find(named)
	if err == nil {
		return file, nil
	}
	if labs, _ := running(); len(labs) > 1 {
		return "", usage("%w; name one with -t FILE, or one of the running labs with -n LAB", err)
	}
	return "", usage("%w; name one with -t FILE, or start a lab with: vpcsim up -d FILE", err)
}

// read reads and checks a file of either kind; the path - means standard input.
func (a *app) read(path string) (*input, error) {
	in := &input{name: path}
	text, err := a.text(in)
	if err != nil {
		return nil, err
	}
	if isScenario(in.name, text) {
		return in, in.asScenario(text)
	}
	return in, in.asTopology(text)
}

// isScenario says whether a text has one of the keys that only a scenario has. Reading the text of a big account is most of the
// time that it takes, and is not done for this if it does not have the words.
func isScenario(name string, text []byte) bool {
	var kind struct {
		Scenario any `yaml:"scenario"`
		Topology any `yaml:"topology"`
		Timeline any `yaml:"timeline"`
	}
	if !bytes.Contains(text, []byte("scenario")) && !bytes.Contains(text, []byte("topology")) && !bytes.Contains(text, []byte("timeline")) {
		return false
	}
	_, _ = topology.Decode(name, text, &kind) // its errors are about the other keys, or will come again
	return kind.Scenario != nil || kind.Topology != nil || kind.Timeline != nil
}

func (in *input) asScenario(text []byte) (err error) {
	if in.scenario, in.source, err = scenario.Parse(in.name, text); err != nil {
		return err
	}
	if err = in.scenario.Check(in.source); err != nil {
		return err
	}
	in.spec = &in.scenario.Topology
	in.network, err = topology.Resolve(in.spec, in.source.Under("topology"))
	return err
}

func (in *input) asTopology(text []byte) (err error) {
	if in.spec, in.source, err = topology.Parse(in.name, text); err != nil {
		return err
	}
	in.network, err = topology.Resolve(in.spec, in.source)
	return err
}

// text reads the file, but not much more than a file may have: what is longer is refused by its length.
func (a *app) text(in *input) ([]byte, error) {
	from := a.stdin
	if in.name == "-" {
		in.name = "standard input"
	} else {
		f, err := os.Open(in.name)
		if err != nil {
			return nil, fileError(err)
		}
		defer f.Close()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, topology.MaxFileBytes+1))
	if err != nil {
		return nil, fileError(err)
	}
	if from == a.stdin {
		in.again, err = inMemory(text)
	}
	return text, err
}

// fileError is an error of the file system in the order of our messages: the file first.
func fileError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return usage("%s: %w", path.Path, path.Err)
	}
	return usage("%w", err)
}

// inMemory returns a file without a name that holds the text.
func inMemory(text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("vpcsim input", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("keeping standard input: %w", err)
	}
	f := os.NewFile(uintptr(fd), "standard input")
	if _, err := f.Write(text); err != nil {
		return nil, fmt.Errorf("keeping standard input: %w", err)
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, err
}

// topology returns where the lines of the topology are found.
func (in *input) topology() *topology.Source {
	if in.scenario != nil {
		return in.source.Under("topology")
	}
	return in.source
}

// options are those for the confined process that reads the same input.
func (in *input) options() host.Options { return host.Options{Stdin: in.again} }

// argOr returns the positional argument, or what its flag says.
func argOr(args []string, flag string) string {
	if len(args) > 0 {
		return args[0]
	}
	return flag
}
