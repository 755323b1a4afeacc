// The program puts an object with the AWS SDK for Go, lists its bucket, and prints the object, without any configuration but a region.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bucket string) error {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSRegion())
	if err != nil {
		return err
	}
	client := s3.NewFromConfig(cfg)
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("sdk"), Body: strings.NewReader("from the SDK")}); err != nil {
		return err
	}
	list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil {
		return err
	}
	for _, o := range list.Contents {
		fmt.Println(*o.Key, *o.Size)
	}
	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("sdk")})
	if err != nil {
		return err
	}
	defer object.Body.Close()
	_, err = io.Copy(os.Stdout, object.Body)
	return err
}
