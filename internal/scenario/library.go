package scenario

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"vpcsim/topology"
)

//go:embed library/*.yml
var library embed.FS

// Library lists the embedded scenarios by name.
func Library() (names []string) {
	files, _ := fs.Glob(library, "library/*.yml") // the pattern is well-formed
	for _, f := range files {
		names = append(names, strings.TrimSuffix(path.Base(f), ".yml"))
	}
	return names
}

// Embedded returns an embedded scenario.
func Embedded(name string) (*File, *topology.Source, error) {
	data, err := library.ReadFile("library/" + name + ".yml")
	if err != nil {
		return nil, nil, fmt.Errorf("no embedded scenario is called %q; there are %s", name, strings.Join(Library(), ", "))
	}
	return Parse(name+".yml", data)
}
