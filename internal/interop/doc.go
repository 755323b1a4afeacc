// Package interop holds the simulator against programs that know nothing of it: traceroute, ping, STUN clients, nmap, hping3 and
// others run in instances and on internet hosts of real labs, and what they print is compared with what they print at
// AWS. It has tests only.
//
// A program that is not installed skips the tests that need it.
package interop
