//go:build race

package control

// raceDetector tells whether the test was built with it: it has memory of its own, and the same work takes several times as long.
const raceDetector = true
