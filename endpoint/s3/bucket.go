package s3

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"

	"vpcsim/endpoint/policy"
)

// bucket is what S3 knows of a bucket beside its objects. It is immutable.
type bucket struct {
	region string
	text   string           // of the policy, as it was put; empty if there is none
	policy *policy.Document // nil if there is none
}

// buckets is the table of all buckets, in all regions: names are unique in all of them.
type buckets struct {
	mu     sync.RWMutex
	byName map[string]*bucket // guarded by mu
}

// find returns a bucket, or nil.
func (t *buckets) find(name string) *bucket {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byName[name]
}

func (t *buckets) add(name, region string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName[name] = &bucket{region: region}
}

func (t *buckets) remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byName, name)
}

// setPolicy gives a bucket a policy, or takes it away if the text is empty. Requests from then on are judged by it.
func (t *buckets) setPolicy(name, text string) error {
	next := bucket{text: text}
	if text != "" {
		var err error
		if next.policy, err = policy.ParseBucket(name, []byte(text)); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.byName[name]
	if old == nil {
		return noSuchBucket(name)
	}
	next.region = old.region
	t.byName[name] = &next
	return nil
}

func noSuchBucket(name string) *apiError {
	return withField(fail(404, "NoSuchBucket", "The specified bucket does not exist"), "BucketName", name)
}

// malformedPolicy is S3's answer to a document that is no bucket policy. It names the first problem, as S3's does, and here also
// where that is.
func malformedPolicy(err error) *apiError {
	var problems policy.Problems
	if errors.As(err, &problems) && len(problems) > 0 {
		return fail(400, "MalformedPolicy", "%s", problems[0].Error())
	}
	return fail(400, "MalformedPolicy", "%s", err)
}

// isPublic says whether a bucket policy is a public one, as GetBucketPolicyStatus tells it: some statement allows everybody, and no
// condition narrows that to fixed values. It reads the document again because that is a question about its text, not about a
// request (S3 User Guide, "The meaning of public").
func isPublic(text string) bool {
	var document struct {
		Statement statements
	}
	if json.Unmarshal([]byte(text), &document) != nil {
		return false
	}
	for _, s := range document.Statement {
		if s.Effect == "Allow" && (len(s.NotPrincipal) > 0 || strings.Contains(string(s.Principal), `"*"`)) && len(s.Condition) == 0 {
			return true
		}
	}
	return false
}

// statements reads one statement or a list of them.
type statements []struct {
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Condition    map[string]json.RawMessage
}

// UnmarshalJSON takes both forms.
func (s *statements) UnmarshalJSON(text []byte) error {
	type list statements
	if strings.HasPrefix(strings.TrimSpace(string(text)), "[") {
		return json.Unmarshal(text, (*list)(s))
	}
	one := make(list, 1)
	err := json.Unmarshal(text, &one[0])
	*s = statements(one)
	return err
}
