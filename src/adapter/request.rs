//! A request in flight, and the translation between the core's numbers and the server's strings.

use futures_util::FutureExt as _;
use tracing::Instrument as _;

use super::lock::{Answer, Content, Lock, Named, Refusal, Seen};
use super::names::Names;
use crate::core::{Failure, LocalInstant, Op, Record, Reply, RequestId, Version};

pub(super) type Answered = Result<Seen, Refusal>;

/// Dropping it cancels it.
pub(super) struct InFlight {
    pub(super) id: RequestId,
    pub(super) sent: LocalInstant,
    /// Whether it writes this process's name.
    pub(super) holds: bool,
    reads: bool,
    answer: Answer,
}

impl InFlight {
    pub(super) fn send(lock: &dyn Lock, names: &Names, now: LocalInstant, id: RequestId, op: Op) -> Self {
        let (name, answer, written) = match op {
            Op::Get => ("get", lock.get(), None),
            Op::Create(record) => ("create", lock.create(content(names, &record)), Some(record)),
            Op::Update { record, expected } => {
                let expected = Named {
                    uid: names.uid_text(expected.uid).to_owned(),
                    resource_version: expected.resource_version.to_string(),
                };
                ("update", lock.update(content(names, &record), expected), Some(record))
            }
        };
        let answer = answer.instrument(tracing::debug_span!("lock_request", op = name)).boxed();
        let holds = written.is_some_and(|record| record.holder == Names::ME);
        Self { id, sent: now, holds, reads: written.is_none(), answer }
    }

    pub(super) async fn answer(&mut self) -> (RequestId, Answered) {
        (self.id, (&mut self.answer).await)
    }

    pub(super) fn reply(&self, seen: Seen, names: &mut Names) -> Result<Reply, Refusal> {
        let Ok(resource_version) = seen.version.resource_version.parse() else {
            let text = format!("resourceVersion `{}` is no number", seen.version.resource_version);
            return Err(Refusal { failure: Failure::ServerError, text });
        };
        let version = Version { uid: names.uid(&seen.version.uid), resource_version };
        if !self.reads {
            return Ok(Reply::Written { version });
        }
        let Content { holder, duration_s, transitions, acquired, renewed } = seen.content;
        let record = Record { holder: names.holder(&holder), duration_s, transitions, acquired, renewed };
        Ok(Reply::Read { record, version })
    }
}

fn content(names: &Names, record: &Record) -> Content {
    Content {
        holder: names.name(record.holder).to_owned(),
        duration_s: record.duration_s,
        transitions: record.transitions,
        acquired: record.acquired,
        renewed: record.renewed,
    }
}
