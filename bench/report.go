package bench

import "slices"

// Report is what was measured. Its lists are flat, so that they can be read as tables: each row says what it is about.
type Report struct {
	Environment Environment     `json:"Environment"`
	Plan        Plan            `json:"Plan"`
	Tables      []TableFacts    `json:"Tables"`
	KeySets     []KeyFacts      `json:"KeySets"`
	Structures  []BuildResult   `json:"Structures"`
	Results     []Result        `json:"Results"`
	Updates     []UpdateResult  `json:"Updates,omitempty"`
	Targets     []TargetVerdict `json:"Targets,omitempty"`
	Missing     []Missing       `json:"Missing,omitempty"`  // what was asked for and is not here
	Wrong       []string        `json:"Wrong,omitempty"`    // answers that were not right: who, where, which
	Warnings    []string        `json:"Warnings,omitempty"` // why figures should not be trusted
}

// Missing is a peer that was asked for and cannot take part, or a trace that has nothing for a table.
type Missing struct {
	Name string `json:"Name"`
	Why  string `json:"Why"`
	Cure string `json:"Cure"`
}

// TableFacts is a table that was measured, one family of it.
type TableFacts struct {
	Table     string   `json:"Table"`
	Family    string   `json:"Family"` // IPv4 or IPv6
	Origin    string   `json:"Origin"`
	Notes     []string `json:"Notes,omitempty"`
	Prefixes  int      `json:"Prefixes"`
	NextHops  int      `json:"NextHops"`
	Intervals int      `json:"Intervals"` // of different answers
}

// KeyFacts is what must be known of the keys of a set to judge a result.
type KeyFacts struct {
	Keys   string `json:"Keys"`
	Family string `json:"Family"`
	Note   string `json:"Note"`
}

// noteKeys says of keys what they are, once for all tables of a family.
func (r *Report) noteKeys(t Table, k *Keys) {
	if facts := (KeyFacts{k.Name, familyOf(t), k.Note}); !slices.Contains(r.KeySets, facts) {
		r.KeySets = append(r.KeySets, facts)
		if k.few {
			r.Warnings = append(r.Warnings, k.Name+": "+k.Note)
		}
	}
}

// BuildResult is what it cost to build a structure from a table.
type BuildResult struct {
	Table          string  `json:"Table"`
	Family         string  `json:"Family"`
	Contender      string  `json:"Contender"`
	Detail         string  `json:"Detail,omitempty"`
	BuildMs        Spread  `json:"BuildMs"`                  // Rounds says how often it was built
	MemoryBytes    int     `json:"MemoryBytes,omitempty"`    // that lookups may touch; 0 is not known
	BytesPerPrefix float64 `json:"BytesPerPrefix,omitempty"` // of that
	TotalBytes     int     `json:"TotalBytes"`               // with what the implementation keeps for changes and explanations
}

// Result is how fast one contender looked the keys of one set up.
type Result struct {
	Table      string    `json:"Table"`
	Family     string    `json:"Family"`
	Keys       string    `json:"Keys"`
	Contender  string    `json:"Contender"`
	Way        string    `json:"Way"` // single, netip or batch; of the memory probe, its size
	Batch      int       `json:"Batch,omitempty"`
	Cores      int       `json:"Cores"`
	Ns         Spread    `json:"Ns"`         // nanoseconds per lookup on each core
	PerSecond  float64   `json:"PerSecond"`  // lookups of all cores together, by the median
	Checked    int       `json:"Checked"`    // keys whose answers were compared with the model's
	AllocBytes float64   `json:"AllocBytes"` // memory allocated by a lookup
	Samples    []float64 `json:"Samples"`    // ns of each round; those of one table and key set belong together
	Trap       bool      `json:"Trap,omitempty"`
}

// spreads are those of all results.
func (r *Report) spreads() (all []Spread) {
	for _, x := range r.Results {
		all = append(all, x.Ns)
	}
	return all
}

// UpdateResult is what changing a table in place costs, and its readers meanwhile.
type UpdateResult struct {
	Table      string  `json:"Table"`
	Family     string  `json:"Family"`
	Contender  string  `json:"Contender"`
	PerSecond  float64 `json:"PerSecond"`  // changes of one prefix in a second, by one writer
	VisibleUs  Spread  `json:"VisibleUs"`  // microseconds from the call of Update until a reader on another core has the new answer
	ReaderNs   Spread  `json:"ReaderNs"`   // nanoseconds per lookup with the writer at rest
	ReaderLoss Spread  `json:"ReaderLoss"` // the part of its lookups that a reader loses while the writer is at full speed, by paired rounds
}

const memoryProbe = "memory"

func familyOf(t Table) string {
	if t.is6() {
		return "IPv6"
	}
	return "IPv4"
}
