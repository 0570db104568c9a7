//! What is sent, made from what was answered, with as little work as possible: the load shares the cores with the server.

use std::ops::Range;

/// How updates are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// PUT of the whole object as JSON, answered in JSON.
    Json,
    /// PUT of the whole object as protobuf, answered in protobuf: client-go's default.
    Protobuf,
    /// A merge patch of renewTime with the resourceVersion as a guard, answered in JSON.
    MergePatch,
}

impl Form {
    /// Method, Content-Type and Accept.
    pub(crate) const fn head(self) -> (&'static str, &'static str, &'static str) {
        const JSON: &str = "application/json";
        const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
        match self {
            Self::Json => ("PUT", JSON, JSON),
            Self::Protobuf => ("PUT", PROTOBUF, "application/vnd.kubernetes.protobuf,application/json"),
            Self::MergePatch => ("PATCH", "application/merge-patch+json", JSON),
        }
    }

    /// Writes the next update to `out`, given the last answer and a number that differs from the last one's.
    pub(crate) fn next(self, answer: &[u8], renewal: u64, out: &mut Vec<u8>) {
        let start = out.len();
        match self {
            Self::Json => {
                out.extend_from_slice(answer);
                let at = start + json_value(answer, RENEW_TIME).start;
                let time = moment(renewal);
                out[at..at + time.len()].copy_from_slice(&time);
            }
            Self::Protobuf => {
                out.extend_from_slice(answer);
                let spec = field(answer, object(answer), 2);
                let time = field(answer, spec, 4);
                // The nanoseconds come last, and all that are used have five bytes.
                write_varint(nanos(renewal), &mut out[start + time.end - 5..start + time.end]);
            }
            Self::MergePatch => {
                out.extend_from_slice(b"{\"metadata\":{\"resourceVersion\":\"");
                out.extend_from_slice(&answer[json_value(answer, REVISION)]);
                out.extend_from_slice(b"\"},\"spec\":{\"renewTime\":\"");
                out.extend_from_slice(&moment(renewal));
                out.extend_from_slice(b"\"}}");
            }
        }
    }

    /// The resourceVersion of an answer.
    pub(crate) fn revision(self, answer: &[u8]) -> u64 {
        let text = match self {
            Self::Protobuf => field(answer, field(answer, object(answer), 1), 6),
            Self::Json | Self::MergePatch => json_value(answer, REVISION),
        };
        std::str::from_utf8(&answer[text]).ok().and_then(|text| text.parse().ok()).expect("a resourceVersion")
    }
}

/// A Lease as it is created.
pub(crate) fn created(name: &str) -> String {
    format!(
        "{{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{{\"name\":\"{name}\",\"namespace\":\
         \"default\"}},\"spec\":{{\"holderIdentity\":\"controller-6f9c7d5b8-x2x9k_0b7f3c52-9d3e-4b0e-8d8e-6a4f1c2b3d4e\",\
         \"leaseDurationSeconds\":15,\"acquireTime\":\"2026-11-21T06:00:00.123456Z\",\"renewTime\":\"{}\",\
         \"leaseTransitions\":3}}}}",
        String::from_utf8_lossy(&moment(0))
    )
}

/// Such that the nanoseconds of a protobuf time always have five bytes.
const fn micros(renewal: u64) -> u64 {
    300_000 + renewal % 600_000
}

const fn nanos(renewal: u64) -> u64 {
    micros(renewal) * 1_000
}

fn moment(renewal: u64) -> [u8; 27] {
    let mut time = *b"2026-11-21T06:00:00.000000Z";
    let mut rest = micros(renewal);
    for digit in time[20..26].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    time
}

const RENEW_TIME: &[u8] = b"\"renewTime\":\"";
const REVISION: &[u8] = b"\"resourceVersion\":\"";

/// Where a string is, given its quoted name with colon and quote.
fn json_value(text: &[u8], name: &[u8]) -> Range<usize> {
    let at = memchr::memmem::find(text, name).expect("the field is there") + name.len();
    let length = memchr::memchr(b'"', &text[at..]).expect("the string ends");
    at..at + length
}

/// Where the object is in its envelope.
fn object(answer: &[u8]) -> Range<usize> {
    assert!(answer.starts_with(b"k8s\0"), "no protobuf");
    field(answer, 4..answer.len(), 2)
}

/// Where the contents of a field of bytes are, within a message.
fn field(bytes: &[u8], message: Range<usize>, wanted: u64) -> Range<usize> {
    let mut at = message.start;
    while at < message.end {
        let tag = read_varint(bytes, &mut at);
        let value = read_varint(bytes, &mut at);
        if tag & 7 == 2 {
            let end = at + usize::try_from(value).expect("it is in memory");
            if tag >> 3 == wanted {
                return at..end;
            }
            at = end;
        }
    }
    panic!("no field {wanted}");
}

fn read_varint(bytes: &[u8], at: &mut usize) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn write_varint(mut value: u64, out: &mut [u8]) {
    let last = out.len() - 1;
    for (index, byte) in out.iter_mut().enumerate() {
        *byte = (value & 0x7f) as u8 | if index < last { 0x80 } else { 0 };
        value >>= 7;
    }
}
