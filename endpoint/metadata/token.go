package metadata

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"
)

// How long a token may be valid, in seconds (Amazon EC2 User Guide, "Use the Instance Metadata Service to access instance metadata").
const (
	minTTL = 1
	maxTTL = 21600
)

// issuer makes and judges session tokens. It remembers none: a token is the second of its end and a seal that also covers the
// instance, for which alone it is valid. Its key lives as long as the server.
type issuer struct {
	key [32]byte
}

func newIssuer() *issuer {
	i := &issuer{}
	_, _ = rand.Read(i.key[:]) // never fails (crypto/rand)
	return i
}

// ttl reads the header that asks for a token's time to live, in seconds.
func ttl(header string) (time.Duration, bool) {
	n, err := strconv.Atoi(header)
	if err != nil || n < minTTL || n > maxTTL {
		return 0, false
	}
	return time.Duration(n) * time.Second, true
}

// issue returns a token of an instance that is valid until the given time.
func (i *issuer) issue(instance string, until time.Time) string {
	end := binary.BigEndian.AppendUint64(nil, uint64(until.UnixNano()))
	return base64.URLEncoding.EncodeToString(append(end, i.seal(instance, end)...))
}

// valid says whether a token is the instance's and has not expired.
func (i *issuer) valid(instance, token string, now time.Time) bool {
	raw, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(raw) != 8+sha256.Size {
		return false
	}
	end, seal := raw[:8], raw[8:]
	return hmac.Equal(seal, i.seal(instance, end)) && now.UnixNano() < int64(binary.BigEndian.Uint64(end))
}

func (i *issuer) seal(instance string, end []byte) []byte {
	h := hmac.New(sha256.New, i.key[:])
	h.Write(end)
	h.Write([]byte(instance))
	return h.Sum(nil)
}
