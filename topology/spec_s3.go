package topology

// S3Spec is the simulated S3 service.
type S3Spec struct {
	Buckets map[string]BucketSpec `yaml:"buckets" doc:"buckets by name"`
	Dir     string                `yaml:"dir" doc:"directory that keeps the objects from one lab to the next, made if it is not there; relative to the folder in which the lab is started (default: none, objects live in memory and end with the lab)"`
	MaxSize string                `yaml:"max_size" doc:"what all objects and unfinished uploads together may take, for example 4GiB (default 1GiB in memory, no bound of its own in dir); an upload beyond it is refused"`
}

// BucketSpec is one bucket.
type BucketSpec struct {
	Region  string            `yaml:"region" doc:"AWS region (default: the file's)"`
	Objects map[string]string `yaml:"objects" doc:"objects by key, with their contents; a value like 'size:1MiB' makes an object of that many bytes"`
	Policy  any               `yaml:"policy" doc:"bucket policy: a policy document written as YAML, or as text in JSON"`
}

// IAMSpec is what IAM knows of the account that owns everything in the file.
type IAMSpec struct {
	Account string              `yaml:"account" doc:"the account's id, 12 digits (default 123456789012)"`
	Users   map[string]UserSpec `yaml:"users" doc:"IAM users by name"`
	Roles   map[string]RoleSpec `yaml:"roles" doc:"IAM roles by name; an instance that names one as its role gets credentials of it"`
}

// UserSpec is an IAM user.
type UserSpec struct {
	AccessKeys []AccessKeySpec   `yaml:"access_keys" doc:"access keys, at most 2"`
	Policies   map[string]any    `yaml:"policies" doc:"inline policies by name: policy documents written as YAML, or as text in JSON"`
	Tags       map[string]string `yaml:"tags" doc:"tags, which policies know as aws:PrincipalTag/KEY"`
}

// AccessKeySpec is an access key of a user.
type AccessKeySpec struct {
	ID     string `yaml:"id" doc:"access key id, 16 to 128 letters and digits, for example AKIAIOSFODNN7EXAMPLE" required:"true"`
	Secret string `yaml:"secret" doc:"secret access key" required:"true"`
}

// RoleSpec is an IAM role.
type RoleSpec struct {
	Policies map[string]any    `yaml:"policies" doc:"inline policies by name: policy documents written as YAML, or as text in JSON"`
	Tags     map[string]string `yaml:"tags" doc:"tags, which policies know as aws:PrincipalTag/KEY"`
}
