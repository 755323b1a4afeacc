package metadata

import (
	"fmt"
	"sync"
	"time"
)

// renewBefore is how long before credentials expire others take their place: at AWS at least five minutes (Amazon EC2 User Guide,
// "Retrieve security credentials from instance metadata").
const renewBefore = 15 * time.Minute

// sessions are the credentials that instances have now.
type sessions struct {
	mu  sync.Mutex
	now map[sessionKey]session // guarded by mu
}

type sessionKey struct{ instance, role string }

type session struct {
	Credentials
	updated time.Time
}

// of returns an instance's credentials: the same ones again until it is time for others. It reports false if there is no such role.
func (s *sessions) of(i *Instance, now time.Time, issue Issue) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sessionKey{i.ID, i.Role}
	if c, ok := s.now[key]; ok && now.Before(c.Expiration.Add(-renewBefore)) {
		return c, true
	}
	c, ok := issue(i.Role, i.ID, now)
	if ok {
		s.now[key] = session{c, now}
	}
	return s.now[key], ok
}

// role says what role the instance has, and its credentials.
func (s *Server) role(t tree, i *Instance, now time.Time) {
	if i.Role == "" {
		return
	}
	c, ok := s.sessions.of(i, now, s.config.Issue)
	if !ok {
		return
	}
	t["meta-data/iam/info"] = text(profile{
		"Success", stamp(c.updated), fmt.Sprintf("arn:aws:iam::%s:instance-profile/%s", i.Account, i.Role), i.ProfileID,
	})
	t["meta-data/iam/security-credentials/"+i.Role] = text(credentials{
		"Success", stamp(c.updated), "AWS-HMAC", c.AccessKeyID, c.SecretAccessKey, c.Token, stamp(c.Expiration),
	})
}

// profile is iam/info.
type profile struct {
	Code        string
	LastUpdated string
	ARN         string `json:"InstanceProfileArn"`
	ID          string `json:"InstanceProfileId"`
}

// credentials is what stands below iam/security-credentials.
type credentials struct {
	Code            string
	LastUpdated     string
	Type            string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
}
