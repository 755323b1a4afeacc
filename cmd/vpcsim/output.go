package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
	"golang.org/x/term"
)

// print writes a value to standard output in the form that -o asks for. table writes the one for people.
func (a *app) print(value any, table func(w io.Writer)) error {
	if a.output == "table" {
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		table(w)
		return w.Flush()
	}
	text, err := toJSON(value, "  ")
	if err == nil && a.output == "yaml" {
		text, err = toYAML(text)
	}
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(text)
	return err
}

// toJSON writes a value as JSON, in one line if there is no indent, and with a new line at the end. Arrows stay arrows.
func toJSON(value any, indent string) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	err := encoder.Encode(value)
	return b.Bytes(), err
}

// toYAML rewrites JSON, which is YAML already, in YAML's own style. Names and their order stay.
func toYAML(text []byte) ([]byte, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, err
	}
	plain(&n)
	return yaml.Marshal(&n)
}

// plain takes away the styles that JSON text has. A text that would read as something else gets quotes again when it is written.
func plain(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		plain(c)
	}
}

// row writes the cells of one row of a table. Empty cells show as a dash, so that rows can be cut into fields.
func row(w io.Writer, cells ...string) {
	for i, c := range cells {
		if c == "" {
			cells[i] = "-"
		}
	}
	fmt.Fprintln(w, strings.Join(cells, "\t"))
}

// The colours (ECMA-48 8.3.117).
const (
	red   = "31"
	green = "32"
	bold  = "1"
)

// paint colours text for a terminal; elsewhere, and with NO_COLOR set, it leaves it alone. In a table only the last column may be
// painted.
func paint(w io.Writer, colour, text string) string {
	if !isTerminal(w) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
