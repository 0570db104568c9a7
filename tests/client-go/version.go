package harness

// clientGo is the version of k8s.io/client-go, set when the program is linked: a test binary does not know its modules.
//
//	go test -c -ldflags "-X leasehold.test/client-go.clientGo=$(go list -m -f '{{.Version}}' k8s.io/client-go)"
var clientGo string
