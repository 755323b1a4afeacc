package s3

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"time"
)

// The life of the lab's certificates. A lab may stand for long; the end of what clients accept of a server's is 398 days (CA/Browser
// Forum Baseline Requirements 6.3.2).
const (
	authorityLife   = 10 * 365 * 24 * time.Hour
	certificateLife = 397 * 24 * time.Hour
)

// newAuthority makes a certificate authority for one lab, and of it a certificate for names. The authority's key is forgotten here: nobody
// can sign anything more with it.
func newAuthority(names []string, now time.Time) (authority []byte, server tls.Certificate, err error) {
	key, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	serverKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		return nil, server, err
	}
	root := &x509.Certificate{
		SerialNumber: serialNumber(), Subject: pkix.Name{CommonName: "vpcsim lab CA", Organization: []string{"vpcsim"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(authorityLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"amazonaws.com", "amazonaws.com.cn"}, // good for nothing else
	}
	leaf := &x509.Certificate{
		SerialNumber: serialNumber(), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	rootDER, err1 := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err1 != nil {
		return nil, server, err1
	}
	signer, err1 := x509.ParseCertificate(rootDER)
	if err1 != nil {
		return nil, server, err1
	}
	leafDER, err1 := x509.CreateCertificate(rand.Reader, leaf, signer, serverKey.Public(), key)
	if err1 != nil {
		return nil, server, err1
	}
	server = tls.Certificate{Certificate: [][]byte{leafDER}, PrivateKey: serverKey}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}), server, nil
}

func serialNumber() *big.Int {
	n := make([]byte, 16)
	_, _ = rand.Read(n) // never fails
	n[0] &= 0x7f
	return new(big.Int).SetBytes(n)
}
