package harness

// Schedule says what the world does in a run. All times are nanoseconds since the run's start. It is the format of
// the recordings (src/replay/schedule.rs), and besides it says what a run itself must decide: see Fault.
type Schedule struct {
	Name               string    `json:"name"`
	About              string    `json:"about,omitempty"`
	End                int64     `json:"end_ns"`
	RequestLatency     int64     `json:"request_latency_ns"`
	ResponseLatency    int64     `json:"response_latency_ns"`
	CrashKeepsRequests bool      `json:"crash_keeps_requests,omitempty"`
	Nodes              []Node    `json:"nodes"`
	Links              []Link    `json:"links,omitempty"`
	Environment        []Deed    `json:"environment,omitempty"`
	Processes          []Process `json:"processes,omitempty"`
	Down               []Window  `json:"server_down,omitempty"`
	// Faults and Restart and Drain of nodes are resolved by the run: what they came to is written to Links,
	// Environment and Processes, and they are left out of the recording.
	Faults []Fault `json:"faults,omitempty"`
	// Seed is what the elector's jitter comes from.
	Seed int64 `json:"seed,omitempty"`
}

// Node is a replica.
type Node struct {
	ID              string    `json:"id"`
	Start           int64     `json:"start_ns"`
	Cancel          *int64    `json:"cancel_ns,omitempty"`
	ReleaseOnCancel bool      `json:"release_on_cancel"`
	LeaseDuration   int64     `json:"lease_duration_ns"`
	RenewDeadline   int64     `json:"renew_deadline_ns"`
	RetryPeriod     int64     `json:"retry_period_ns"`
	HTTPTimeout     *int64    `json:"http_timeout_ns,omitempty"`
	Identity        *string   `json:"identity,omitempty"`
	Messages        []Message `json:"messages,omitempty"`

	Restart *Restart `json:"restart,omitempty"`
	Drain   []int64  `json:"drain_ns,omitempty"`
}

// Message says how the network and the server treat a request. A node's requests take them in turn, over all its
// processes, and begin anew when there are no more.
type Message struct {
	Request      int64  `json:"request_ns"`
	Response     int64  `json:"response_ns"`
	Lost         bool   `json:"lost,omitempty"`
	ResponseLost bool   `json:"response_lost,omitempty"`
	Again        *int64 `json:"again_ns,omitempty"`
	// How the server fails it: internal, unavailable, gateway_timeout, too_many_requests, forbidden, silence.
	Error string `json:"error,omitempty"`
	// A failed write is applied all the same.
	Applied bool `json:"applied,omitempty"`
	// Only writes fail.
	WritesOnly bool `json:"writes_only,omitempty"`
}

// Restart starts a node's process again after its end.
type Restart struct {
	After       []int64 `json:"after_ns"`
	NewIdentity bool    `json:"new_identity,omitempty"`
}

// Link is an effect on the requests that a node sends in [From, To).
type Link struct {
	Node   string `json:"node"`
	From   int64  `json:"from_ns"`
	To     int64  `json:"to_ns"`
	Leg    string `json:"leg"`
	Effect string `json:"effect"`
	Delay  int64  `json:"delay_ns,omitempty"`
	// Of a fault's link: one is drawn for each window.
	Delays             []int64 `json:"delays_ns,omitempty"`
	Verb               string  `json:"verb,omitempty"`
	Count              *uint32 `json:"count,omitempty"`
	AppliedAfterCancel bool    `json:"applied_after_cancel,omitempty"`

	used uint32
}

// Window is a time in which the server refuses connections: requests that are sent, and those that reach it.
type Window struct {
	From int64 `json:"from_ns"`
	To   int64 `json:"to_ns"`
}

// Deed is what a third party does to the Lease.
type Deed struct {
	At      int64  `json:"at_ns"`
	Do      string `json:"do"`
	Holder  string `json:"holder,omitempty"`
	Seconds int32  `json:"seconds,omitempty"`
}

// Process is what happens to a node's process: crash, terminate or start.
type Process struct {
	Node        string `json:"node"`
	At          int64  `json:"at_ns"`
	Do          string `json:"do"`
	NewIdentity bool   `json:"new_identity,omitempty"`
}

// Fault is something that befalls whoever it turns out to befall, when the run has come to it. Draws are taken in
// turn, and begin anew when there are no more.
type Fault struct {
	At    []int64  `json:"at_ns,omitempty"`
	When  *When    `json:"when,omitempty"`
	Nodes []string `json:"nodes,omitempty"`
	// Who else: leader, followers, follower (the first of Nodes that does not lead).
	Who   string  `json:"who,omitempty"`
	Lasts []int64 `json:"lasts_ns,omitempty"`
	Every []int64 `json:"every_ns,omitempty"`
	Times uint32  `json:"times,omitempty"`
	// crash, terminate, start, link, edit, down
	Do          string `json:"do"`
	NewIdentity bool   `json:"new_identity,omitempty"`
	Link        *Link  `json:"link,omitempty"`
	Edit        *Deed  `json:"edit,omitempty"`

	seen, fired, draws uint32
	armed              bool
}

// When is an event that sets a fault off: leading, stopped_leading, started, ended, fault_began, fault_ended.
type When struct {
	Event string  `json:"event"`
	Node  string  `json:"node,omitempty"`
	Fault int     `json:"fault,omitempty"`
	Nth   uint32  `json:"nth"`
	After []int64 `json:"after_ns"`
}

// Event is what was seen.
type Event struct {
	T               int64  `json:"t_ns"`
	Node            string `json:"node,omitempty"`
	Kind            string `json:"kind"`
	Op              string `json:"op,omitempty"`
	ID              uint32 `json:"id,omitempty"`
	Result          string `json:"result,omitempty"`
	Holder          string `json:"holder,omitempty"`
	ResourceVersion uint64 `json:"resource_version,omitempty"`
	Transitions     int32  `json:"transitions,omitempty"`
}

// Recording is one run: the schedule as it came to be, and what was seen.
type Recording struct {
	Schedule Schedule `json:"schedule"`
	Events   []Event  `json:"events"`
	Elector  string   `json:"elector"`
}

func draw(from []int64, number uint32) int64 {
	if len(from) == 0 {
		return 0
	}
	return from[int(number)%len(from)]
}
