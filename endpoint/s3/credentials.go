package s3

// Credentials of roles, without a table of them: the session token itself says whose it is and until when, sealed with a secret of
// the issuer's. Key id and secret key follow from the token, so that what an issuer gave out it knows again, and nothing else.

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"vpcsim/endpoint/policy"
	"vpcsim/endpoint/sigv4"
)

// User is an IAM user whose keys may sign requests.
type User struct {
	Name     string
	ID       string // AIDA…
	ARN      string
	Keys     map[string]string // secret keys by access key id
	Policies []*policy.Document
	Tags     map[string]string
}

// Role is an IAM role, which sessions are made of.
type Role struct {
	Name     string
	ID       string // AROA…
	ARN      string
	Policies []*policy.Document
	Tags     map[string]string
}

// Principal is who makes a request. The zero Principal is an anonymous one.
type Principal struct {
	ARN      string // of a user, or of a role's session
	Role     *Role  // of a session
	User     *User
	Session  string // name of a session
	Issued   time.Time
	Policies []*policy.Document
}

// Credentials are temporary ones, of a session of a role.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

// sessionLife is how long credentials of an instance's role last (IAM User Guide, iam-roles-for-amazon-ec2: they are renewed
// at least five minutes before the end; about six hours is what instances see).
const sessionLife = 6 * time.Hour

// issuer makes credentials and knows them again.
type issuer struct {
	seal []byte
}

func newIssuer() *issuer {
	seal := make([]byte, 32)
	_, _ = rand.Read(seal) // never fails
	return &issuer{seal}
}

// session is what a session token says.
type session struct {
	Role    string `json:"r"`
	Name    string `json:"n"`
	Issued  int64  `json:"i"` // Unix time
	Expires int64  `json:"e"`
}

func (i *issuer) mac(what, text string) []byte {
	h := hmac.New(sha256.New, i.seal)
	h.Write([]byte(what + "\x00" + text))
	return h.Sum(nil)
}

// issue makes credentials for a session that begins now.
func (i *issuer) issue(role, name string, now time.Time) Credentials {
	end := now.Add(sessionLife).Truncate(time.Second)
	said, _ := json.Marshal(session{role, name, now.Unix(), end.Unix()}) // such a struct always can be
	text := base64.RawURLEncoding.EncodeToString(said)
	token := text + "." + base64.RawURLEncoding.EncodeToString(i.mac("token", text))
	id, secret := i.keys(token)
	return Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token, Expiration: end}
}

// keys are what belongs to a token.
func (i *issuer) keys(token string) (id, secret string) {
	id = "ASIA" + base32.StdEncoding.EncodeToString(i.mac("id", token))[:16]
	return id, base64.StdEncoding.EncodeToString(i.mac("secret", token))[:40]
}

// open reads a token; false if it is not one of this issuer's.
func (i *issuer) open(token string) (s session, ok bool) {
	text, sealed, _ := strings.Cut(token, ".")
	given, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || !hmac.Equal(given, i.mac("token", text)) {
		return s, false
	}
	said, err := base64.RawURLEncoding.DecodeString(text)
	return s, err == nil && json.Unmarshal(said, &s) == nil
}

// Credentials makes temporary credentials of a role for an instance, whose id names the session; false if there is no such role.
func (s *Service) Credentials(role, instance string, now time.Time) (Credentials, bool) {
	if s.identities.Load().roles[role] == nil {
		return Credentials{}, false
	}
	return s.issuer.issue(role, instance, now), true
}

// identities are all who may sign; immutable.
type identities struct {
	account string
	all     []*User
	users   map[string]*User // by access key id
	roles   map[string]*Role // by name
}

func newIdentities(account string, users []User, roles []Role) *identities {
	all := &identities{account: cmp.Or(account, defaultAccount), users: map[string]*User{}, roles: map[string]*Role{}}
	for _, u := range users {
		all.all = append(all.all, &u)
		for id := range u.Keys {
			all.users[id] = &u
		}
	}
	for _, r := range roles {
		all.roles[r.Name] = &r
	}
	return all
}

// defaultAccount is the number that AWS's own examples have.
const defaultAccount = "123456789012"

// key finds whose key it is and its secret. Of temporary credentials the token must be there and still valid.
func (i *identities) key(issuer *issuer, id, token string, now time.Time) (Principal, string, error) {
	if u := i.users[id]; u != nil && token == "" {
		return Principal{ARN: u.ARN, User: u, Policies: u.Policies}, u.Keys[id], nil
	}
	if token == "" || i.users[id] != nil {
		return Principal{}, "", noSuchKey(id, token)
	}
	s, ok := issuer.open(token)
	role := i.roles[s.Role]
	if !ok || role == nil {
		return Principal{}, "", &apiError{Code: "InvalidToken", Message: "The provided token is malformed or otherwise invalid.", Status: 400, Fields: []sigv4.Field{{Name: "Token-0", Value: token}}}
	}
	own, secret := issuer.keys(token)
	switch {
	case own != id:
		return Principal{}, "", noSuchKey(id, "")
	case now.Unix() >= s.Expires:
		return Principal{}, "", &apiError{Code: "ExpiredToken", Message: "The provided token has expired.", Status: 400, Fields: []sigv4.Field{{Name: "Token-0", Value: token}}}
	}
	return i.session(role, s.Name, time.Unix(s.Issued, 0)), secret, nil
}

// session is a session of a role.
func (i *identities) session(r *Role, name string, issued time.Time) Principal {
	return Principal{ARN: "arn:aws:sts::" + i.account + ":assumed-role/" + r.Name + "/" + name, Role: r, Session: name, Issued: issued, Policies: r.Policies}
}

func noSuchKey(id, token string) error {
	if token != "" {
		return &apiError{Code: "InvalidToken", Message: "The provided token is malformed or otherwise invalid.", Status: 400, Fields: []sigv4.Field{{Name: "Token-0", Value: token}}}
	}
	return &apiError{Code: "InvalidAccessKeyId", Message: "The AWS Access Key Id you provided does not exist in our records.", Status: 403, Fields: []sigv4.Field{{Name: "AWSAccessKeyId", Value: id}}}
}
