// Package topology is the VPC as its user describes it and as the rest of the program may rely on it.
//
// There are two shapes and one door between them. A [Spec] is what the file says, word for word: friendly names, nothing
// checked. A [Network] is what it means: every reference resolved to a pointer, every address parsed, every AWS rule that
// can be judged without packets already judged. [Resolve] is the only way from the one to the other, and reports every
// problem at once, each with the user's own path and the line it stands on.
//
// A change to a running VPC is the same thing again: edit the Spec, resolve it, and if that succeeds put the new Network in
// the old one's place. So the rules of the file are the rules of every command.
//
// The package imports nothing of ours and touches neither the network nor the clock.
package topology
