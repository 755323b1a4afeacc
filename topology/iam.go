package topology

import "vpcsim/endpoint/policy"

// IAM is the users and roles of the account that owns everything in the topology.
type IAM struct {
	Account string // 12 digits
	Users   []*User
	Roles   []*Role
}

// User is an IAM user.
type User struct {
	Name       string
	ID         string // AIDA…
	ARN        string
	AccessKeys []AccessKey
	Policies   []*Policy
	Tags       map[string]string
}

// AccessKey is a user's long-term key.
type AccessKey struct{ ID, Secret string }

// Role is an IAM role.
type Role struct {
	Name     string
	ID       string // AROA…
	ARN      string
	Policies []*Policy
	Tags     map[string]string
}

// Role returns the role of a name, or nil.
func (i *IAM) Role(name string) *Role {
	for _, r := range i.Roles {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Policy is a policy document of the file.
type Policy struct {
	Name     string // of an inline policy; what it belongs to, of others
	Text     string // JSON
	Document *policy.Document
}
