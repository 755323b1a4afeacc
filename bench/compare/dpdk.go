//go:build dpdk && cgo

package main

// #cgo pkg-config: libdpdk
// #cgo CFLAGS: -O3 -march=native
// #include <stdlib.h>
// #include "dpdk.h"
import "C"

import (
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"

	"vpcsim/bench"
)

// maxPoolMiB is the most memory that DPDK takes its tables from. It costs nothing until it is used.
const maxPoolMiB = 6144

// dpdk are the peers in C. Their tables come from memory of the process, with huge pages if the kernel has some to give, and may use AVX-512,
// which DPDK does only when it is asked to.
func dpdk() ([]bench.Maker, error) {
	var machine unix.Sysinfo_t
	if err := unix.Sysinfo(&machine); err != nil {
		return nil, fmt.Errorf("how much memory there is: %w", err)
	}
	cpu, err := firstCPU()
	if err != nil {
		return nil, err
	}
	pool := min(maxPoolMiB, machine.Totalram*uint64(machine.Unit)>>21)
	err = initialize(
		C.size_t(pool)<<20, "compare", "--no-huge", "-m", "64", "--no-pci", "--no-telemetry", "--no-shconf", "--log-level", "error",
		"--file-prefix", fmt.Sprintf("vpcsim-bench-%d", unix.Getpid()), "-l", cpu, "--force-max-simd-bitwidth=512",
	)
	if err != nil {
		return nil, err
	}
	return []bench.Maker{
		{Name: "rte_lpm", Only: 4, Build: lpm},
		{Name: "rte_fib", Only: 4, Build: fib},
		{Name: "rte_lpm6", Only: 6, Build: lpm6},
		{Name: "rte_fib6", Only: 6, Build: fib6},
	}, nil
}

// firstCPU is one that this process may run on, since DPDK wants to be told.
func firstCPU() (string, error) {
	var cpus unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		return "", fmt.Errorf("which cores may be used: %w", err)
	}
	cpu := 0
	for !cpus.IsSet(cpu) {
		cpu++
	}
	return strconv.Itoa(cpu), nil
}

// initialize starts DPDK on a thread that ends then: DPDK pins the one that starts it.
func initialize(heap C.size_t, args ...string) error {
	argv := make([]*C.char, len(args))
	for i, a := range args {
		argv[i] = C.CString(a) // kept: DPDK holds on to them
	}
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		var err error
		if C.vpcsim_eal(C.int(len(argv)), &argv[0], heap) < 0 {
			err = fmt.Errorf("DPDK does not start: %s", C.GoString(C.vpcsim_error()))
		}
		failed <- err
	}()
	return <-failed
}

// tbl8s returns how many tables of 256 DPDK needs for what is longer than its first level: one for each block of 2^8 that a
// longer prefix lies in, on every level.
func tbl8s(t bench.Table) C.uint32_t {
	blocks := map[netip.Prefix]bool{}
	for _, r := range t.Routes {
		for bits := 24; bits < r.Prefix.Bits(); bits += 8 {
			blocks[netip.PrefixFrom(r.Prefix.Addr(), bits).Masked()] = true
		}
	}
	return C.uint32_t(len(blocks) + len(blocks)/8 + 256)
}

// entries is how many there are in the first level and in so many tables of 256.
func entries(tables C.uint32_t) int { return 1<<24 + 256*int(tables) }

// reserved returns how many tables of 256 rte_fib6 wants to have: for each prefix those from its parent's level down to its own, as if
// it shared none with its neighbours.
func reserved(t bench.Table) C.uint32_t {
	level := func(p netip.Prefix) int { return max(24, (p.Bits()+7)/8*8) }
	var around []netip.Prefix
	n := 0
	for _, r := range t.Routes {
		for len(around) > 0 && !around[len(around)-1].Contains(r.Prefix.Addr()) {
			around = around[:len(around)-1]
		}
		above := 24
		if len(around) > 0 {
			above = level(around[len(around)-1])
		}
		if r.Prefix.Bits() > 24 {
			n += max(1, (level(r.Prefix)-above)/8)
		}
		around = append(around, r.Prefix)
	}
	return C.uint32_t(max(n, 1<<16) + 256) // with 2^16 or fewer, adds fail and say that they succeeded
}

// created says why a table is not there.
func created(table unsafe.Pointer, kind string) error {
	if table == nil {
		return fmt.Errorf("%s cannot be created: %s", kind, C.GoString(C.vpcsim_error()))
	}
	return nil
}

// fill adds all routes through the library's own function, and fails when that does.
func fill(t bench.Table, progress func(int), add func(r bench.Route) C.int) error {
	for i, r := range t.Routes {
		if err := add(r); err < 0 {
			return fmt.Errorf("%s cannot be added: error %d", r.Prefix, err)
		}
		if i%256 == 0 {
			progress(i)
		}
	}
	return nil
}

// halved is the table as rte_lpm and rte_lpm6 take it, which know no prefix of length 0: its two halves in its place, where the table has none of its own.
func halved(t bench.Table) bench.Table {
	there := map[netip.Prefix]bool{}
	for _, r := range t.Routes {
		there[r.Prefix] = true
	}
	routes := t.Routes
	t.Routes = nil
	for _, r := range routes {
		if r.Prefix.Bits() > 0 {
			t.Routes = append(t.Routes, r)
			continue
		}
		for _, text := range []string{"0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"} {
			half := netip.MustParsePrefix(text)
			if half.Addr().Is4() == r.Prefix.Addr().Is4() && !there[half] {
				t.Routes = append(t.Routes, bench.Route{Prefix: half, NextHop: r.NextHop})
			}
		}
	}
	return t
}

func lpm(t bench.Table, progress func(int)) (*bench.Structure, error) {
	t = halved(t)
	tables, before := tbl8s(t), C.vpcsim_memory()
	table := C.vpcsim_lpm_create(C.uint32_t(len(t.Routes)), tables)
	if err := created(table, "rte_lpm"); err != nil {
		return nil, err
	}
	free := func() { C.vpcsim_lpm_free(table) }
	err := fill(t, progress, func(r bench.Route) C.int {
		return C.vpcsim_lpm_add(table, number4(r.Prefix), C.uint8_t(r.Prefix.Bits()), C.uint32_t(r.NextHop))
	})
	if err != nil {
		free()
		return nil, err
	}
	return &bench.Structure{
		Detail: "24 and 8 bits, 4 B, rte_lpm_add", Memory: 4 * entries(tables), Total: int(C.vpcsim_memory() - before), Close: free,
		Contenders: func(k *bench.Keys, batches []int) []bench.Contender {
			return lookups4(k, append([]int{1, 4}, batches...), func(keys *C.uint32_t, n C.size_t, batch C.uint32_t, out *C.uint32_t) C.uint64_t {
				return C.vpcsim_lpm_lookup(table, keys, n, batch, out)
			})
		},
	}, nil
}

func fib(t bench.Table, progress func(int)) (*bench.Structure, error) {
	wide, bytes := C.int(0), 2
	for _, r := range t.Routes {
		if r.NextHop >= 1<<15 {
			wide, bytes = 1, 4
		}
	}
	detail := fmt.Sprintf("24 and 8 bits, %d B, AVX-512, rte_fib_add", bytes)
	tables, before := tbl8s(t), C.vpcsim_memory()
	table := C.vpcsim_fib_create(C.uint32_t(len(t.Routes)), tables, wide)
	if err := created(table, "rte_fib"); err != nil {
		return nil, err
	}
	free := func() { C.vpcsim_fib_free(table) }
	err := fill(t, progress, func(r bench.Route) C.int {
		return C.vpcsim_fib_add(table, number4(r.Prefix), C.uint8_t(r.Prefix.Bits()), C.uint32_t(r.NextHop))
	})
	if err != nil {
		free()
		return nil, err
	}
	return &bench.Structure{
		Detail: detail, Memory: bytes * entries(tables), Total: int(C.vpcsim_memory() - before), Close: free,
		Contenders: func(k *bench.Keys, batches []int) []bench.Contender {
			return lookups4(k, batches, func(keys *C.uint32_t, n C.size_t, batch C.uint32_t, out *C.uint32_t) C.uint64_t {
				return C.vpcsim_fib_lookup(table, keys, n, batch, out)
			})
		},
	}, nil
}

func lpm6(t bench.Table, progress func(int)) (*bench.Structure, error) {
	t = halved(t)
	tables, before := tbl8s(t), C.vpcsim_memory()
	table := C.vpcsim_lpm6_create(C.uint32_t(len(t.Routes)), tables)
	if err := created(table, "rte_lpm6"); err != nil {
		return nil, err
	}
	free := func() { C.vpcsim_lpm6_free(table) }
	err := fill(t, progress, func(r bench.Route) C.int {
		ip := r.Prefix.Addr().As16()
		return C.vpcsim_lpm6_add(table, (*C.uint8_t)(&ip[0]), C.uint8_t(r.Prefix.Bits()), C.uint32_t(r.NextHop))
	})
	if err != nil {
		free()
		return nil, err
	}
	return &bench.Structure{
		Detail: "24 and 13 times 8 bits, 4 B, rte_lpm6_add", Memory: 4 * entries(tables), Total: int(C.vpcsim_memory() - before), Close: free,
		Contenders: func(k *bench.Keys, batches []int) []bench.Contender {
			return lookups6(k, append([]int{1}, batches...), func(keys *C.uint8_t, n C.size_t, batch C.uint32_t, out *C.uint32_t) C.uint64_t {
				return C.vpcsim_lpm6_lookup(table, keys, n, batch, out)
			})
		},
	}, nil
}

func fib6(t bench.Table, progress func(int)) (*bench.Structure, error) {
	tables, before := reserved(t), C.vpcsim_memory()
	table := C.vpcsim_fib6_create(C.uint32_t(len(t.Routes)), tables)
	if err := created(table, "rte_fib6"); err != nil {
		return nil, err
	}
	free := func() { C.vpcsim_fib6_free(table) }
	err := fill(t, progress, func(r bench.Route) C.int {
		ip := r.Prefix.Addr().As16()
		return C.vpcsim_fib6_add(table, (*C.uint8_t)(&ip[0]), C.uint8_t(r.Prefix.Bits()), C.uint32_t(r.NextHop))
	})
	if err != nil {
		free()
		return nil, err
	}
	return &bench.Structure{
		Detail: "trie of 24 and 13 times 8 bits, 4 B, AVX-512, rte_fib6_add", Memory: 4 * entries(tables), Total: int(C.vpcsim_memory() - before), Close: free,
		Contenders: func(k *bench.Keys, batches []int) []bench.Contender {
			return lookups6(k, batches, func(keys *C.uint8_t, n C.size_t, batch C.uint32_t, out *C.uint32_t) C.uint64_t {
				return C.vpcsim_fib6_lookup(table, keys, n, batch, out)
			})
		},
	}, nil
}
