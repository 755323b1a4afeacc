package main

import (
	"cmp"
	"net"
	"net/netip"
	"unsafe"

	"github.com/gaissmai/bart"
	"github.com/infobloxopen/go-trees/iptree"
	"github.com/k-sone/critbitgo"
	"github.com/yl2chen/cidranger"
	"golang.zx2c4.com/wireguard/device"

	"vpcsim/bench"
)

// libraries are the peers in Go. Each gets the keys in the type that its lookup takes, made beforehand; the loops stand where the lookup
// can be inlined into them, as far as the library lets it.
func libraries() []bench.Maker {
	keys := new(byteKeys)
	return []bench.Maker{
		{Name: "bart.Fast", Build: bartFast},
		{Name: "bart.Table", Build: bartTable},
		{Name: "bart.Lite", Build: bartLite},
		{Name: "wireguard", Build: keys.wireguard},
		{Name: "critbitgo", Build: keys.critbit},
		{Name: "iptree", Build: keys.ipTree},
		{Name: "cidranger", Build: keys.ranger},
	}
}

// often is after how many routes a build says how far it is.
const often = 1 << 14

func insert(t bench.Table, progress func(int), one func(bench.Route)) {
	for i, r := range t.Routes {
		one(r)
		if i%often == 0 {
			progress(i)
		}
	}
}

func bartFast(t bench.Table, progress func(int)) (*bench.Structure, error) {
	table := new(bart.Fast[uint32])
	insert(t, progress, func(r bench.Route) { table.Insert(r.Prefix, r.NextHop) })
	return &bench.Structure{Detail: "Lookup, 32-bit values", Contenders: func(k *bench.Keys, _ []int) []bench.Contender {
		addrs := k.Addrs()
		return []bench.Contender{{
			Way: bench.Netip,
			Sum: func(from, to int) (sum uint64) {
				for _, a := range addrs[from:to] {
					v, _ := table.Lookup(a)
					sum += uint64(v)
				}
				return sum
			},
			Fill: func(from, to int, out []uint32) {
				for i, a := range addrs[from:to] {
					out[i], _ = table.Lookup(a)
				}
			},
		}}
	}}, nil
}

func bartTable(t bench.Table, progress func(int)) (*bench.Structure, error) {
	table := new(bart.Table[uint32])
	insert(t, progress, func(r bench.Route) { table.Insert(r.Prefix, r.NextHop) })
	return &bench.Structure{Detail: "Lookup, 32-bit values", Contenders: func(k *bench.Keys, _ []int) []bench.Contender {
		addrs := k.Addrs()
		return []bench.Contender{{
			Way: bench.Netip,
			Sum: func(from, to int) (sum uint64) {
				for _, a := range addrs[from:to] {
					v, _ := table.Lookup(a)
					sum += uint64(v)
				}
				return sum
			},
			Fill: func(from, to int, out []uint32) {
				for i, a := range addrs[from:to] {
					out[i], _ = table.Lookup(a)
				}
			},
		}}
	}}, nil
}

// bartLite is asked whether there is a route at all, which is all that it knows.
func bartLite(t bench.Table, progress func(int)) (*bench.Structure, error) {
	table := new(bart.Lite)
	insert(t, progress, func(r bench.Route) { table.Insert(r.Prefix) })
	return &bench.Structure{Detail: "Contains: no values", Contenders: func(k *bench.Keys, _ []int) []bench.Contender {
		addrs := k.Addrs()
		return []bench.Contender{{
			Way: bench.Netip, YesNo: true,
			Sum: func(from, to int) (sum uint64) {
				for _, a := range addrs[from:to] {
					if table.Contains(a) {
						sum++
					}
				}
				return sum
			},
			Fill: func(from, to int, out []uint32) {
				for i, a := range addrs[from:to] {
					out[i] = 0
					if table.Contains(a) {
						out[i] = 1
					}
				}
			},
		}}
	}}, nil
}

// byteKeys are the keys of a set as slices of bytes, 4 or 16 each; kept for the next library, since they take more memory than any table.
type byteKeys struct {
	of  *bench.Keys
	all [][]byte
}

func (b *byteKeys) from(k *bench.Keys) [][]byte {
	if b.of == k {
		return b.all
	}
	b.of, b.all = k, make([][]byte, 0, k.Len())
	var row []byte
	for _, a := range k.Addrs() {
		bytes := a.AsSlice()
		if cap(row)-len(row) < len(bytes) {
			row = make([]byte, 0, 1<<20)
		}
		row = append(row, bytes...)
		b.all = append(b.all, row[len(row)-len(bytes):len(row):len(row)])
	}
	return b.all
}

// numbered is a peer of WireGuard's that knows its next hop.
type numbered struct {
	device.Peer
	nextHop uint32
}

// wireguard keeps pointers to peers.
func (b *byteKeys) wireguard(t bench.Table, progress func(int)) (*bench.Structure, error) {
	table := new(device.AllowedIPs)
	peers := map[uint32]*numbered{}
	insert(t, progress, func(r bench.Route) {
		if peers[r.NextHop] == nil {
			peers[r.NextHop] = &numbered{nextHop: r.NextHop}
		}
		table.Insert(r.Prefix, &peers[r.NextHop].Peer)
	})
	return &bench.Structure{Detail: "AllowedIPs: a pointer for a value", Contenders: func(k *bench.Keys, _ []int) []bench.Contender {
		return byBytes(b.from(k), func(ip []byte) uint32 {
			peer := table.Lookup(ip)
			if peer == nil {
				return 0
			}
			return (*numbered)(unsafe.Pointer(peer)).nextHop // every peer in the table is the first field of a numbered
		})
	}}, nil
}

func (b *byteKeys) critbit(t bench.Table, progress func(int)) (*bench.Structure, error) {
	table := critbitgo.NewNet()
	var failed error
	insert(t, progress, func(r bench.Route) { failed = cmp.Or(failed, table.Add(ipNet(r.Prefix), r.NextHop)) })
	if failed != nil {
		return nil, failed
	}
	return &bench.Structure{Detail: "MatchIP: an interface for a value", Contenders: func(k *bench.Keys, _ []int) []bench.Contender {
		return byBytes(b.from(k), func(ip []byte) uint32 {
			_, v, _ := table.MatchIP(ip)
			n, _ := v.(uint32)
			return n
		})
	}}, nil
}

func (b *byteKeys) ipTree(t bench.Table, progress func(int)) (*bench.Structure, error) {
	table := iptree.NewTree()
	insert(t, progress, func(r bench.Route) { table.InplaceInsertNet(ipNet(r.Prefix), r.NextHop) })
	return &bench.Structure{Detail: "GetByIP: an interface for a value", Contenders: func(k *bench.Keys, _ []int) []bench.Contender {
		return byBytes(b.from(k), func(ip []byte) uint32 {
			v, _ := table.GetByIP(ip)
			n, _ := v.(uint32)
			return n
		})
	}}, nil
}

// rangerEntry is a route of cidranger's.
type rangerEntry struct {
	network net.IPNet
	nextHop uint32
}

// Network is what cidranger asks an entry for.
func (e *rangerEntry) Network() net.IPNet { return e.network }

// ranger gives all prefixes that contain an address, the longest one last.
func (b *byteKeys) ranger(t bench.Table, progress func(int)) (*bench.Structure, error) {
	table := cidranger.NewPCTrieRanger()
	var failed error
	insert(t, progress, func(r bench.Route) { failed = cmp.Or(failed, table.Insert(&rangerEntry{*ipNet(r.Prefix), r.NextHop})) })
	if failed != nil {
		return nil, failed
	}
	return &bench.Structure{Detail: "ContainingNetworks, of which the last", Contenders: func(k *bench.Keys, _ []int) []bench.Contender {
		return byBytes(b.from(k), func(ip []byte) uint32 {
			all, _ := table.ContainingNetworks(ip)
			if len(all) == 0 {
				return 0
			}
			return all[len(all)-1].(*rangerEntry).nextHop
		})
	}}, nil
}

// byBytes is the contender whose lookup takes a slice. The call through a variable costs 1 to 2 ns, of the hundreds that these take.
func byBytes(keys [][]byte, lookup func([]byte) uint32) []bench.Contender {
	return []bench.Contender{{
		Way: bench.Netip,
		Sum: func(from, to int) (sum uint64) {
			for _, ip := range keys[from:to] {
				sum += uint64(lookup(ip))
			}
			return sum
		},
		Fill: func(from, to int, out []uint32) {
			for i, ip := range keys[from:to] {
				out[i] = lookup(ip)
			}
		},
	}}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
