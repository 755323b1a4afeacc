package survey

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Report is what a survey found. Its field names are a contract.
type Report struct {
	From     []string   `json:"from"`  // rows: the instances
	To       []string   `json:"to"`    // columns
	Asked    []string   `json:"asked"` // what each was asked: icmp, tcp/22
	Agree    int        `json:"agree"`
	Differ   int        `json:"differ"`
	Findings []*Finding `json:"findings"` // by row, column and what was asked
}

// report judges all findings.
func (s *survey) report(o Options) *Report {
	r := &Report{From: []string{}, To: []string{}, Asked: []string{}, Findings: s.findings}
	for _, f := range s.senders {
		r.From = append(r.From, f.name)
	}
	for _, t := range s.targets {
		r.To = append(r.To, t.name)
	}
	if o.ICMP {
		r.Asked = append(r.Asked, "icmp")
	}
	for _, p := range o.Ports {
		r.Asked = append(r.Asked, fmt.Sprintf("tcp/%d", p))
	}
	for _, f := range s.findings {
		f.compare()
		if f.Difference == "" {
			r.Agree++
		} else {
			r.Differ++
		}
	}
	return r
}

// The marks of a cell, one for each thing asked.
const (
	markReached   = "+"
	markNothing   = "."
	markDiffers   = "!"
	markElsewhere = "*" // after the others
	unasked       = "-"
)

const manyColumns = 16 // from how many on columns are numbered instead of named

// Table writes the matrix for people, and then every difference.
func (r *Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	numbered := len(r.To) > manyColumns
	head, cells := []string{"FROM \\ TO"}, r.cells()
	for n, to := range r.To {
		if numbered {
			to = fmt.Sprint(n + 1)
		}
		head = append(head, to)
	}
	fmt.Fprintln(t, strings.Join(head, "\t"))
	for n, from := range r.From {
		if numbered {
			from = fmt.Sprintf("%d %s", n+1, from)
		}
		line := []string{from}
		for _, to := range r.To {
			line = append(line, cmp.Or(cells[[2]string{r.From[n], to}], unasked))
		}
		fmt.Fprintln(t, strings.Join(line, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if numbered {
		for n, to := range r.To[len(r.From):] {
			fmt.Fprintf(w, "column %d is %s\n", len(r.From)+n+1, to)
		}
	}
	_, err := io.WriteString(w, r.summary())
	return err
}

// cells returns the marks by row and column.
func (r *Report) cells() map[[2]string]string {
	cells, elsewhere := map[[2]string]string{}, map[[2]string]bool{}
	for _, f := range r.Findings {
		at := [2]string{f.From, f.To}
		mark := markNothing
		switch {
		case f.Difference != "":
			mark = markDiffers
		case f.Reached:
			mark = markReached
		}
		cells[at] += mark
		elsewhere[at] = elsewhere[at] || f.Elsewhere != ""
	}
	for at, is := range elsewhere {
		if is {
			cells[at] += markElsewhere
		}
	}
	return cells
}

// summary says what the marks mean, and tells every difference.
func (r *Report) summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: %s answered, %s not, %s not as the trace says; %s after it: another one has that address there\n",
		strings.Join(r.Asked, " "), markReached, markNothing, markDiffers, markElsewhere)
	for _, f := range r.Findings {
		if f.Difference != "" {
			fmt.Fprintf(&b, "%s -> %s (%s) %s: %s\n", f.From, f.To, f.Address, f.what(), f.Difference)
		}
	}
	fmt.Fprintf(&b, "%d of %d answers are as the trace says\n", r.Agree, r.Agree+r.Differ)
	return b.String()
}
