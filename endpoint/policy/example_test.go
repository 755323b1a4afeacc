package policy_test

import (
	"fmt"

	"vpcsim/endpoint/policy"
)

// An endpoint that lets one bucket pass, and what it says of a request for another.
func Example() {
	endpoint, err := policy.ParseEndpoint([]byte(`{
	  "Version": "2012-10-17",
	  "Statement": [{
	    "Effect": "Allow", "Principal": "*", "Action": "s3:*",
	    "Resource": ["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"]
	  }]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	operation, _ := policy.FindOperation("GetObject")
	request := &policy.Request{
		Principal: "arn:aws:iam::111122223333:user/ann",
		Action:    operation.Action,
		Resource:  operation.Resource.ARN("photos", "cat.jpg"),
		Context:   policy.Context{},
	}
	request.Context.SetPrincipal(request.Principal, "", "AIDAEXAMPLE")
	request.Context.Set("aws:SourceVpce", "vpce-1a2b3c4d")

	verdict := policy.Authorize(&policy.Policies{Endpoint: endpoint, Owner: "111122223333"}, request)
	fmt.Println(verdict.Message)
	for _, e := range endpoint.Explain(request) {
		fmt.Printf("%d:%d %s: %s\n", e.Line, e.Column, e.Path, e.Why)
	}

	_, err = policy.ParseEndpoint([]byte(`{"Statement": [{"Effect": "allow", "Action": "GetObject", "Resource": "reports"}]}`))
	fmt.Println(err)
	// Output:
	// User: arn:aws:iam::111122223333:user/ann is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::photos/cat.jpg" because no VPC endpoint policy allows the s3:GetObject action
	// 5:6 Statement[0].Resource: Resource: not about arn:aws:s3:::photos/cat.jpg
	// Statement[0]: has no Principal, which a VPC endpoint policy needs; write "Principal": "*" (1:16)
	// Statement[0].Effect: "allow" is no effect; write "Allow" or "Deny" (1:27)
	// Statement[0].Action: "GetObject" is no action; write "service:Action", as "s3:GetObject", or "*" (1:46)
	// Statement[0].Resource: "reports" is no ARN; write "arn:aws:s3:::BUCKET" for a bucket, "arn:aws:s3:::BUCKET/*" for its objects, or "*" (1:71)
}
