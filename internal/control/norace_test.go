//go:build !race

package control

const raceCosts = 1
