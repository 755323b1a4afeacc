package policy

import (
	"slices"
	"strings"
)

// Key is a condition key.
type Key struct {
	// Name is as AWS spells it. One that ends in / goes on with the key of a tag: "aws:PrincipalTag/".
	Name string
	// Type is the family of operators for it: String, Numeric, Date, Bool, IPAddress, ARN.
	Type string
	// Many says that a request may have several values for it (AWS: ArrayOf…).
	Many bool
	// When says when a request carries it; "" is always.
	When string
}

// Keys are the condition keys that requests to S3 carry at AWS (IAM: reference_policies_condition-keys; S3: list_amazons3). A
// policy may name others, which are absent from every request.
var Keys = []Key{
	{Name: "aws:CurrentTime", Type: "Date"},
	{Name: "aws:EpochTime", Type: "Date"},
	{Name: "aws:SecureTransport", Type: "Bool"},
	{Name: "aws:RequestedRegion", Type: "String"},
	{Name: "aws:PrincipalType", Type: "String"},
	{Name: "aws:userid", Type: "String"},
	{Name: "aws:PrincipalArn", Type: "ARN", When: "signed; of a session, its role's"},
	{Name: "aws:PrincipalAccount", Type: "String", When: "signed"},
	{Name: "aws:username", Type: "String", When: "by a user"},
	{Name: "aws:PrincipalIsAWSService", Type: "Bool"},
	{Name: "aws:PrincipalServiceName", Type: "String", When: "by an AWS service"},
	{Name: "aws:PrincipalServiceNamesList", Type: "String", Many: true, When: "by an AWS service"},
	{Name: "aws:PrincipalOrgID", Type: "String", When: "by a member of an organization"},
	{Name: "aws:PrincipalOrgPaths", Type: "String", Many: true, When: "by a member of an organization"},
	{Name: "aws:PrincipalTag/", Type: "String", When: "the user or role has the tag"},
	{Name: "aws:TokenIssueTime", Type: "Date", When: "with temporary credentials"},
	{Name: "aws:MultiFactorAuthPresent", Type: "Bool", When: "with temporary credentials"},
	{Name: "aws:MultiFactorAuthAge", Type: "Numeric", When: "with temporary credentials got with MFA"},
	{Name: "aws:FederatedProvider", Type: "String", When: "by a federated session"},
	{Name: "aws:Ec2InstanceSourceVpc", Type: "String", When: "with the credentials of an instance's role"},
	{Name: "aws:Ec2InstanceSourcePrivateIPv4", Type: "IPAddress", When: "with the credentials of an instance's role"},
	{Name: "ec2:SourceInstanceARN", Type: "ARN", When: "with the credentials of an instance's role"},
	{Name: "aws:SourceIp", Type: "IPAddress", When: "not through a VPC endpoint"},
	{Name: "aws:SourceVpc", Type: "String", When: "through a VPC endpoint"},
	{Name: "aws:SourceVpce", Type: "String", When: "through a VPC endpoint"},
	{Name: "aws:SourceVpcArn", Type: "ARN", When: "through a VPC endpoint"},
	{Name: "aws:VpcSourceIp", Type: "IPAddress", When: "through a VPC endpoint"},
	{Name: "aws:VpceAccount", Type: "String", When: "through a VPC endpoint"},
	{Name: "aws:VpceOrgID", Type: "String", When: "through an endpoint of an organization"},
	{Name: "aws:VpceOrgPaths", Type: "String", Many: true, When: "through an endpoint of an organization"},
	{Name: "aws:UserAgent", Type: "String", When: "the header User-Agent is there"},
	{Name: "aws:Referer", Type: "String", When: "the header Referer is there"},
	{Name: "aws:ViaAWSService", Type: "Bool"},
	{Name: "aws:CalledVia", Type: "String", Many: true, When: "by a service for somebody"},
	{Name: "aws:SourceArn", Type: "ARN", When: "by a service, for a resource"},
	{Name: "aws:SourceAccount", Type: "String", When: "by a service, for a resource"},
	{Name: "aws:SourceOrgID", Type: "String", When: "by a service, for a resource"},
	{Name: "aws:SourceOrgPaths", Type: "String", Many: true, When: "by a service, for a resource"},
	{Name: "aws:SourceIdentity", Type: "String", When: "the session has one"},
	{Name: "aws:ResourceAccount", Type: "String", When: "of a bucket or object"},
	{Name: "aws:ResourceOrgID", Type: "String", When: "the bucket's owner is in an organization"},
	{Name: "aws:ResourceOrgPaths", Type: "String", Many: true, When: "the bucket's owner is in an organization"},
	{Name: "aws:ResourceTag/", Type: "String", When: "the bucket has the tag and S3 is told to use it"},
	{Name: "aws:RequestTag/", Type: "String", When: "the request sets the tag of a bucket"},
	{Name: "aws:TagKeys", Type: "String", Many: true, When: "the request sets tags of a bucket"},

	{Name: "s3:authType", Type: "String"},
	{Name: "s3:signatureversion", Type: "String", When: "signed"},
	{Name: "s3:signatureAge", Type: "Numeric", When: "signed; in milliseconds"},
	{Name: "s3:TlsVersion", Type: "Numeric", When: "over TLS"},
	{Name: "s3:ResourceAccount", Type: "String", When: "of a bucket or object"},
	{Name: "s3:x-amz-content-sha256", Type: "String", When: "the header is there"},
	{Name: "s3:prefix", Type: "String", When: "of a listing"},
	{Name: "s3:delimiter", Type: "String", When: "of a listing"},
	{Name: "s3:max-keys", Type: "Numeric", When: "of a listing"},
	{Name: "s3:LocationConstraint", Type: "String", When: "of CreateBucket"},
	{Name: "s3:VersionId", Type: "String", When: "the request names a version"},
	{Name: "s3:ExistingObjectTag/", Type: "String", When: "the object has the tag"},
	{Name: "s3:RequestObjectTag/", Type: "String", When: "the request sets the object's tag"},
	{Name: "s3:RequestObjectTagKeys", Type: "String", Many: true, When: "the request sets the object's tags"},
	{Name: "s3:x-amz-acl", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-copy-source", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-grant-full-control", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-grant-read", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-grant-read-acp", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-grant-write", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-grant-write-acp", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-metadata-directive", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-object-ownership", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-server-side-encryption", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-server-side-encryption-aws-kms-key-id", Type: "ARN", When: "the header is there"},
	{Name: "s3:x-amz-server-side-encryption-customer-algorithm", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-storage-class", Type: "String", When: "the header is there"},
	{Name: "s3:x-amz-website-redirect-location", Type: "String", When: "the header is there"},
	{Name: "s3:object-lock-mode", Type: "String", When: "the request sets a lock"},
	{Name: "s3:object-lock-retain-until-date", Type: "Date", When: "the request sets a lock"},
	{Name: "s3:object-lock-remaining-retention-days", Type: "Numeric", When: "the request sets a lock"},
	{Name: "s3:object-lock-legal-hold", Type: "String", When: "the request sets a legal hold"},
	{Name: "s3:if-match", Type: "String", When: "the header is there"},
	{Name: "s3:if-none-match", Type: "String", When: "the header is there"},
	{Name: "s3:ObjectCreationOperation", Type: "Bool", When: "of PutObject and its like"},
	{Name: "s3:InventoryAccessibleOptionalFields", Type: "String", Many: true, When: "of an inventory"},
	{Name: "s3:AccessPointNetworkOrigin", Type: "String", When: "through an access point"},
	{Name: "s3:DataAccessPointAccount", Type: "String", When: "through an access point"},
	{Name: "s3:DataAccessPointArn", Type: "ARN", When: "through an access point"},
	{Name: "s3:AccessGrantsInstanceArn", Type: "ARN", When: "with S3 Access Grants"},
}

// FindKey returns the condition key of that name, in any case; "aws:PrincipalTag/team" is found as "aws:PrincipalTag/".
func FindKey(name string) (Key, bool) {
	tag := strings.IndexByte(name, '/') + 1
	i := slices.IndexFunc(Keys, func(k Key) bool {
		return strings.EqualFold(k.Name, name) || tag > 0 && len(name) > tag && strings.EqualFold(k.Name, name[:tag])
	})
	if i < 0 || strings.HasSuffix(name, "/") {
		return Key{}, false
	}
	return Keys[i], true
}

// SetPrincipal sets the keys that tell who asks: aws:PrincipalType, aws:userid, aws:PrincipalArn, aws:PrincipalAccount and, of a
// user, aws:username (IAM: reference_policies_variables, "principal key values"). userID is the unique id of the user (AIDA…), or
// of the session (AROA…:SESSION).
func (c Context) SetPrincipal(principal, role, userID string) {
	if principal == "" {
		c.Set("aws:PrincipalType", "Anonymous")
		c.Set("aws:userid", "anonymous")
		return
	}
	account := Account(principal)
	if account == "" {
		c.Set("aws:PrincipalIsAWSService", "true")
		c.Set("aws:PrincipalServiceName", principal)
		c.Set("aws:PrincipalServiceNamesList", principal)
		return
	}
	arn, kind := principal, "User"
	switch {
	case isRoot(principal):
		kind, userID = "Account", account
	case role != "":
		kind, arn = "AssumedRole", role
	default:
		c.Set("aws:username", principal[strings.LastIndexByte(principal, '/')+1:])
	}
	c.Set("aws:PrincipalType", kind)
	c.Set("aws:userid", userID)
	c.Set("aws:PrincipalArn", arn)
	c.Set("aws:PrincipalAccount", account)
}
