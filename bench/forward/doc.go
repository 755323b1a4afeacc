// Package forward measures how well packets are forwarded: by a lab of ours, by the kernel, and by others that do it in user space.
//
// Every contender is a bed ([bed]): two network namespaces, client and server, with the contender between them. In all beds the same
// programs run at the two ends: iperf3, and those of package load. A [Plan] says which contenders, which path of ours and which of the
// measures ([Measures]); [Run] builds all beds, then goes round by round. In each round every bed has its turn at every measure, in an order that
// rotates, so that whatever else the machine does is shared out; what is compared is compared within a round.
//
// Sender, contender and receiver share the machine's processors, and so does whoever measures: figures are of the whole, not of the contender
// alone. The bed named direct, a cable with nobody in between, is therefore a contender, too: what it reaches is the ends' own limit, and
// nobody can be seen to be faster than that.
//
// The process must be confined (package host): namespaces, interfaces and processes then end with it, however it ends.
package forward
