package endpoint

import (
	"context"
	"testing"
)

func TestOriginTravelsWithTheContext(t *testing.T) {
	for _, tc := range []struct {
		name   string
		origin Origin
		path   string
	}{
		{"the zero origin is the internet", Origin{}, "internet"},
		{"an endpoint is named by its id", Origin{VPC: "vpc-1", Endpoint: "vpce-2"}, "vpce-2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := FromContext(NewContext(context.Background(), tc.origin))
			if !ok || got != tc.origin || got.Path() != tc.path {
				t.Errorf("FromContext = %+v, %v, path %q; want %+v, true, path %q", got, ok, got.Path(), tc.origin, tc.path)
			}
		})
	}
}

func TestContextWithoutOriginIsNotTheInternet(t *testing.T) {
	if o, ok := FromContext(context.Background()); ok {
		t.Errorf("FromContext of an empty context = %+v, true; want false", o)
	}
}
