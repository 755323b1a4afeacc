package flowlogs

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/flowlog"
)

// AWS's records come in no order. Ours are in order for as many flows at a time as a person might read, so that a large interval needs
// no more memory.
const sorted = 8192

// chunk is how many bytes of lines a sink gets at once, about.
const chunk = 64 << 10

// interval is one that is being written.
type interval struct {
	dataplane.FlowLogInterval
	Interval
	*directory            // of the network at its end
	before     *directory // at its beginning, for interfaces that are gone
	seen       map[string]bool
}

// write writes the records of an interval that ended at the monotonic time end.
func (l *Log) write(cut dataplane.FlowLogInterval, end int64) error {
	w := interval{FlowLogInterval: cut, directory: l.directory, before: l.directory, seen: map[string]bool{}}
	w.Begin, w.End = l.lab.Wall(l.begin).Truncate(time.Second), l.lab.Wall(end).Truncate(time.Second)
	l.begin = end
	if n := l.lab.Network(); n != l.directory.network {
		d, err := newDirectory(n)
		if err != nil {
			return err
		}
		l.directory, w.directory = d, d
	}
	var err error
	skipped := aggregation.Merge(cut.Tables, func(f *aggregation.Flow) {
		if err != nil {
			return
		}
		if l.flows = append(l.flows, *f); len(l.flows) == sorted {
			err = l.writeFlows(&w)
		}
	})
	if err == nil {
		err = l.writeFlows(&w)
	}
	if err == nil {
		err = l.writeOthers(&w, skipped)
	}
	l.flows = l.flows[:0]
	if err != nil {
		return err
	}
	for _, region := range slices.Sorted(maps.Keys(l.lines)) {
		if err := l.flush(region); err != nil {
			return err
		}
	}
	return l.sink.End(w.Interval)
}

// find returns the interface with a number, if it is one that is logged.
func (l *Log) find(w *interval, number uint32) *logged {
	if int(number) >= len(w.IDs) {
		return nil
	}
	i := w.interfaces[w.IDs[number]]
	if i == nil {
		i = w.before.interfaces[w.IDs[number]]
	}
	if i == nil || !l.wants(i) {
		return nil
	}
	return i
}

// writeFlows writes the records of the flows that have been gathered.
func (l *Log) writeFlows(w *interval) error {
	slices.SortFunc(l.flows, func(a, b aggregation.Flow) int {
		return cmp.Or(
			cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last), cmp.Compare(a.Protocol, b.Protocol),
			a.Src.Compare(b.Src), a.Dst.Compare(b.Dst), cmp.Compare(a.SrcPort, b.SrcPort), cmp.Compare(a.DstPort, b.DstPort),
		)
	})
	first := l.lab.Wall(w.Origin).Unix()
	for n := range l.flows {
		f := &l.flows[n]
		i := l.find(w, f.Interface)
		if i == nil {
			continue
		}
		r := w.record(i, f)
		r.Start, r.End = first+f.First, first+f.Last
		if l.hops {
			r.NextHop = w.nextHop(l.lab.Router.Snapshot(), i, f)
		}
		w.seen[i.Interface] = true
		w.Records++
		if err := l.add(&r); err != nil {
			return err
		}
	}
	l.flows = l.flows[:0]
	return nil
}

// writeOthers writes what interfaces have to say whose flows there was no room for, or that had none.
func (l *Log) writeOthers(w *interval, skipped map[uint32]uint64) error {
	status := map[string]flowlog.Status{}
	for id, i := range w.interfaces {
		if l.wants(i) && !w.seen[id] {
			status[id] = flowlog.NoData
		}
	}
	for number, packets := range skipped {
		if i := l.find(w, number); i != nil {
			status[i.Interface] = flowlog.SkipData
			w.Skipped += packets
		}
	}
	for _, id := range slices.Sorted(maps.Keys(status)) {
		i := w.interfaces[id]
		if i == nil {
			i = w.before.interfaces[id]
		}
		r := i.Record
		r.Status, r.Start, r.End = status[id], w.Begin.Unix(), w.End.Unix()
		if err := l.add(&r); err != nil {
			return err
		}
	}
	return nil
}

// add writes one record.
func (l *Log) add(r *flowlog.Record) error {
	lines := l.encoder.Append(l.lines[r.Region], r)
	l.lines[r.Region] = lines
	if len(lines) < chunk {
		return nil
	}
	return l.flush(r.Region)
}

func (l *Log) flush(region string) error {
	lines := l.lines[region]
	if len(lines) == 0 {
		return nil
	}
	l.lines[region] = lines[:0]
	return l.sink.Lines(region, lines)
}
