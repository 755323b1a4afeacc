package nat

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"vpcsim/dataplane/index"
)

// key is what one side sees of a session: local is the inside host for the inside, an own address of the gateway's for the
// outside. The same type, with fields left zero, is the key of what has only some of them.
type key struct {
	local, remote         uint32
	localPort, remotePort uint16
	protocol              uint32 // a byte, but without padding
}

func (k *key) hash(s *index.Seed) uint64 {
	return s.Hash16(&[2]uint64{
		uint64(k.local)<<32 | uint64(k.remote), uint64(k.localPort)<<48 | uint64(k.remotePort)<<32 | uint64(k.protocol),
	})
}

// newIndex returns an index of keys hashed with s.
func newIndex(s *index.Seed) index.Index[key] {
	return index.New(func(k *key) uint64 { return k.hash(s) })
}

// shard returns the shard of a session with key k, of whichever side: what goes into it both sides see alike.
func (g *Gateway) shard(k *key) *shard {
	hi, lo := bits.Mul64(uint64(k.remote)<<32^g.seed[0], (uint64(k.remotePort)<<8|uint64(k.protocol))^g.seed[1])
	return &g.shards[(hi^lo)>>(64-shardBits)]
}

// number is an IPv4 address as a number.
func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

// address is the IPv4 address of a number.
func address(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// counts counts keys: sessions by destination, mappings by address.
type counts struct {
	seed  *index.Seed
	index index.Index[key] // the slot is the count
}

func newCounts(s *index.Seed) counts { return counts{s, newIndex(s)} }

func (c *counts) count(k *key) int32 {
	n, _ := c.index.Find(k, k.hash(c.seed))
	return n
}

// add changes the count of k by n.
func (c *counts) add(k *key, n int32) {
	h := k.hash(c.seed)
	old, there := c.index.Find(k, h)
	if there {
		c.index.Remove(k, h)
	}
	if old+n > 0 {
		c.index.Put(k, h, old+n)
	}
}
