// DPDK's tables, each with a loop over keys, so that one call from Go looks many up. An answer is a next hop, 0 for no route.
#ifndef VPCSIM_DPDK_H
#define VPCSIM_DPDK_H

#include <stddef.h>
#include <stdint.h>

int vpcsim_eal(int argc, char **argv, size_t heap_bytes);
const char *vpcsim_error(void);
size_t vpcsim_memory(void);

void *vpcsim_lpm_create(uint32_t routes, uint32_t tbl8s);
int vpcsim_lpm_add(void *lpm, uint32_t ip, uint8_t depth, uint32_t next_hop);
void vpcsim_lpm_free(void *lpm);

void *vpcsim_fib_create(uint32_t routes, uint32_t tbl8s, int wide);
int vpcsim_fib_add(void *fib, uint32_t ip, uint8_t depth, uint32_t next_hop);
void vpcsim_fib_free(void *fib);

void *vpcsim_lpm6_create(uint32_t routes, uint32_t tbl8s);
int vpcsim_lpm6_add(void *lpm, const uint8_t *ip, uint8_t depth, uint32_t next_hop);
void vpcsim_lpm6_free(void *lpm);

void *vpcsim_fib6_create(uint32_t routes, uint32_t tbl8s);
int vpcsim_fib6_add(void *fib, const uint8_t *ip, uint8_t depth, uint32_t next_hop);
void vpcsim_fib6_free(void *fib);

// A batch of 1 is a lookup per call; 4, of rte_lpm, is rte_lpm_lookupx4. out may be NULL. The sum of the answers is returned.
uint64_t vpcsim_lpm_lookup(void *lpm, const uint32_t *keys, size_t n, uint32_t batch, uint32_t *out);
uint64_t vpcsim_fib_lookup(void *fib, const uint32_t *keys, size_t n, uint32_t batch, uint32_t *out);
uint64_t vpcsim_lpm6_lookup(void *lpm, const uint8_t *keys, size_t n, uint32_t batch, uint32_t *out);
uint64_t vpcsim_fib6_lookup(void *fib, const uint8_t *keys, size_t n, uint32_t batch, uint32_t *out);

#endif
