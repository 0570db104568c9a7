//! The record on a Lease.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::Content;
use super::carrier::Carrier;
use crate::core::WallTime;

impl Carrier for Lease {
    fn empty(metadata: ObjectMeta) -> Self {
        Self { metadata, spec: None }
    }

    fn content(&self) -> Result<Content, String> {
        let Some(spec) = &self.spec else { return Ok(Content::default()) };
        let wall = |time: &Option<MicroTime>| {
            time.as_ref().map_or(WallTime::default(), |time| WallTime::from_micros(time.0.as_microsecond()))
        };
        Ok(Content {
            holder: spec.holder_identity.clone().unwrap_or_default(),
            duration_s: spec.lease_duration_seconds.unwrap_or(0),
            transitions: spec.lease_transitions.unwrap_or(0),
            acquired: wall(&spec.acquire_time),
            renewed: wall(&spec.renew_time),
        })
    }

    fn write(&mut self, content: &Content, _fractions: bool) {
        let time = |time: WallTime| jiff::Timestamp::from_microsecond(time.as_micros()).ok().map(MicroTime);
        let spec = self.spec.get_or_insert_with(LeaseSpec::default);
        spec.holder_identity = Some(content.holder.clone());
        spec.lease_duration_seconds = Some(content.duration_s);
        spec.lease_transitions = Some(content.transitions);
        spec.acquire_time = time(content.acquired);
        spec.renew_time = time(content.renewed);
    }
}
