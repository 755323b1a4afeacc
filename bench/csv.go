package bench

import (
	"encoding/csv"
	"io"
	"strconv"
)

// CSV writes the results, a row for each, with the names of the columns in the first.
func (r *Report) CSV(to io.Writer) error {
	w := csv.NewWriter(to)
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
	rows := [][]string{{
		"table", "family", "keys", "contender", "way", "batch", "cores", "rounds", "ns_min", "ns_q1", "ns_median", "ns_q3", "ns_max", "ns_mad", "per_second", "alloc_bytes", "checked",
	}}
	for _, x := range r.Results {
		rows = append(rows, []string{
			x.Table, x.Family, x.Keys, x.Contender, x.Way, strconv.Itoa(x.Batch), strconv.Itoa(x.Cores), strconv.Itoa(x.Ns.Rounds),
			number(x.Ns.Min), number(x.Ns.Q1), number(x.Ns.Median), number(x.Ns.Q3), number(x.Ns.Max), number(x.Ns.MAD),
			number(x.PerSecond), number(x.AllocBytes), strconv.Itoa(x.Checked),
		})
	}
	return w.WriteAll(rows)
}
