package main

import "vpcsim/topology/host"

// confine returns nil in a process that owns its namespaces. In any other it runs this very command line again in such a
// process, and then returns how that ended, which is never nil. So what comes before a call of confine happens twice: once
// outside, where mistakes are told without touching the machine, and once inside.
func (a *app) confine(o host.Options) error {
	if !host.Confined() {
		code, err := host.Confine(o)
		if err != nil {
			return err
		}
		return &exit{code: code}
	}
	warnings, err := host.PrivateMounts()
	for _, w := range warnings {
		a.detail("%s", w)
	}
	return err
}
