//! When somebody did something to a leader, from a file that whoever did it wrote.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::output::remark;
use crate::core::Span;

/// A file of lines `TIME CAUSE`, times as in RFC 3339. Lines that begin with # are skipped.
#[derive(Debug)]
pub(super) struct Causes {
    path: PathBuf,
    /// Those up to here have had their failover.
    used: Timestamp,
    complained: bool,
}

impl Causes {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, used: Timestamp::MIN, complained: false }
    }

    /// The last cause that lies in the `before` time before `now` or not much earlier, and how long ago it was: a leader is
    /// hit *after* its last renewal, except where that renewal was under way.
    pub(super) fn between(&mut self, now: Timestamp, before: Span) -> Option<(String, Span)> {
        let slack = SignedDuration::from_secs(1);
        let since = now - SignedDuration::from_nanos(i64::try_from(before.as_nanos()).ok()?) - slack;
        let text = std::fs::read_to_string(&self.path).unwrap_or_else(|error| {
            self.complain(&format!("{}: {error}", self.path.display()));
            String::new()
        });
        let mut last = None;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let (time, cause) = line.split_once(' ').unwrap_or((line, "unknown"));
            match time.parse::<Timestamp>() {
                Ok(time) if time > self.used && time >= since && time <= now => {
                    last = last.max(Some((time, cause.trim())));
                }
                Ok(_) => {}
                Err(_) if line.trim().is_empty() => {}
                Err(error) => {
                    self.complain(&format!(
                        "{}:{}: `{time}` is no time: {error}",
                        self.path.display(),
                        number + 1
                    ));
                }
            }
        }
        let (time, cause) = last?;
        self.used = time;
        let took = u64::try_from(now.duration_since(time).as_nanos()).ok()?;
        Some((cause.to_owned(), Span::from_nanos(took)))
    }

    fn complain(&mut self, text: &str) {
        if !std::mem::replace(&mut self.complained, true) {
            remark(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_has_one_failover() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "# what was done\n2026-01-01T00:00:02Z kill -9\n2026-01-01T00:01:00Z stop\n";
        std::fs::write(file.path(), text).unwrap();
        let mut causes = Causes::new(file.path().to_owned());
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let first = causes.between(time("2026-01-01T00:00:17.5Z"), Span::from_secs(17));
        assert_eq!(first, Some(("kill -9".to_owned(), Span::from_millis(15_500))));
        assert_eq!(causes.between(time("2026-01-01T00:00:18Z"), Span::from_secs(17)), None);
        // Long before the last renewal: not what ended that leader.
        assert_eq!(causes.between(time("2026-01-01T00:05:00Z"), Span::from_secs(17)), None);
        let second = causes.between(time("2026-01-01T00:01:10Z"), Span::from_secs(11));
        assert_eq!(second, Some(("stop".to_owned(), Span::from_secs(10))));
    }
}
