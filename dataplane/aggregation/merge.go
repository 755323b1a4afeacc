package aggregation

// Merge calls visit for every flow of an interval's tables, in no order, and returns how many packets each interface's flows lack for want
// of room, by its number. The same flow in several tables is one. The tables, which must have the same seed and origin, are used up: what
// has been visited is let go of, so that the memory of a large interval does not wait for its end. The Flow is valid until visit returns.
func Merge(tables []*Table, visit func(*Flow)) (skipped map[uint32]uint64) {
	var four []*family[key4]
	var six []*family[key6]
	skipped = map[uint32]uint64{}
	for _, t := range tables {
		if t.four != nil {
			four = append(four, t.four)
		}
		if t.six != nil {
			six = append(six, t.six)
		}
		for at, n := range t.skipped {
			if n > 0 {
				skipped[uint32(at)] += n
			}
		}
		*t = Table{}
	}
	merge(four, visit)
	merge(six, visit)
	return skipped
}

// merge visits the flows of one family: of each shard, the table that has the most of it takes in what the others have.
func merge[K key](all []*family[K], visit func(*Flow)) {
	for n := range shards {
		var most *shard[K]
		for _, f := range all {
			if s := &f.shards[n]; most == nil || len(s.sums) > len(most.sums) {
				most = s
			}
		}
		for _, f := range all {
			if s := &f.shards[n]; s != most {
				most.take(s, f.hash)
				f.shards[n] = shard[K]{}
			}
		}
		if most != nil {
			most.each(visit)
			*most = shard[K]{}
		}
	}
}

// take adds what another shard has.
func (s *shard[K]) take(other *shard[K], hash func(*K) uint64) {
	other.index.Each(func(k *K, from int32) {
		h := hash(k)
		if slot, ok := s.index.Find(k, h); ok {
			s.sums[slot].add(&other.sums[from])
			return
		}
		*s.put(k, h) = other.sums[from]
	})
}

func (s *sums) add(o *sums) {
	s.packets += o.packets
	s.bytes += o.bytes
	s.first, s.last = min(s.first, o.first), max(s.last, o.last)
	s.flags |= o.flags
}

func (s *shard[K]) each(visit func(*Flow)) {
	var f Flow
	s.index.Each(func(k *K, slot int32) {
		n := &s.sums[slot]
		f = (*k).flow()
		f.Packets, f.Bytes, f.First, f.Last, f.TCPFlags = n.packets, n.bytes, int64(n.first), int64(n.last), n.flags
		visit(&f)
	})
}
