package harness

import (
	"errors"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

var errInternal = apierrors.NewInternalError(errors.New("the schedule says so"))

// transmit sends a request on its way, with what the links do to it now.
func (w *world) transmit(p *process, r *request) {
	node := p.node
	r.message = Message{Request: w.schedule.RequestLatency, Response: w.schedule.ResponseLatency}
	if n := len(node.Messages); n > 0 {
		r.message = node.Messages[p.state.sent%n]
	}
	p.state.sent++
	refused, extra := false, int64(0)
	for i := range w.schedule.Links {
		link := &w.schedule.Links[i]
		if !w.concerns(link, node.ID, r.op) {
			continue
		}
		onRequest := link.Leg != "response"
		// A request that hangs is answered once the fault is over: its response does not hang again.
		onResponse := link.Leg != "request" && !(link.Leg == "both" && link.Effect == "hang")
		more := int64(0)
		judgedLater := false
		switch link.Effect {
		case "delay":
			more = link.Delay
		case "hang":
			// Microseconds of its number are added so that no two arrive at one instant.
			more = link.To - w.now() + int64(r.id)*1000
		case "refuse":
			refused = true
		case "error":
			r.fails = true
		case "drop":
			r.message.Lost = r.message.Lost || onRequest
			judgedLater = !onRequest
		default:
			panic("unknown effect " + link.Effect)
		}
		if onRequest {
			extra += more
		}
		if onResponse {
			r.responseExtra += more
		}
		r.appliedAfterCancel = r.appliedAfterCancel || link.AppliedAfterCancel
		if !judgedLater {
			link.used++
		}
	}
	if refused || w.down() {
		r.answers <- answer{err: syscall.ECONNREFUSED}
		return
	}
	latency := r.message.Request + extra
	if r.message.Again != nil {
		time.AfterFunc(time.Duration(latency+*r.message.Again), func() { w.arrive(p, r) })
	}
	if !r.message.Lost {
		time.AfterFunc(time.Duration(latency), func() { w.arrive(p, r) })
	}
}

func (w *world) concerns(link *Link, node, op string) bool {
	now := w.now()
	return link.Node == node && link.From <= now && now < link.To &&
		(link.Verb == "" || link.Verb == op) && (link.Count == nil || link.used < *link.Count)
}

// arrive lets the server decide on a request, unless its sender has given up by now.
func (w *world) arrive(p *process, r *request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return
	}
	givenUp := r.abandoned || (!r.answered && r.deadline <= w.now())
	if givenUp && !r.appliedAfterCancel {
		return
	}
	if w.down() {
		w.answer(p, r, answer{err: syscall.ECONNREFUSED})
		return
	}
	var got answer
	fails := r.message.Error != "" && (r.op != get || !r.message.WritesOnly)
	switch {
	case r.fails:
		got.err = errInternal
	case fails:
		if r.message.Applied {
			// The outcome stays unknown to the client.
			_, _ = w.server.apply(r.op, r.lease)
		}
		switch r.message.Error {
		case "silence":
			return
		case "too_many_requests":
			got.err = apierrors.NewTooManyRequestsError("the schedule says so")
		case "forbidden":
			got.err = apierrors.NewForbidden(leases, "election", nil)
		default:
			got.err = errInternal
		}
	default:
		got.lease, got.err = w.server.apply(r.op, r.lease)
		w.record(Event{
			Node: p.node.ID, Kind: "commit", Op: r.op, ID: r.id, Result: resultOf(got.err),
			Holder: w.server.holder(), ResourceVersion: w.server.last, Transitions: w.server.transitions(),
		})
	}
	w.answer(p, r, got)
}

// down says whether the server refuses connections now.
func (w *world) down() bool {
	now := w.now()
	for _, window := range w.schedule.Down {
		if window.From <= now && now < window.To {
			return true
		}
	}
	return false
}

// answer sends a response on its way.
func (w *world) answer(p *process, r *request, got answer) {
	if w.responseLost(p, r) {
		return
	}
	time.AfterFunc(time.Duration(r.message.Response+r.responseExtra), func() {
		select {
		case r.answers <- got:
		default:
		}
	})
}

// responseLost says whether a response that leaves now is lost on its way.
func (w *world) responseLost(p *process, r *request) bool {
	lost := r.message.ResponseLost
	for i := range w.schedule.Links {
		link := &w.schedule.Links[i]
		if link.Effect != "drop" || link.Leg == "request" || !w.concerns(link, p.node.ID, r.op) {
			continue
		}
		if link.Leg == "response" {
			link.used++
		}
		lost = true
	}
	return lost
}
