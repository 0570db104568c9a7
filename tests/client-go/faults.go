package harness

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

// resolved does something to a node's process, and writes it down for the schedule of the recording.
func (w *world) resolved(node *nodeState, do string, newIdentity bool) {
	if (do == "start") != (node.process == nil) {
		// It runs already, though perhaps only because its work has not stopped yet, or it runs not.
		return
	}
	what := Process{Node: node.ID, At: w.now(), Do: do, NewIdentity: newIdentity}
	w.schedule.Processes = append(w.schedule.Processes, what)
	w.befall(node, do, newIdentity)
}

// occurred arms the faults that wait for this.
func (w *world) occurred(event string, node *nodeState) {
	for i := range w.schedule.Faults {
		fault := &w.schedule.Faults[i]
		when := fault.When
		if when == nil || when.Event != event || (when.Node != "" && when.Node != node.ID) {
			continue
		}
		w.arm(i, node)
	}
}

// faultOccurred arms the faults that wait for another fault.
func (w *world) faultOccurred(event string, of int) {
	for i := range w.schedule.Faults {
		if when := w.schedule.Faults[i].When; when != nil && when.Event == event && when.Fault == of {
			w.arm(i, nil)
		}
	}
}

func (w *world) arm(i int, node *nodeState) {
	fault := &w.schedule.Faults[i]
	fault.seen++
	if fault.seen < fault.When.Nth || fault.armed || fault.fired > 0 {
		return
	}
	fault.armed = true
	var term *nodeState
	number := 0
	if fault.When.Event == "leading" {
		term, number = node, node.terms
	}
	at := w.now() + fault.next(fault.When.After)
	w.at(at, func() { w.faultBegins(i, term, number) })
}

func (f *Fault) next(from []int64) int64 {
	f.draws++
	return draw(from, f.draws-1)
}

// faultBegins finds out whom a fault befalls, and writes down what it comes to.
func (w *world) faultBegins(i int, term *nodeState, number int) {
	fault := &w.schedule.Faults[i]
	fault.armed = false
	if term != nil && !(term.leading && term.terms == number) {
		// The term did not last: the next one counts.
		return
	}
	fault.fired++
	if len(fault.Every) > 0 && fault.fired < fault.Times {
		at := w.now() + max(fault.next(fault.Every), 1)
		w.at(at, func() { w.faultBegins(i, nil, 0) })
	}
	befallen := w.befallen(fault)
	until := int64(-1)
	if len(fault.Lasts) > 0 {
		until = w.now() + max(fault.next(fault.Lasts), 1)
	}
	switch fault.Do {
	case "edit":
		deed := *fault.Edit
		deed.At = w.now()
		w.schedule.Environment = append(w.schedule.Environment, deed)
		w.edit(deed)
	case "link":
		for _, node := range befallen {
			link := *fault.Link
			link.Node, link.From, link.To, link.Delays = node.ID, w.now(), until, nil
			if len(fault.Link.Delays) > 0 {
				link.Delay = fault.next(fault.Link.Delays)
			}
			if until < 0 {
				link.To = w.schedule.End
			}
			w.schedule.Links = append(w.schedule.Links, link)
		}
	case "down":
		window := Window{From: w.now(), To: until}
		if until < 0 {
			window.To = w.schedule.End
		}
		w.schedule.Down = append(w.schedule.Down, window)
	default:
		for _, node := range befallen {
			w.resolved(node, fault.Do, fault.NewIdentity)
		}
	}
	if until >= 0 {
		w.at(until, func() {
			if fault.Do == "crash" {
				for _, node := range befallen {
					w.resolved(node, "start", false)
				}
			}
			w.faultOccurred("fault_ended", i)
		})
	}
	w.faultOccurred("fault_began", i)
}

func (w *world) befallen(fault *Fault) []*nodeState {
	leader := w.leads()
	var nodes []*nodeState
	switch fault.Who {
	case "":
		for _, id := range fault.Nodes {
			nodes = append(nodes, w.node(id))
		}
	case "leader":
		if leader != nil {
			nodes = append(nodes, leader)
		}
	case "followers":
		for _, node := range w.nodes {
			if node != leader {
				nodes = append(nodes, node)
			}
		}
	case "follower":
		for _, id := range fault.Nodes {
			if node := w.node(id); node != leader {
				return []*nodeState{node}
			}
		}
	default:
		panic("unknown: " + fault.Who)
	}
	return nodes
}

// leads is whoever leads, the last to have begun if it is one of them; the last to lead if nobody does.
func (w *world) leads() *nodeState {
	if w.leader != nil && w.leader.leading {
		return w.leader
	}
	for _, node := range w.nodes {
		if node.leading {
			return node
		}
	}
	return w.leader
}
