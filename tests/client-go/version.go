package harness

import (
	"fmt"
	"runtime/debug"
)

// elector is what ran.
var elector = func() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, module := range info.Deps {
			if module.Path == "k8s.io/client-go" {
				return fmt.Sprintf("client-go %s", module.Version)
			}
		}
	}
	return "client-go"
}()
