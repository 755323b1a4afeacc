package nat

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"vpcsim/dataplane/index"
)

// key is what one side sees of a session: local is the inside host for the inside, an own address of the gateway's for the
// outside. The same type, with parts left zero, is the key of what has only some of them. It is two words, each made, hashed and
// compared at once: the addresses, local<<32 | remote, and localPort<<48 | remotePort<<32 | protocol.
type key [2]uint64

func newKey(local, remote uint32, localPort, remotePort uint16, protocol uint8) key {
	return key{uint64(local)<<32 | uint64(remote), uint64(localPort)<<48 | uint64(remotePort)<<32 | uint64(protocol)}
}

func (k *key) local() uint32      { return uint32(k[0] >> 32) }
func (k *key) remote() uint32     { return uint32(k[0]) }
func (k *key) localPort() uint16  { return uint16(k[1] >> 48) }
func (k *key) remotePort() uint16 { return uint16(k[1] >> 32) }
func (k *key) protocol() uint8    { return uint8(k[1]) }

func (k *key) setLocal(a uint32)         { k[0] = uint64(a)<<32 | k[0]&(1<<32-1) }
func (k *key) setLocalPort(port uint16)  { k[1] = uint64(port)<<48 | k[1]&(1<<48-1) }
func (k *key) setRemotePort(port uint16) { k[1] = uint64(port)<<32 | k[1]&^(0xffff<<32) }

func (k *key) hash(s *index.Seed) uint64 { return s.Hash16((*[2]uint64)(k)) }

// newIndex returns an index of keys hashed with s.
func newIndex(s *index.Seed) index.Index[key] {
	return index.New(func(k *key) uint64 { return k.hash(s) })
}

// shard returns the shard of a session with key k, of whichever side.
func (g *Gateway) shard(k *key) *shard { return &g.shards[g.shardNumber(k)] }

// shardNumber is a hash of what both sides of a session see alike.
func (g *Gateway) shardNumber(k *key) uint64 {
	hi, lo := bits.Mul64(k[0]<<32^g.seed[0], k[1]&(1<<48-1)^g.seed[1])
	return (hi ^ lo) >> (64 - shardBits)
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
