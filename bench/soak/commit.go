package soak

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Commits is how long it took to change a route table, until every thread goes by the new one.
type Commits struct {
	Due    int           `json:"Due"`
	Made   int           `json:"Made"`
	Cut    int           `json:"FlowsCut"` // or led elsewhere by one; there is no reason for any
	Median time.Duration `json:"MedianNs"`
	P99    time.Duration `json:"P99Ns"`
	Max    time.Duration `json:"MaxNs"`
}

// commit makes changes in turns until the context ends. Those that would come before the last one is done are left out.
func (r *runner) commit(ctx context.Context) error {
	tick, began := time.NewTicker(r.plan.Commit), time.Now()
	defer tick.Stop()
	c := &r.report.Commits
	var took []time.Duration
	for all := changes(); ; {
		select {
		case <-ctx.Done():
			c.Due, c.Made = int(time.Since(began)/r.plan.Commit), len(took)
			if slices.Sort(took); len(took) > 0 {
				c.Median, c.P99, c.Max = took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
			}
			return nil
		case <-tick.C:
		}
		begun := time.Now()
		done, err := r.lab.Change(all[len(took)%len(all)])
		if err != nil {
			return fmt.Errorf("commit %d: %w", len(took)+1, err)
		}
		took = append(took, time.Since(begun))
		c.Cut += len(done.Flows)
	}
}
