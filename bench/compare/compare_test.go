package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vpcsim/bench"
)

// answers are the next hops that a contender gives to all keys, or 1 for any if it knows only that.
func answers(c bench.Contender, n int) []uint32 {
	out := make([]uint32, n)
	c.Fill(0, n, out)
	if c.NextHop != nil {
		for i, a := range out {
			out[i] = c.NextHop(a)
		}
	}
	return out
}

// peers are the libraries and, if this test is built with it, DPDK.
func peers(t *testing.T) []bench.Maker {
	t.Helper()
	c, err := dpdk()
	if err != nil {
		t.Fatal(err)
	}
	return append(libraries(), c...)
}

func build(t *testing.T, m bench.Maker, table bench.Table) *bench.Structure {
	t.Helper()
	s, err := m.Build(table, func(int) {})
	if err != nil {
		t.Fatalf("%s: %s: %v", table.Name, m.Name, err)
	}
	return s
}

// TestPeersAgree: a million addresses get the same answers from everybody.
func TestPeersAgree(t *testing.T) {
	n := 1 << 20
	if testing.Short() {
		n = 1 << 14
	}
	all := peers(t)
	for _, name := range []string{"vpc-10", "vpc-1000", "aws-ranges", "bgp6"} {
		table, err := bench.NewTable(name, 1)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := bench.NewKeys("in-table", table, n, 1)
		if err != nil {
			t.Fatal(err)
		}
		want := answers(build(t, bench.Ours(), table).Contenders(keys, nil)[0], n)
		six := name == "bgp6"
		for _, m := range all {
			if m.Only == 4 && six || m.Only == 6 && !six {
				continue
			}
			s := build(t, m, table)
			for _, c := range s.Contenders(keys, []int{32, 64, 100, 256}) {
				compare(t, name+": "+m.Name, c, keys, want)
			}
			if s.Close != nil {
				s.Close()
			}
		}
	}
}

func compare(t *testing.T, who string, c bench.Contender, keys *bench.Keys, want []uint32) {
	t.Helper()
	got := answers(c, keys.Len())
	for i := range got {
		right := want[i]
		if c.YesNo {
			right = min(right, 1)
		}
		if got[i] != right {
			t.Errorf("%s %s %d: %s: got %d, want %d", who, c.Way, c.Batch, keys.Addrs()[i], got[i], right)
			return
		}
	}
	if c.NextHop == nil {
		if sum := c.Sum(0, keys.Len()); sum != bench.SumOf(got) {
			t.Errorf("%s %s %d: the sum is %d, and of the answers %d", who, c.Way, c.Batch, sum, bench.SumOf(got))
		}
	}
}

// TestTheProgramReports: a plan goes in, a report comes out, with nothing else on standard output.
func TestTheProgramReports(t *testing.T) {
	program := filepath.Join(t.TempDir(), "compare")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	plan := bench.DefaultPlan()
	plan.Hasten()
	plan.Tables, plan.Rounds, plan.Turn = []string{"vpc-10"}, 2, time.Millisecond
	in, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), io.Discard
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var report bench.Report
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(report.Wrong) > 0 {
		t.Errorf("wrong: %v", report.Wrong)
	}
	seen := map[string]bool{}
	for _, r := range report.Results {
		seen[r.Contender] = r.Ns.Median > 0
	}
	for _, m := range append(libraries(), bench.Ours()) {
		if !seen[m.Name] {
			t.Errorf("no result of %s", m.Name)
		}
	}
}

func TestAPlanThatIsNoneIsRefused(t *testing.T) {
	for _, in := range []string{"", "lorem", `{"Tables": 3}`} {
		if plan, err := planFrom(strings.NewReader(in)); err == nil {
			t.Errorf("%q was taken for a plan: %+v", in, plan)
		}
	}
}
