//! What a third party does to the Lease, where a scenario says so.

use smol_str::SmolStr;

use super::faults::Engine;
use crate::core::WallTime;
use crate::sim::plan::Edit;
use crate::store::{DeleteOptions, Field, Incoming, LeaseSpec, MapPatch, ObjectPath, Patch, Store};

const TOUCHED: &str = "leasehold/touched";

/// Does it to the Lease at `path`; `fault` names it where it comes again. What the store refuses has no effect.
pub(crate) fn edit(
    store: &mut Store,
    path: ObjectPath<'_>,
    edit: &Edit,
    fault: &SmolStr,
    engine: &Engine,
    now: WallTime,
) {
    match edit {
        Edit::Delete => delete(store, path, now),
        Edit::Recreate => {
            delete(store, path, now);
            create(store, path, now);
        }
        Edit::Create => create(store, path, now),
        Edit::Annotate => touch(store, path),
        Edit::SetHolder(_) | Edit::ClearHolder | Edit::SetDuration(_) | Edit::Restore => {
            let Ok(lease) = store.get::<LeaseSpec>(path) else { return };
            let mut object = Incoming::from(lease);
            match edit {
                Edit::SetHolder(holder) => object.spec.holder_identity = Some(holder.clone()),
                Edit::ClearHolder => object.spec.holder_identity = Some(SmolStr::default()),
                Edit::SetDuration(seconds) => object.spec.lease_duration_seconds = Some(*seconds),
                _ => object.spec = engine.saved(fault, &object.spec),
            }
            let _refused = store.update(path, object, now);
            // The editor leaves its mark: even an edit that changes nothing of the spec moves the resourceVersion.
            touch(store, path);
        }
    }
}

fn delete(store: &mut Store, path: ObjectPath<'_>, now: WallTime) {
    let _missing = store.delete::<LeaseSpec>(path, &DeleteOptions::default(), now);
}

fn create(store: &mut Store, path: ObjectPath<'_>, now: WallTime) {
    let _exists = store.create(path.namespace, Incoming::new(path.name, LeaseSpec::default()), now);
}

fn touch(store: &mut Store, path: ObjectPath<'_>) {
    let mark = smol_str::format_smolstr!("{}", store.revision());
    let mut patch = Patch::default();
    patch.meta.annotations = MapPatch(Field::Set(vec![(TOUCHED.into(), Some(mark))]));
    let _missing = store.patch::<LeaseSpec>(path, &patch);
}
