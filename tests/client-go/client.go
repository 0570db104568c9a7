package harness

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

// client is what the real LeaseLock talks to: the three calls that it makes, with the schedule's network in between.
type client struct {
	coordinationclient.LeaseInterface
	process *process
}

func (c client) Leases(string) coordinationclient.LeaseInterface { return c }

func (c client) Get(ctx context.Context, _ string, _ metav1.GetOptions) (*coordinationv1.Lease, error) {
	return c.process.do(ctx, get, nil)
}

func (c client) Create(ctx context.Context, lease *coordinationv1.Lease, _ metav1.CreateOptions) (*coordinationv1.Lease, error) {
	return c.process.do(ctx, create, lease)
}

func (c client) Update(ctx context.Context, lease *coordinationv1.Lease, _ metav1.UpdateOptions) (*coordinationv1.Lease, error) {
	if lease.Name == "" {
		// What the real client says, before it sends anything: LeaseLock holds such an object after a failed create.
		return &coordinationv1.Lease{}, errors.New("resource name may not be empty")
	}
	return c.process.do(ctx, update, lease)
}

// request is under way.
type request struct {
	op       string
	id       uint32
	lease    *coordinationv1.Lease
	deadline int64
	// The sender gave up; or has its answer, which stops no copy of the request that is still under way.
	abandoned, answered bool
	appliedAfterCancel  bool
	message             Message
	// The server answers 500 without applying it.
	fails         bool
	responseExtra int64
	answers       chan answer
}

type answer struct {
	lease *coordinationv1.Lease
	err   error
}

const never = int64(1) << 62

// do sends a request and waits for its answer, its own deadline or the end of its context. Failed calls return an empty
// object, as the real client's do.
func (p *process) do(ctx context.Context, op string, lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	w := p.world
	w.mu.Lock()
	now := w.now()
	if w.over || p.gone || p.ended(ctx, now) {
		w.mu.Unlock()
		return &coordinationv1.Lease{}, context.Canceled
	}
	w.requests++
	r := &request{op: op, id: w.requests, deadline: never, answers: make(chan answer, 4)}
	if lease != nil {
		r.lease = lease.DeepCopy()
	}
	if deadline, ok := ctx.Deadline(); ok {
		r.deadline = deadline.Sub(w.start).Nanoseconds()
	}
	timeout := (<-chan time.Time)(nil)
	if p.node.HTTPTimeout != nil {
		timer := time.NewTimer(time.Duration(*p.node.HTTPTimeout))
		defer timer.Stop()
		timeout = timer.C
		r.deadline = min(r.deadline, now+*p.node.HTTPTimeout)
	}
	w.record(Event{Node: p.node.ID, Kind: "send", Op: op, ID: r.id})
	p.requests = append(p.requests, r)
	w.transmit(p, r)
	w.mu.Unlock()

	var got answer
	var answered bool
	select {
	case got = <-r.answers:
		answered = true
	case <-ctx.Done():
	case <-timeout:
	case <-p.killed:
	}

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || p.gone {
		return &coordinationv1.Lease{}, context.Canceled
	}
	now = w.now()
	// A deadline comes first, whatever else happens at the same instant.
	if !answered || now >= r.deadline || p.ended(ctx, now) {
		r.abandoned = true
		w.record(Event{Node: p.node.ID, Kind: "done", Op: op, ID: r.id, Result: "timeout"})
		return &coordinationv1.Lease{}, context.DeadlineExceeded
	}
	r.answered = true
	w.record(Event{Node: p.node.ID, Kind: "done", Op: op, ID: r.id, Result: resultOf(got.err)})
	if got.err != nil {
		return &coordinationv1.Lease{}, got.err
	}
	return got.lease, nil
}

// ended says whether a context has ended by now, even if nobody has been told yet.
func (p *process) ended(ctx context.Context, now int64) bool {
	if ctx.Err() != nil {
		return true
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Sub(p.world.start).Nanoseconds() <= now {
		return true
	}
	return ctx.Value(processKey{}) != nil && p.cancelled
}

func resultOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case apierrors.IsNotFound(err):
		return "not_found"
	case apierrors.IsAlreadyExists(err):
		return "already_exists"
	case apierrors.IsConflict(err):
		return "conflict"
	case apierrors.IsForbidden(err):
		return "forbidden"
	case apierrors.IsInvalid(err):
		return "invalid"
	case apierrors.IsTooManyRequests(err):
		return "too_many_requests"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case apierrors.IsInternalError(err), apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err):
		return "server_error"
	default:
		panic(fmt.Sprintf("an error without a name: %v", err))
	}
}
