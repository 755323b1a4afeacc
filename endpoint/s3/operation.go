package s3

import (
	"net/http"
	"net/url"
	"strings"
)

// methods are the names of S3's API by HTTP method.
type methods map[string]string

// bucketOperations are those of a bucket, by subresource: the query parameter that selects another operation than the plain one.
var bucketOperations = map[string]methods{
	"":                    {"GET": "ListObjects", "HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket", "POST": "PostObject"},
	"accelerate":          {"GET": "GetBucketAccelerateConfiguration", "PUT": "PutBucketAccelerateConfiguration"},
	"acl":                 {"GET": "GetBucketAcl", "PUT": "PutBucketAcl"},
	"analytics":           {"GET": "GetBucketAnalyticsConfiguration", "PUT": "PutBucketAnalyticsConfiguration", "DELETE": "DeleteBucketAnalyticsConfiguration"},
	"cors":                {"GET": "GetBucketCors", "PUT": "PutBucketCors", "DELETE": "DeleteBucketCors"},
	"delete":              {"POST": "DeleteObjects"},
	"encryption":          {"GET": "GetBucketEncryption", "PUT": "PutBucketEncryption", "DELETE": "DeleteBucketEncryption"},
	"intelligent-tiering": {"GET": "GetBucketIntelligentTieringConfiguration", "PUT": "PutBucketIntelligentTieringConfiguration", "DELETE": "DeleteBucketIntelligentTieringConfiguration"},
	"inventory":           {"GET": "GetBucketInventoryConfiguration", "PUT": "PutBucketInventoryConfiguration", "DELETE": "DeleteBucketInventoryConfiguration"},
	"lifecycle":           {"GET": "GetBucketLifecycleConfiguration", "PUT": "PutBucketLifecycleConfiguration", "DELETE": "DeleteBucketLifecycle"},
	"location":            {"GET": "GetBucketLocation"},
	"logging":             {"GET": "GetBucketLogging", "PUT": "PutBucketLogging"},
	"metrics":             {"GET": "GetBucketMetricsConfiguration", "PUT": "PutBucketMetricsConfiguration", "DELETE": "DeleteBucketMetricsConfiguration"},
	"notification":        {"GET": "GetBucketNotificationConfiguration", "PUT": "PutBucketNotificationConfiguration"},
	"object-lock":         {"GET": "GetObjectLockConfiguration", "PUT": "PutObjectLockConfiguration"},
	"ownershipControls":   {"GET": "GetBucketOwnershipControls", "PUT": "PutBucketOwnershipControls", "DELETE": "DeleteBucketOwnershipControls"},
	"policy":              {"GET": "GetBucketPolicy", "PUT": "PutBucketPolicy", "DELETE": "DeleteBucketPolicy"},
	"policyStatus":        {"GET": "GetBucketPolicyStatus"},
	"publicAccessBlock":   {"GET": "GetPublicAccessBlock", "PUT": "PutPublicAccessBlock", "DELETE": "DeletePublicAccessBlock"},
	"replication":         {"GET": "GetBucketReplication", "PUT": "PutBucketReplication", "DELETE": "DeleteBucketReplication"},
	"requestPayment":      {"GET": "GetBucketRequestPayment", "PUT": "PutBucketRequestPayment"},
	"tagging":             {"GET": "GetBucketTagging", "PUT": "PutBucketTagging", "DELETE": "DeleteBucketTagging"},
	"uploads":             {"GET": "ListMultipartUploads"},
	"versioning":          {"GET": "GetBucketVersioning", "PUT": "PutBucketVersioning"},
	"versions":            {"GET": "ListObjectVersions"},
	"website":             {"GET": "GetBucketWebsite", "PUT": "PutBucketWebsite", "DELETE": "DeleteBucketWebsite"},
}

// objectOperations are those of an object, by subresource.
var objectOperations = map[string]methods{
	"":           {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"},
	"acl":        {"GET": "GetObjectAcl", "PUT": "PutObjectAcl"},
	"attributes": {"GET": "GetObjectAttributes"},
	"legal-hold": {"GET": "GetObjectLegalHold", "PUT": "PutObjectLegalHold"},
	"restore":    {"POST": "RestoreObject"},
	"retention":  {"GET": "GetObjectRetention", "PUT": "PutObjectRetention"},
	"select":     {"POST": "SelectObjectContent"},
	"tagging":    {"GET": "GetObjectTagging", "PUT": "PutObjectTagging", "DELETE": "DeleteObjectTagging"},
	"torrent":    {"GET": "GetObjectTorrent"},
	"uploadId":   {"GET": "ListParts", "PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"},
	"uploads":    {"POST": "CreateMultipartUpload"},
}

// operationOf names what a request asks for. The error is the answer to one that S3 does not know.
func operationOf(method, bucket, key string, query url.Values, header http.Header) (string, error) {
	if bucket == "" {
		if method == http.MethodGet {
			return "ListBuckets", nil
		}
		return "", notAllowed()
	}
	all := bucketOperations
	if key != "" {
		all = objectOperations
	}
	chosen, err := selected(query)
	if err != nil {
		return "", err
	}
	name := all[chosen][method]
	if method == http.MethodHead && name == "" { // is answered as GET is, without the body
		name = all[chosen][http.MethodGet]
	}
	copies := header.Get("X-Amz-Copy-Source") != ""
	switch {
	case name == "":
		return "", notAllowed()
	case name == "ListObjects" && query.Get("list-type") == "2":
		return "ListObjectsV2", nil
	case name == "PutObject" && copies:
		return "CopyObject", nil
	case name == "UploadPart" && copies:
		return "UploadPartCopy", nil
	}
	return name, nil
}

// selected is the parameter of the query that selects an operation; empty if there is none. Two of them are refused, so that what is
// authorised cannot be another than what is done.
func selected(query url.Values) (chosen string, err error) {
	for name := range query {
		_, ofBucket := bucketOperations[name]
		_, ofObject := objectOperations[name]
		switch {
		case !ofBucket && !ofObject:
		case chosen != "":
			return "", fail(400, "InvalidArgument", "Conflicting query string parameters: %s, %s", min(chosen, name), max(chosen, name))
		default:
			chosen = name
		}
	}
	if chosen == "uploadId" && query.Get(chosen) == "" { // to the library it would be none
		return "", fail(400, "InvalidArgument", "This operation does not accept an empty uploadId")
	}
	return chosen, nil
}

func notAllowed() *apiError {
	return fail(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
}

// splitPath separates the bucket from the key in a path of the path style.
func splitPath(path string) (bucket, key string) {
	bucket, key, _ = strings.Cut(strings.TrimLeft(path, "/"), "/")
	return bucket, key
}
