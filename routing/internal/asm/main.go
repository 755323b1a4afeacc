// Command asm writes the assembly of package routing and its declarations; go generate in routing runs it.
//
// It is a module of its own, so that users of routing do not depend on what it is written with.
package main

import . "github.com/mmcloughlin/avo/build"

func main() {
	ConstraintExpr("amd64")
	search(32)
	search(64)
	search(128)
	lanes := evenLanes()
	gather("gatherSparse", true, 4, lanes)
	gather("gatherDense16", false, 2, lanes)
	gather("gatherDense32", false, 4, lanes)
	pipeline("pipeline16", 2)
	pipeline("pipeline32", 4)
	searchTree6()
	interval6()
	Generate()
}
