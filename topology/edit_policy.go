package topology

import "fmt"

// SetEndpointPolicy gives an endpoint another policy document; nil is AWS's default, which allows everything.
func (s *Spec) SetEndpointPolicy(vpc, name string, document any) error {
	vpc, name, err := s.find(endpointKind, vpc, name)
	if err != nil {
		return err
	}
	e := s.VPCs[vpc].Endpoints[name]
	e.Policy = document
	s.VPCs[vpc].Endpoints[name] = e
	return nil
}

// SetBucketPolicy gives a bucket another policy document, or none.
func (s *Spec) SetBucketPolicy(bucket string, document any) error {
	b, ok := s.S3.Buckets[bucket]
	if !ok {
		return fmt.Errorf("%s", noSuch("bucket", bucket, "the topology", sortedKeys(s.S3.Buckets)))
	}
	b.Policy = document
	s.S3.Buckets[bucket] = b
	return nil
}
