//go:build dpdk

#include "dpdk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_lpm.h>
#include <rte_lpm6.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_vect.h>

// The heap that tables are made in: anonymous memory with huge pages, where ours have them, too. DPDK's own memory is, without hugetlbfs, a
// file in memory that the kernel gives small pages only, and a table of 64 MiB would pay for the TLB and not for its structure.
static int heap;

static int make_heap(size_t bytes)
{
	const size_t page = 2 << 20;
	bytes = (bytes + page - 1) / page * page;
	char *all = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED) {
		rte_errno = ENOMEM;
		return -1;
	}
	char *aligned = (char *)(((uintptr_t)all + page - 1) / page * page);
	madvise(aligned, bytes, MADV_HUGEPAGE);
	size_t pages = bytes / page;
	rte_iova_t *where = malloc(pages * sizeof(*where));
	for (size_t i = 0; i < pages; i++)
		where[i] = (uintptr_t)aligned + i * page;
	int err = rte_malloc_heap_create("tables");
	if (err == 0)
		err = rte_malloc_heap_memory_add("tables", aligned, bytes, where, pages, page);
	free(where);
	heap = rte_malloc_heap_get_socket("tables");
	return err == 0 && heap >= 0 ? 0 : -1;
}

int vpcsim_eal(int argc, char **argv, size_t heap_bytes)
{
	int err = rte_eal_init(argc, argv);
	rmdir(rte_eal_get_runtime_dir()); // made for this process alone, for what --no-shconf keeps in memory: it would stay behind, empty
	return err < 0 ? err : make_heap(heap_bytes);
}

const char *vpcsim_error(void) { return rte_strerror(rte_errno); }

size_t vpcsim_memory(void)
{
	struct rte_malloc_socket_stats stats;
	return rte_malloc_get_socket_stats(heap, &stats) == 0 ? stats.heap_allocsz_bytes : 0;
}

// name gives every table its own: DPDK keeps them by name.
static const char *name(const char *kind)
{
	static unsigned count;
	static char text[32];
	snprintf(text, sizeof(text), "%s%u", kind, count++);
	return text;
}

void *vpcsim_lpm_create(uint32_t routes, uint32_t tbl8s)
{
	struct rte_lpm_config conf = { .max_rules = routes, .number_tbl8s = tbl8s };
	return rte_lpm_create(name("lpm"), heap, &conf);
}

int vpcsim_lpm_add(void *lpm, uint32_t ip, uint8_t depth, uint32_t next_hop) { return rte_lpm_add(lpm, ip, depth, next_hop); }

void vpcsim_lpm_free(void *lpm) { rte_lpm_free(lpm); }

// add_up sums answers of rte_lpm up, those without the bit of success being 0.
static inline uint64_t add_up(const uint32_t *hops, size_t n, uint32_t *out)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t answer = hops[i] & RTE_LPM_LOOKUP_SUCCESS ? hops[i] & 0xffffff : 0;
		if (out)
			out[i] = answer;
		sum += answer;
	}
	return sum;
}

static uint64_t lpm_single(const struct rte_lpm *lpm, const uint32_t *keys, size_t n, uint32_t *out)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t hop;
		uint32_t answer = rte_lpm_lookup(lpm, keys[i], &hop) == 0 ? hop : 0;
		if (out)
			out[i] = answer;
		sum += answer;
	}
	return sum;
}

static uint64_t lpm_x4(const struct rte_lpm *lpm, const uint32_t *keys, size_t n, uint32_t *out)
{
	uint64_t sum = 0;
	size_t i = 0;
	for (; i + 4 <= n; i += 4) {
		uint32_t hops[4];
		rte_lpm_lookupx4(lpm, _mm_loadu_si128((const __m128i *)(keys + i)), hops, 0);
		for (int k = 0; k < 4; k++) {
			if (out)
				out[i + k] = hops[k];
			sum += hops[k];
		}
	}
	return sum + lpm_single(lpm, keys + i, n - i, out ? out + i : NULL);
}

// lpm_bulk is inlined with a constant batch, as rte_lpm.h asks for.
static inline __attribute__((always_inline)) uint64_t
lpm_bulk(const struct rte_lpm *lpm, const uint32_t *keys, size_t n, const uint32_t batch, uint32_t *out)
{
	uint64_t sum = 0;
	uint32_t hops[batch];
	size_t i = 0;
	for (; i + batch <= n; i += batch) {
		rte_lpm_lookup_bulk(lpm, keys + i, hops, batch);
		sum += add_up(hops, batch, out ? out + i : NULL);
	}
	return sum + lpm_single(lpm, keys + i, n - i, out ? out + i : NULL);
}

uint64_t vpcsim_lpm_lookup(void *table, const uint32_t *keys, size_t n, uint32_t batch, uint32_t *out)
{
	switch (batch) {
	case 1:
		return out ? lpm_single(table, keys, n, out) : lpm_single(table, keys, n, NULL);
	case 4:
		return out ? lpm_x4(table, keys, n, out) : lpm_x4(table, keys, n, NULL);
	case 32:
		return out ? lpm_bulk(table, keys, n, 32, out) : lpm_bulk(table, keys, n, 32, NULL);
	case 64:
		return out ? lpm_bulk(table, keys, n, 64, out) : lpm_bulk(table, keys, n, 64, NULL);
	case 256:
		return out ? lpm_bulk(table, keys, n, 256, out) : lpm_bulk(table, keys, n, 256, NULL);
	}
	return lpm_bulk(table, keys, n, batch, out);
}

void *vpcsim_fib_create(uint32_t routes, uint32_t tbl8s, int wide)
{
	struct rte_fib_conf conf = { .type = RTE_FIB_DIR24_8, .default_nh = 0, .max_routes = routes };
	conf.dir24_8.nh_sz = wide ? RTE_FIB_DIR24_8_4B : RTE_FIB_DIR24_8_2B;
	conf.dir24_8.num_tbl8 = tbl8s;
	return rte_fib_create(name("fib"), heap, &conf);
}

int vpcsim_fib_add(void *fib, uint32_t ip, uint8_t depth, uint32_t next_hop) { return rte_fib_add(fib, ip, depth, next_hop); }

void vpcsim_fib_free(void *fib) { rte_fib_free(fib); }

static inline uint64_t add_up64(const uint64_t *hops, size_t n, uint32_t *out)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		if (out)
			out[i] = hops[i];
		sum += hops[i];
	}
	return sum;
}

uint64_t vpcsim_fib_lookup(void *table, const uint32_t *keys, size_t n, uint32_t batch, uint32_t *out)
{
	uint64_t sum = 0;
	uint64_t hops[batch];
	for (size_t i = 0; i < n; i += batch) {
		size_t some = n - i < batch ? n - i : batch;
		rte_fib_lookup_bulk(table, (uint32_t *)keys + i, hops, some);
		sum += add_up64(hops, some, out ? out + i : NULL);
	}
	return sum;
}

void *vpcsim_lpm6_create(uint32_t routes, uint32_t tbl8s)
{
	struct rte_lpm6_config conf = { .max_rules = routes, .number_tbl8s = tbl8s };
	return rte_lpm6_create(name("lpm6"), heap, &conf);
}

int vpcsim_lpm6_add(void *lpm, const uint8_t *ip, uint8_t depth, uint32_t next_hop) { return rte_lpm6_add(lpm, ip, depth, next_hop); }

void vpcsim_lpm6_free(void *lpm) { rte_lpm6_free(lpm); }

uint64_t vpcsim_lpm6_lookup(void *table, const uint8_t *keys, size_t n, uint32_t batch, uint32_t *out)
{
	uint64_t sum = 0;
	int32_t hops[batch];
	for (size_t i = 0; i < n; i += batch) {
		size_t some = n - i < batch ? n - i : batch;
		if (batch == 1) {
			uint32_t hop;
			hops[0] = rte_lpm6_lookup(table, keys + 16 * i, &hop) == 0 ? (int32_t)hop : -1;
		} else {
			rte_lpm6_lookup_bulk_func(table, (uint8_t(*)[16])(keys + 16 * i), hops, some);
		}
		for (size_t k = 0; k < some; k++) {
			uint32_t answer = hops[k] < 0 ? 0 : hops[k];
			if (out)
				out[i + k] = answer;
			sum += answer;
		}
	}
	return sum;
}

void *vpcsim_fib6_create(uint32_t routes, uint32_t tbl8s)
{
	struct rte_fib6_conf conf = { .type = RTE_FIB6_TRIE, .default_nh = 0, .max_routes = routes };
	conf.trie.nh_sz = RTE_FIB6_TRIE_4B; // with 2 bytes there are too few tables of 256 for the Internet
	conf.trie.num_tbl8 = tbl8s;
	return rte_fib6_create(name("fib6"), heap, &conf);
}

int vpcsim_fib6_add(void *fib, const uint8_t *ip, uint8_t depth, uint32_t next_hop) { return rte_fib6_add(fib, ip, depth, next_hop); }

void vpcsim_fib6_free(void *fib) { rte_fib6_free(fib); }

uint64_t vpcsim_fib6_lookup(void *table, const uint8_t *keys, size_t n, uint32_t batch, uint32_t *out)
{
	uint64_t sum = 0;
	uint64_t hops[batch];
	for (size_t i = 0; i < n; i += batch) {
		size_t some = n - i < batch ? n - i : batch;
		rte_fib6_lookup_bulk(table, (uint8_t(*)[16])(keys + 16 * i), hops, some);
		sum += add_up64(hops, some, out ? out + i : NULL);
	}
	return sum;
}
