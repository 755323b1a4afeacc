package policy

import (
	"slices"
	"strings"
)

// ResourceKind is what an action is asked of.
type ResourceKind uint8

// What an action of S3 is asked of.
const (
	ServiceResource ResourceKind = iota // all of S3, or the account
	BucketResource                      // arn:aws:s3:::bucket
	ObjectResource                      // arn:aws:s3:::bucket/key
)

// ARN returns the resource that a request of this kind is judged by. Of all of S3 it is arn:aws:s3:::*, which both "*" and
// "arn:aws:s3:::*" in a policy match, and no bucket's name does.
func (k ResourceKind) ARN(bucket, key string) string {
	switch k {
	case BucketResource:
		return "arn:aws:s3:::" + bucket
	case ObjectResource:
		return "arn:aws:s3:::" + bucket + "/" + key
	default:
		return "arn:aws:s3:::*"
	}
}

// Operation is an operation of S3's API and what one must be allowed for it.
type Operation struct {
	// Name is the API's: "ListObjectsV2".
	Name string
	// Resource is what the action is asked of.
	Resource ResourceKind
	// Action is needed always, but for a request that names a version: "s3:GetObject".
	Action string
	// VersionAction is needed in its place by a request that names a version: "s3:GetObjectVersion". "" if there is none.
	VersionAction string
	// More are the actions that are needed besides, depending on what the request has.
	More []More
}

// More is an action that is needed besides an operation's own by requests that ask for more.
type More struct {
	// Header, in lower case, is in the requests that need the action; "" is all requests.
	Header string
	Action string
	// VersionAction is as an operation's.
	VersionAction string
	// OfSource says that the action is asked of the object to copy from.
	OfSource bool
}

// Headers that ask for more than the operation itself.
var (
	withTags = More{Header: "x-amz-tagging", Action: "s3:PutObjectTagging"}
	withACL  = More{Header: "x-amz-acl", Action: "s3:PutObjectAcl"}
	withLock = More{Header: "x-amz-object-lock-mode", Action: "s3:PutObjectRetention"}
	withHold = More{Header: "x-amz-object-lock-legal-hold", Action: "s3:PutObjectLegalHold"}
	bypass   = More{Header: "x-amz-bypass-governance-retention", Action: "s3:BypassGovernanceRetention"}
	ofSource = More{Action: "s3:GetObject", VersionAction: "s3:GetObjectVersion", OfSource: true}
)

// Operations are S3's operations on buckets and objects and what each needs (S3: using-with-s3-policy-actions).
var Operations = []Operation{
	{Name: "ListBuckets", Action: "s3:ListAllMyBuckets"},

	{Name: "CreateBucket", Resource: BucketResource, Action: "s3:CreateBucket"},
	{Name: "HeadBucket", Resource: BucketResource, Action: "s3:ListBucket"},
	{Name: "DeleteBucket", Resource: BucketResource, Action: "s3:DeleteBucket"},
	{Name: "ListObjects", Resource: BucketResource, Action: "s3:ListBucket"},
	{Name: "ListObjectsV2", Resource: BucketResource, Action: "s3:ListBucket"},
	{Name: "ListObjectVersions", Resource: BucketResource, Action: "s3:ListBucketVersions"},
	{Name: "ListMultipartUploads", Resource: BucketResource, Action: "s3:ListBucketMultipartUploads"},
	{Name: "GetBucketLocation", Resource: BucketResource, Action: "s3:GetBucketLocation"},
	{Name: "GetBucketPolicy", Resource: BucketResource, Action: "s3:GetBucketPolicy"},
	{Name: "PutBucketPolicy", Resource: BucketResource, Action: "s3:PutBucketPolicy"},
	{Name: "DeleteBucketPolicy", Resource: BucketResource, Action: "s3:DeleteBucketPolicy"},
	{Name: "GetBucketPolicyStatus", Resource: BucketResource, Action: "s3:GetBucketPolicyStatus"},
	{Name: "GetBucketAcl", Resource: BucketResource, Action: "s3:GetBucketAcl"},
	{Name: "PutBucketAcl", Resource: BucketResource, Action: "s3:PutBucketAcl"},
	{Name: "GetBucketCors", Resource: BucketResource, Action: "s3:GetBucketCORS"},
	{Name: "PutBucketCors", Resource: BucketResource, Action: "s3:PutBucketCORS"},
	{Name: "DeleteBucketCors", Resource: BucketResource, Action: "s3:PutBucketCORS"},
	{Name: "GetBucketTagging", Resource: BucketResource, Action: "s3:GetBucketTagging"},
	{Name: "PutBucketTagging", Resource: BucketResource, Action: "s3:PutBucketTagging"},
	{Name: "DeleteBucketTagging", Resource: BucketResource, Action: "s3:PutBucketTagging"},
	{Name: "GetBucketVersioning", Resource: BucketResource, Action: "s3:GetBucketVersioning"},
	{Name: "PutBucketVersioning", Resource: BucketResource, Action: "s3:PutBucketVersioning"},
	{Name: "GetBucketWebsite", Resource: BucketResource, Action: "s3:GetBucketWebsite"},
	{Name: "PutBucketWebsite", Resource: BucketResource, Action: "s3:PutBucketWebsite"},
	{Name: "DeleteBucketWebsite", Resource: BucketResource, Action: "s3:DeleteBucketWebsite"},
	{Name: "GetBucketEncryption", Resource: BucketResource, Action: "s3:GetEncryptionConfiguration"},
	{Name: "PutBucketEncryption", Resource: BucketResource, Action: "s3:PutEncryptionConfiguration"},
	{Name: "DeleteBucketEncryption", Resource: BucketResource, Action: "s3:PutEncryptionConfiguration"},
	{Name: "GetBucketLifecycleConfiguration", Resource: BucketResource, Action: "s3:GetLifecycleConfiguration"},
	{Name: "PutBucketLifecycleConfiguration", Resource: BucketResource, Action: "s3:PutLifecycleConfiguration"},
	{Name: "DeleteBucketLifecycle", Resource: BucketResource, Action: "s3:PutLifecycleConfiguration"},
	{Name: "GetBucketLogging", Resource: BucketResource, Action: "s3:GetBucketLogging"},
	{Name: "PutBucketLogging", Resource: BucketResource, Action: "s3:PutBucketLogging"},
	{Name: "GetBucketNotificationConfiguration", Resource: BucketResource, Action: "s3:GetBucketNotification"},
	{Name: "PutBucketNotificationConfiguration", Resource: BucketResource, Action: "s3:PutBucketNotification"},
	{Name: "GetBucketReplication", Resource: BucketResource, Action: "s3:GetReplicationConfiguration"},
	{Name: "PutBucketReplication", Resource: BucketResource, Action: "s3:PutReplicationConfiguration"},
	{Name: "DeleteBucketReplication", Resource: BucketResource, Action: "s3:PutReplicationConfiguration"},
	{Name: "GetBucketRequestPayment", Resource: BucketResource, Action: "s3:GetBucketRequestPayment"},
	{Name: "PutBucketRequestPayment", Resource: BucketResource, Action: "s3:PutBucketRequestPayment"},
	{Name: "GetBucketAccelerateConfiguration", Resource: BucketResource, Action: "s3:GetAccelerateConfiguration"},
	{Name: "PutBucketAccelerateConfiguration", Resource: BucketResource, Action: "s3:PutAccelerateConfiguration"},
	{Name: "GetBucketOwnershipControls", Resource: BucketResource, Action: "s3:GetBucketOwnershipControls"},
	{Name: "PutBucketOwnershipControls", Resource: BucketResource, Action: "s3:PutBucketOwnershipControls"},
	{Name: "DeleteBucketOwnershipControls", Resource: BucketResource, Action: "s3:PutBucketOwnershipControls"},
	{Name: "GetPublicAccessBlock", Resource: BucketResource, Action: "s3:GetBucketPublicAccessBlock"},
	{Name: "PutPublicAccessBlock", Resource: BucketResource, Action: "s3:PutBucketPublicAccessBlock"},
	{Name: "DeletePublicAccessBlock", Resource: BucketResource, Action: "s3:PutBucketPublicAccessBlock"},
	{Name: "GetObjectLockConfiguration", Resource: BucketResource, Action: "s3:GetBucketObjectLockConfiguration"},
	{Name: "PutObjectLockConfiguration", Resource: BucketResource, Action: "s3:PutBucketObjectLockConfiguration"},

	{Name: "GetObject", Resource: ObjectResource, Action: "s3:GetObject", VersionAction: "s3:GetObjectVersion"},
	{Name: "HeadObject", Resource: ObjectResource, Action: "s3:GetObject", VersionAction: "s3:GetObjectVersion"},
	{Name: "GetObjectAttributes", Resource: ObjectResource, Action: "s3:GetObject", VersionAction: "s3:GetObjectVersion", More: []More{{Action: "s3:GetObjectAttributes", VersionAction: "s3:GetObjectVersionAttributes"}}},
	{Name: "SelectObjectContent", Resource: ObjectResource, Action: "s3:GetObject"},
	{Name: "GetObjectTorrent", Resource: ObjectResource, Action: "s3:GetObject"},
	{Name: "PutObject", Resource: ObjectResource, Action: "s3:PutObject", More: []More{withTags, withACL, withLock, withHold}},
	{Name: "PostObject", Resource: ObjectResource, Action: "s3:PutObject", More: []More{withTags, withACL}},
	{Name: "CopyObject", Resource: ObjectResource, Action: "s3:PutObject", More: []More{ofSource, withTags, withACL, withLock, withHold}},
	{Name: "DeleteObject", Resource: ObjectResource, Action: "s3:DeleteObject", VersionAction: "s3:DeleteObjectVersion", More: []More{bypass}},
	{Name: "DeleteObjects", Resource: ObjectResource, Action: "s3:DeleteObject", VersionAction: "s3:DeleteObjectVersion", More: []More{bypass}}, // for each key
	{Name: "RestoreObject", Resource: ObjectResource, Action: "s3:RestoreObject"},
	{Name: "GetObjectAcl", Resource: ObjectResource, Action: "s3:GetObjectAcl", VersionAction: "s3:GetObjectVersionAcl"},
	{Name: "PutObjectAcl", Resource: ObjectResource, Action: "s3:PutObjectAcl", VersionAction: "s3:PutObjectVersionAcl"},
	{Name: "GetObjectTagging", Resource: ObjectResource, Action: "s3:GetObjectTagging", VersionAction: "s3:GetObjectVersionTagging"},
	{Name: "PutObjectTagging", Resource: ObjectResource, Action: "s3:PutObjectTagging", VersionAction: "s3:PutObjectVersionTagging"},
	{Name: "DeleteObjectTagging", Resource: ObjectResource, Action: "s3:DeleteObjectTagging", VersionAction: "s3:DeleteObjectVersionTagging"},
	{Name: "GetObjectRetention", Resource: ObjectResource, Action: "s3:GetObjectRetention"},
	{Name: "PutObjectRetention", Resource: ObjectResource, Action: "s3:PutObjectRetention", More: []More{bypass}},
	{Name: "GetObjectLegalHold", Resource: ObjectResource, Action: "s3:GetObjectLegalHold"},
	{Name: "PutObjectLegalHold", Resource: ObjectResource, Action: "s3:PutObjectLegalHold"},
	{Name: "CreateMultipartUpload", Resource: ObjectResource, Action: "s3:PutObject", More: []More{withTags, withACL, withLock, withHold}},
	{Name: "UploadPart", Resource: ObjectResource, Action: "s3:PutObject"},
	{Name: "UploadPartCopy", Resource: ObjectResource, Action: "s3:PutObject", More: []More{ofSource}},
	{Name: "CompleteMultipartUpload", Resource: ObjectResource, Action: "s3:PutObject"},
	{Name: "AbortMultipartUpload", Resource: ObjectResource, Action: "s3:AbortMultipartUpload"},
	{Name: "ListParts", Resource: ObjectResource, Action: "s3:ListMultipartUploadParts"},
}

// FindOperation returns the operation of that name, in any case.
func FindOperation(name string) (Operation, bool) {
	i := slices.IndexFunc(Operations, func(o Operation) bool { return strings.EqualFold(o.Name, name) })
	if i < 0 {
		return Operation{}, false
	}
	return Operations[i], true
}

// s3Action is an action of S3, without the "s3:" before it.
type s3Action struct {
	name string
	kind ResourceKind
}
