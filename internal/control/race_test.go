//go:build race

package control

// raceCosts is how many times as much processor time a build with the race detector may take.
const raceCosts = 5
