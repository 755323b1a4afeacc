// Package dataplane forwards packets through a VPC.
//
// A VPC is a graph of lookup points ([Node]) joined by routes ([Route]). A route may cross a [Gateway], which only rewrites
// or refuses the packet. Packets enter and leave at an [Interface]. The whole graph is an immutable [Snapshot], swapped by
// pointer; what must outlive it, the flow table, is keyed by addresses and the interface that they were seen at.
//
// [Worker.Forward] is the specification in code: AWS's order of processing, one step a line (aws-semantics 0.1). A [Trace] is
// Forward itself with a probe packet, so explanation and forwarding cannot disagree.
//
// A connection is never killed by somebody. When a snapshot is committed, every flow is judged once: if its packets would
// now be sent to another target than the one its first packet took, the far side no longer knows it, and the flow is cut
// (aws-semantics 0.2, 3.5). What the two ends then experience is the [Mode].
package dataplane
