//! The record as JSON in an annotation, as client-go wrote it before there were Leases.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::Content;
use super::carrier::Carrier;
use crate::core::WallTime;

const ANNOTATION: &str = "control-plane.alpha.kubernetes.io/leader";

/// What Go's encoder writes in another way. None of it occurs outside of strings.
const GO_ESCAPES: [(char, &str); 5] =
    [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];

/// The fields in client-go's order, all of them always present. `null` is how Go writes no time, and reads nothing at all.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<i32>,
    acquire_time: Option<String>,
    renew_time: Option<String>,
    leader_transitions: Option<i32>,
}

fn read(metadata: &ObjectMeta) -> Result<Content, String> {
    let written = metadata.annotations.as_ref().and_then(|annotations| annotations.get(ANNOTATION));
    let Some(text) = written else { return Ok(Content::default()) };
    let complain = |error: String| format!("annotation {ANNOTATION} is no record: {error}");
    let written: Written = serde_json::from_str(text).map_err(|error| complain(error.to_string()))?;
    let wall = |time: Option<String>| match time {
        None => Ok(WallTime::default()),
        Some(time) => time
            .parse::<Timestamp>()
            .map(|time| WallTime::from_micros(time.as_microsecond()))
            .map_err(|error| complain(error.to_string())),
    };
    Ok(Content {
        holder: written.holder_identity.unwrap_or_default(),
        duration_s: written.lease_duration_seconds.unwrap_or_default(),
        transitions: written.leader_transitions.unwrap_or_default(),
        acquired: wall(written.acquire_time)?,
        renewed: wall(written.renew_time)?,
    })
}

fn write(metadata: &mut ObjectMeta, content: &Content, fractions: bool) {
    let format = if fractions { "%Y-%m-%dT%H:%M:%S%.6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
    let time = |time: WallTime| {
        Timestamp::from_microsecond(time.as_micros()).ok().map(|time| time.strftime(format).to_string())
    };
    let written = Written {
        holder_identity: Some(content.holder.clone()),
        lease_duration_seconds: Some(content.duration_s),
        acquire_time: time(content.acquired),
        renew_time: time(content.renewed),
        leader_transitions: Some(content.transitions),
    };
    let text = serde_json::to_string(&written).expect("strings and numbers can be written");
    let text = GO_ESCAPES.iter().fold(text, |text, (plain, escaped)| text.replace(*plain, escaped));
    metadata.annotations.get_or_insert_default().insert(ANNOTATION.to_owned(), text);
}

macro_rules! carried_in_an_annotation {
    ($($kind:ty),*) => {$(
        impl Carrier for $kind {
            fn empty(metadata: ObjectMeta) -> Self {
                Self { metadata, ..Self::default() }
            }

            fn content(&self) -> Result<Content, String> {
                read(&self.metadata)
            }

            fn write(&mut self, content: &Content, fractions: bool) {
                write(&mut self.metadata, content, fractions);
            }
        }
    )*};
}

carried_in_an_annotation!(ConfigMap, Endpoints);

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kube-controller-manager of 1.13 left on its Endpoints.
    const OLD: &str = r#"{"holderIdentity":"a","leaseDurationSeconds":15,"acquireTime":"2019-03-01T10:00:00Z","renewTime":"2019-03-01T10:00:07Z","leaderTransitions":3}"#;

    #[test]
    fn what_client_go_wrote_is_written_back_to_the_letter() {
        let mut metadata = ObjectMeta::default();
        assert_eq!(read(&metadata), Ok(Content::default()));
        metadata.annotations.get_or_insert_default().insert(ANNOTATION.into(), OLD.into());
        let content = read(&metadata).unwrap();
        assert_eq!((content.holder.as_str(), content.duration_s, content.transitions), ("a", 15, 3));
        let mut again = ObjectMeta::default();
        write(&mut again, &content, false);
        assert_eq!(again.annotations.unwrap()[ANNOTATION], OLD);
    }

    /// What `resourcelock.New("configmaps", ...)` of client-go 0.23.17 left in the annotation for these records.
    const RECORDED: [(&str, i32, &str, &str, i32, &str); 3] = [
        (
            "a",
            15,
            "2026-11-28T10:00:00.999999Z",
            "2026-11-28T10:00:07.5Z",
            3,
            r#"{"holderIdentity":"a","leaseDurationSeconds":15,"acquireTime":"2026-11-28T10:00:00Z","renewTime":"2026-11-28T10:00:07Z","leaderTransitions":3}"#,
        ),
        (
            "",
            1,
            "2026-11-28T10:00:09Z",
            "2026-11-28T10:00:09Z",
            i32::MAX,
            r#"{"holderIdentity":"","leaseDurationSeconds":1,"acquireTime":"2026-11-28T10:00:09Z","renewTime":"2026-11-28T10:00:09Z","leaderTransitions":2147483647}"#,
        ),
        (
            "node<1>&\"x\\\u{2028}\u{2029}é\tend",
            60,
            "1999-01-02T03:04:05Z",
            "2026-11-28T12:00:09+02:00",
            0,
            r#"{"holderIdentity":"node\u003c1\u003e\u0026\"x\\\u2028\u2029é\tend","leaseDurationSeconds":60,"acquireTime":"1999-01-02T03:04:05Z","renewTime":"2026-11-28T10:00:09Z","leaderTransitions":0}"#,
        ),
    ];

    #[test]
    fn every_byte_is_as_client_go_wrote_it() {
        let wall = |text: &str| WallTime::from_micros(text.parse::<Timestamp>().unwrap().as_microsecond());
        for (holder, duration_s, acquired, renewed, transitions, expected) in RECORDED {
            let (acquired, renewed) = (wall(acquired), wall(renewed));
            let content = Content { holder: holder.into(), duration_s, transitions, acquired, renewed };
            let mut metadata = ObjectMeta::default();
            write(&mut metadata, &content, false);
            assert_eq!(metadata.annotations.as_ref().unwrap()[ANNOTATION], expected);
            assert_eq!(read(&metadata).unwrap().holder, holder);
        }
        // What Go leaves of a record with nothing in it, and what it reads as one.
        for nothing in [
            r#"{"holderIdentity":"","leaseDurationSeconds":0,"acquireTime":null,"renewTime":null,"leaderTransitions":0}"#,
            r#"{"holderIdentity":null,"leaseDurationSeconds":null,"acquireTime":null,"leaderTransitions":null,"new":1}"#,
        ] {
            let annotations = [(ANNOTATION.to_owned(), nothing.to_owned())].into();
            let metadata = ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() };
            assert_eq!(read(&metadata), Ok(Content::default()));
        }
    }

    #[test]
    fn fractions_survive_where_they_are_wanted() {
        let content = Content { renewed: WallTime::from_micros(1_500_000_000_000_042), ..Content::default() };
        for (fractions, back) in [(true, 1_500_000_000_000_042), (false, 1_500_000_000_000_000)] {
            let mut metadata = ObjectMeta::default();
            write(&mut metadata, &content, fractions);
            assert_eq!(read(&metadata).unwrap().renewed, WallTime::from_micros(back));
        }
    }

    #[test]
    fn rubbish_is_an_error_and_not_a_free_lock() {
        let mut metadata = ObjectMeta::default();
        metadata.annotations.get_or_insert_default().insert(ANNOTATION.into(), "{".into());
        assert!(read(&metadata).unwrap_err().contains(ANNOTATION));
    }
}
