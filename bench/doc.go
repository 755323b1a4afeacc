// Package bench measures route lookup: package routing's, and, by the same engine in one process, that of its peers.
//
// A [Plan] says which tables, key sets, batches and cores; [Run] carries it out and gives a [Report], which package main of
// cmd/vpcsim prints. Whoever has another implementation brings it as a [Maker]; bench/compare, a module of its own, does so
// for the peers.
//
// A benchmark tells the truth only if it is built to. The rules, each with its reason:
//
//   - Answers are checked, key by key, against a model that shares no code with any contender: a quick contender's to all keys, a
//     slow one's to those that it is timed with. The sum of the answers of every timed run is compared with what it must be. A
//     wrong table is fast, and a result that nobody uses is computed by nobody.
//   - Keys are many ([DefaultKeys]) and drawn at random: of few keys, the processor's branch predictor learns the answers.
//   - Contenders take turns, in an order that rotates from round to round, so that a neighbour's noise, the clock's frequency and
//     the state of the caches are shared out. What is compared is compared within a round; what is told is the median of rounds,
//     with its spread.
//   - A probe of bare memory is a contender, too: it shows what a table of that size could reach at best.
//   - The environment is part of the report, and a machine too noisy to be believed is named so.
package bench
