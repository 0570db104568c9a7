// A minimal manager of controller-runtime with leader election, as its documentation has it. It appends a line to a file when its work
// begins and when it is told to stop, for tests/controller_runtime.rs to see who leads.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

type work struct {
	name string
	log  *os.File
}

func (w *work) NeedLeaderElection() bool { return true }

// One write of one line, so that lines of several processes do not mix. The time is the machine's monotonic clock, which all
// processes share.
func (w *work) note(what string) {
	var now unix.Timespec
	exitOn(unix.ClockGettime(unix.CLOCK_MONOTONIC, &now))
	fmt.Fprintf(w.log, "%s %s %d\n", what, w.name, now.Nano())
}

func (w *work) Start(ctx context.Context) error {
	w.note("start")
	<-ctx.Done()
	w.note("stop")
	return nil
}

func main() {
	var (
		name          = flag.String("name", "", "what the lines of the log say who leads")
		log           = flag.String("log", "", "the file that lines are appended to")
		kubeContext   = flag.String("context", "", "a context of the kubeconfig")
		release       = flag.Bool("release-on-cancel", false, "LeaderElectionReleaseOnCancel")
		leaseDuration = flag.Duration("lease-duration", 15*time.Second, "")
		renewDeadline = flag.Duration("renew-deadline", 10*time.Second, "")
		retryPeriod   = flag.Duration("retry-period", 2*time.Second, "")
	)
	kubeconfig := flag.Lookup("kubeconfig").Value.String
	flag.Parse()
	ctrl.SetLogger(klog.Background())

	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig()}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: *kubeContext}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	exitOn(err)
	file, err := os.OpenFile(*log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	exitOn(err)
	m, err := ctrl.NewManager(config, manager.Options{
		LeaderElection:                true,
		LeaderElectionID:              "controller",
		LeaderElectionNamespace:       "default",
		LeaderElectionReleaseOnCancel: *release,
		LeaseDuration:                 leaseDuration,
		RenewDeadline:                 renewDeadline,
		RetryPeriod:                   retryPeriod,
		Metrics:                       server.Options{BindAddress: "0"},
	})
	exitOn(err)
	exitOn(m.Add(&work{name: *name, log: file}))
	exitOn(m.Start(ctrl.SetupSignalHandler()))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
