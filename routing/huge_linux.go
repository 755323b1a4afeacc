package routing

import (
	"syscall"
	"unsafe"
)

// hugePage is the size of a huge page. The others are the kernel's MADV_HUGEPAGE and MADV_COLLAPSE.
const (
	hugePage        = 2 << 20
	madviseHuge     = 14
	madviseCollapse = 25
)

// hugeSlice returns a zero slice of n elements without pointers, on huge pages if it is big enough and the kernel has some: random
// reads then miss the TLB less. It begins at a cache line in any case. The memory is the collector's like any other.
func hugeSlice[T uint16 | uint32 | uint64 | Answer](n int) []T {
	size := int(unsafe.Sizeof(T(0)))
	align := 64
	if n*size >= hugePage {
		align = hugePage
	}
	all := make([]T, n+align/size)
	skip := -int(uintptr(unsafe.Pointer(&all[0]))) & (align - 1) / size
	return advise(all[skip:skip+n:skip+n], madviseHuge)
}

// settle asks the kernel to move what has been written onto huge pages, where hugeSlice got memory that had been used before.
func settle[T uint16 | uint32 | uint64 | Answer](s []T) { advise(s, madviseCollapse) }

// advise tells the kernel about the huge pages that lie in s. A refusal costs speed only.
func advise[T uint16 | uint32 | uint64 | Answer](s []T, what int) []T {
	if whole := bytesOf(s) / hugePage * hugePage; whole > 0 {
		// Bound: no more bytes than s has.
		_ = syscall.Madvise(unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), whole), what)
	}
	return s
}
