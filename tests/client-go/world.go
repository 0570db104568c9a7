// Package harness runs the real LeaderElector of k8s.io/client-go in virtual time (testing/synctest): every replica of a
// schedule with a LeaseLock of its own, over an API server that holds one Lease, and a network that does what the
// schedule says. What is seen is written in the format of the recordings in tests/data.
package harness

import (
	"context"
	"math/rand"
	"sort"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

type processKey struct{}

// world is one run.
type world struct {
	mu       sync.Mutex
	schedule Schedule
	start    time.Time
	events   []Event
	server   server
	requests uint32
	nodes    []*nodeState
	over     bool
	// The last to lead.
	leader *nodeState
	err    error
	group  sync.WaitGroup
}

// nodeState is a node over all its processes.
type nodeState struct {
	*Node
	process *process
	// How many processes it has had, how many requests they sent, how many terms they led.
	processes, sent, terms int
	leading                bool
	drawn                  uint32
}

// process is one process of a node.
type process struct {
	world  *world
	node   *Node
	state  *nodeState
	number int
	cancel context.CancelFunc
	// It was told to stop.
	cancelled bool
	// It crashed, or has ended.
	gone     bool
	killed   chan struct{}
	requests []*request
	// When the guarded work has stopped.
	workEnds int64
}

func (w *world) now() int64 { return time.Since(w.start).Nanoseconds() }

func (w *world) record(event Event) {
	event.T += w.now()
	if !w.over && event.T < w.schedule.End {
		w.events = append(w.events, event)
	}
}

// at does something at an instant of the run, with the world locked.
func (w *world) at(at int64, do func()) {
	time.AfterFunc(time.Duration(at-w.now()), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.over {
			do()
		}
	})
}

// Run runs a schedule to its end.
func Run(t *testing.T, schedule Schedule) (Recording, error) {
	var w *world
	synctest.Test(t, func(*testing.T) {
		// The elector's jitter is drawn from the global source: the same schedule gives the same run.
		rand.Seed(schedule.Seed)
		w = &world{schedule: schedule, start: time.Now(), events: []Event{}}
		w.mu.Lock()
		w.prepare()
		w.mu.Unlock()
		time.Sleep(time.Duration(schedule.End))
		w.mu.Lock()
		w.over = true
		for _, node := range w.nodes {
			if node.process != nil {
				node.process.end()
			}
		}
		w.mu.Unlock()
		w.group.Wait()
	})
	return w.recording(), w.err
}

func (w *world) prepare() {
	for i := range w.schedule.Nodes {
		node := &nodeState{Node: &w.schedule.Nodes[i]}
		w.nodes = append(w.nodes, node)
		w.at(node.Start, func() { w.startProcess(node, false) })
		if node.Cancel != nil {
			w.at(*node.Cancel, func() { w.terminate(node) })
		}
	}
	for _, deed := range w.schedule.Environment {
		w.at(deed.At, func() { w.edit(deed) })
	}
	for _, what := range w.schedule.Processes {
		node := w.node(what.Node)
		w.at(what.At, func() { w.befall(node, what.Do, what.NewIdentity) })
	}
	for i := range w.schedule.Faults {
		if at := w.schedule.Faults[i].At; len(at) > 0 {
			w.at(at[0], func() { w.faultBegins(i, nil, 0) })
		}
	}
}

func (w *world) node(id string) *nodeState {
	for _, node := range w.nodes {
		if node.ID == id {
			return node
		}
	}
	panic("there is no node " + id)
}

func (w *world) edit(deed Deed) {
	w.server.edit(deed)
	event := Event{Kind: "environment", Op: deed.Do, ResourceVersion: w.server.last}
	if deed.Do == "set_holder" {
		event.Holder = w.server.holder()
	}
	w.record(event)
}

func (w *world) befall(node *nodeState, do string, newIdentity bool) {
	switch do {
	case "crash":
		w.crash(node)
	case "terminate":
		w.terminate(node)
	case "start":
		w.startProcess(node, newIdentity)
	default:
		panic("unknown: " + do)
	}
}

func (w *world) startProcess(node *nodeState, newIdentity bool) {
	if node.process != nil {
		return
	}
	node.processes++
	identity := node.ID
	if node.Identity != nil {
		identity = *node.Identity
	}
	if newIdentity {
		identity += "-" + itoa(node.processes)
	}
	ctx := context.WithValue(context.Background(), processKey{}, node.processes)
	ctx, cancel := context.WithCancel(ctx)
	p := &process{world: w, node: node.Node, state: node, number: node.processes, cancel: cancel, killed: make(chan struct{})}
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: "default", Name: "election"},
			Client:     client{process: p},
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		},
		LeaseDuration:   time.Duration(node.LeaseDuration),
		RenewDeadline:   time.Duration(node.RenewDeadline),
		RetryPeriod:     time.Duration(node.RetryPeriod),
		ReleaseOnCancel: node.ReleaseOnCancel,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: p.work,
			OnStoppedLeading: func() {},
		},
		Name: node.ID,
	})
	if err != nil {
		w.err = err
		cancel()
		return
	}
	node.process = p
	w.occurred("started", node)
	w.group.Add(1)
	go func() {
		defer w.group.Done()
		elector.Run(ctx)
		cancel()
		w.mu.Lock()
		defer w.mu.Unlock()
		p.returned()
	}()
}

// work is the guarded work: it does nothing but stop when it is told to.
func (p *process) work(ctx context.Context) {
	w := p.world
	w.group.Add(1)
	defer w.group.Done()
	w.mu.Lock()
	if p.gone || w.over {
		w.mu.Unlock()
		return
	}
	w.record(Event{Node: p.node.ID, Kind: "started_leading"})
	p.state.terms++
	p.state.leading = true
	w.leader = p.state
	w.occurred("leading", p.state)
	w.mu.Unlock()

	<-ctx.Done()

	w.mu.Lock()
	defer w.mu.Unlock()
	if p.gone || w.over {
		return
	}
	w.record(Event{Node: p.node.ID, Kind: "stopped_leading"})
	p.workEnds = w.now() + draw(p.node.Drain, p.state.drawn)
	p.state.drawn++
	if p.workEnds == w.now() {
		p.workStopped()
		return
	}
	w.at(p.workEnds, p.workStopped)
}

func (p *process) workStopped() {
	if p.gone || !p.state.leading {
		return
	}
	p.state.leading = false
	p.world.occurred("stopped_leading", p.state)
}

// returned notes that the elector is done. The process ends when its work has stopped too.
func (p *process) returned() {
	w := p.world
	if p.gone || w.over {
		return
	}
	// One nanosecond late, as in the recordings of tests/data: it comes after all else of its instant.
	w.record(Event{T: 1, Node: p.node.ID, Kind: "returned"})
	w.at(max(p.workEnds, w.now()+1), func() {
		if !p.gone {
			p.workStopped()
			p.leave()
		}
	})
}

// leave ends a process for good, and has it started again where the schedule says so.
func (p *process) leave() {
	w, node := p.world, p.state
	led := node.leading
	p.end()
	node.process = nil
	node.leading = false
	if led {
		w.occurred("stopped_leading", node)
	}
	w.occurred("ended", node)
	if restart := node.Restart; restart != nil {
		at := w.now() + max(draw(restart.After, node.drawn), 1)
		node.drawn++
		w.at(at, func() { w.resolved(node, "start", restart.NewIdentity) })
	}
}

// end makes every goroutine of a process return.
func (p *process) end() {
	if !p.gone {
		p.gone = true
		close(p.killed)
		p.cancel()
	}
}

// crash makes a process vanish: nothing of it is seen any more.
func (w *world) crash(node *nodeState) {
	p := node.process
	if p == nil {
		return
	}
	for _, r := range p.requests {
		if r.abandoned = r.abandoned || !w.schedule.CrashKeepsRequests; !r.abandoned {
			// Nobody is left to give it up.
			r.deadline = never
		}
	}
	p.leave()
}

// terminate is SIGTERM.
func (w *world) terminate(node *nodeState) {
	if p := node.process; p != nil && !p.cancelled {
		p.cancelled = true
		p.cancel()
	}
}

// recording is what was seen, in order of time, without what the run itself has resolved.
func (w *world) recording() Recording {
	sort.SliceStable(w.events, func(a, b int) bool { return w.events[a].T < w.events[b].T })
	schedule := w.schedule
	schedule.Faults = nil
	for i := range schedule.Nodes {
		schedule.Nodes[i].Restart = nil
		schedule.Nodes[i].Drain = nil
	}
	return Recording{Schedule: schedule, Events: w.events, Elector: "client-go " + clientGo}
}
