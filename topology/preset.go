package topology

// Preset says which facts of AWS apply: quotas, abilities and the contents of the managed prefix lists.
type Preset string

// The presets. No text at all means Current.
const (
	Launch2015  Preset = "launch2015"  // the launch of the S3 endpoint, May 2015 (aws-semantics 10)
	Capture2018 Preset = "capture2018" // prefix lists as captured in 2018 (aws-semantics 2.2)
	Current     Preset = "current"     // quotas as documented and S3 ranges as published in 2026
)

// Presets returns every preset, the oldest first.
func Presets() []Preset { return []Preset{Launch2015, Capture2018, Current} }
