package topology

// DHCPOptionsSpec is a DHCP option set, as far as it is about names (aws-semantics 8.1: DHCPOptionSet).
type DHCPOptionsSpec struct {
	DomainName        string   `yaml:"domain_name" doc:"completes names without a dot; several with spaces between them (default: ec2.internal in us-east-1, elsewhere REGION.compute.internal)"`
	DomainNameServers []string `yaml:"domain_name_servers" doc:"addresses of up to four name servers, or AmazonProvidedDNS (default): the VPC's own resolver"`
}

// MetadataSpec is what the instance metadata service says of an instance, and to whom.
type MetadataSpec struct {
	Role           string `yaml:"role" doc:"name of the role whose temporary credentials programs in the instance find; none if left out"`
	MetadataTokens string `yaml:"metadata_tokens" doc:"optional (default, as AWS's for an image that does not ask for more): IMDSv1 and IMDSv2; required: IMDSv2 only" enum:"optional,required"`
	MetadataTags   string `yaml:"metadata_tags" doc:"enabled: the instance's Name tag is in its metadata (default disabled, as AWS)" enum:"disabled,enabled"`
	InstanceType   string `yaml:"instance_type" doc:"for the metadata alone (default t3.micro)"`
	ImageID        string `yaml:"image_id" doc:"AWS id, ami-…, for the metadata alone"`
}
