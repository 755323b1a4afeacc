// Command vpcsim runs Amazon VPCs on one Linux machine: instances are network namespaces, and a router of ours forwards their
// real packets by AWS's rules.
//
// There is one file per verb. What the verbs share: root.go (the command line, exit codes), output.go (data on standard
// output), progress.go (standard error), input.go (files), labs.go (standing labs), confine.go (namespaces).
package main

import (
	"os"

	"vpcsim/topology/host"
)

func main() {
	if host.IsInit() {
		host.Init() // does not return
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
