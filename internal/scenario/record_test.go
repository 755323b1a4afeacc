package scenario

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/workload"
)

// checkRecord holds what was recorded of a run against what is reported of it.
func checkRecord(t *testing.T, r *Report) {
	t.Helper()
	rec := r.Record
	require.Len(t, rec.Histories, len(r.Connections))
	commits := 0
	for _, e := range r.Events {
		if e.Change != nil {
			commits++
		}
	}
	require.Len(t, rec.Commits, commits)
	dropped := uint64(0)
	for _, d := range rec.Drops {
		require.NotEmpty(t, d.Sentence)
		dropped += d.Packets
	}
	require.LessOrEqual(t, dropped, rec.PacketsIn)
	for i, h := range rec.Histories {
		c := r.Connections[i]
		require.Equal(t, c.Name, h.Name)
		at := func(what string) float64 {
			k := slices.IndexFunc(h.Marks, func(m Mark) bool { return m.What == what })
			if k < 0 {
				return -1
			}
			return h.Marks[k].AtMs
		}
		connected, cut, lost := at(workload.Connected), at(MarkCut), at(MarkLost)
		require.Equal(t, c.Outcome != NeverConnected, connected >= 0, c.Name)
		if c.DroppedAfterMs > 0 {
			require.InDelta(t, c.DroppedAfterMs, lost-cut, 0.001, c.Name)
			require.Less(t, connected, cut, c.Name)
		}
		require.True(t, slices.IsSortedFunc(h.Samples, func(a, b Sample) int { return int(a.AtMs*1e6) - int(b.AtMs*1e6) }), c.Name)
		require.True(t, slices.IsSortedFunc(h.Samples, func(a, b Sample) int { return int(a.Bytes - b.Bytes) }), c.Name)
		if c.Outcome == Survived || c.Outcome == Reconnected {
			require.NotEmpty(t, h.Paths, c.Name)
			require.Equal(t, c.PathAfter, h.Paths[len(h.Paths)-1].Path, c.Name)
			require.Positive(t, h.Samples[len(h.Samples)-1].Bytes, c.Name)
		}
		for _, m := range h.Marks {
			require.GreaterOrEqual(t, m.AtMs, 0.0, c.Name)
			require.LessOrEqual(t, m.AtMs, rec.EndedMs, c.Name)
		}
	}
}

// TestSamplesAreBounded: a long run forgets every second sample, and neither the first nor the last.
func TestSamplesAreBounded(t *testing.T) {
	var p past
	const n = 5 * maxSamples
	for i := range int64(n) {
		p.note(workload.Event{Event: workload.Progress, Time: i, Bytes: i * 10})
		require.LessOrEqual(t, len(p.progress), maxSamples)
	}
	require.Empty(t, p.events)
	kept := p.samples()
	require.Zero(t, kept[0].Time)
	require.EqualValues(t, n-1, kept[len(kept)-1].Time)
	require.Greater(t, len(kept), maxSamples/3)
	widest := int64(0)
	for i := range kept[1:] {
		widest = max(widest, kept[i+1].Time-kept[i].Time)
	}
	require.EqualValues(t, 8, widest, "the same for all")
}
