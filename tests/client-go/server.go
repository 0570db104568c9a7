package harness

import (
	"strconv"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

const (
	get    = "get"
	create = "create"
	update = "update"
)

var leases = schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}

// server holds the one Lease, with the API server's rules for it.
type server struct {
	lease    *coordinationv1.Lease
	revision uint64
	// The resourceVersion of the Lease's last state, also after its deletion.
	last uint64
	uids uint64
}

// apply decides on a request.
func (s *server) apply(op string, sent *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	const name = "election"
	switch op {
	case get:
		if s.lease == nil {
			return nil, apierrors.NewNotFound(leases, name)
		}
		return s.lease.DeepCopy(), nil
	case create:
		if duration := sent.Spec.LeaseDurationSeconds; duration != nil && *duration <= 0 {
			return nil, apierrors.NewInvalid(schema.GroupKind{Group: leases.Group, Kind: "Lease"}, name, nil)
		}
		if s.lease != nil {
			return nil, apierrors.NewAlreadyExists(leases, name)
		}
		s.uids++
		stored := stored(sent)
		stored.UID = types.UID(strconv.FormatUint(s.uids, 10))
		s.write(stored)
	default:
		if s.lease == nil || sent.UID != s.lease.UID || sent.ResourceVersion != s.lease.ResourceVersion {
			return nil, apierrors.NewConflict(leases, name, nil)
		}
		if duration := sent.Spec.LeaseDurationSeconds; duration != nil && *duration <= 0 {
			return nil, apierrors.NewInvalid(schema.GroupKind{Group: leases.Group, Kind: "Lease"}, name, nil)
		}
		s.write(stored(sent))
	}
	return s.lease.DeepCopy(), nil
}

func (s *server) write(lease *coordinationv1.Lease) {
	s.revision++
	s.last = s.revision
	lease.ResourceVersion = strconv.FormatUint(s.revision, 10)
	s.lease = lease
}

// stored is the object as it comes back from JSON: times cut to microseconds.
func stored(sent *coordinationv1.Lease) *coordinationv1.Lease {
	lease := sent.DeepCopy()
	for _, t := range []*metav1.MicroTime{lease.Spec.AcquireTime, lease.Spec.RenewTime} {
		if t != nil {
			t.Time = t.Time.Truncate(time.Microsecond)
		}
	}
	return lease
}

// edit does what a third party does. Edits move the resourceVersion even where they change nothing else.
func (s *server) edit(deed Deed) {
	if deed.Do == "delete" || deed.Do == "recreate" {
		if s.lease != nil {
			s.revision++
			s.lease = nil
		}
		if deed.Do == "delete" {
			return
		}
	}
	if deed.Do == "create" || deed.Do == "recreate" {
		if s.lease == nil {
			s.uids++
			uid := types.UID(strconv.FormatUint(s.uids, 10))
			s.write(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "election", UID: uid}})
		}
		return
	}
	if s.lease == nil {
		return
	}
	lease := s.lease.DeepCopy()
	switch deed.Do {
	case "set_holder":
		lease.Spec.HolderIdentity = &deed.Holder
	case "clear_holder":
		nobody := ""
		lease.Spec.HolderIdentity = &nobody
	case "set_duration":
		lease.Spec.LeaseDurationSeconds = &deed.Seconds
	case "annotate":
	default:
		panic("unknown deed " + deed.Do)
	}
	s.write(lease)
}

func (s *server) holder() string {
	if s.lease == nil || s.lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *s.lease.Spec.HolderIdentity
}

func (s *server) transitions() int32 {
	if s.lease == nil || s.lease.Spec.LeaseTransitions == nil {
		return 0
	}
	return *s.lease.Spec.LeaseTransitions
}
