// Package natdiff has no code but tests: the same packets go through our NAT gateway and through the kernel's, and every
// difference between what comes out has to be on a list, with its reason.
package natdiff
