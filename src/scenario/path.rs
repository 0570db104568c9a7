//! Paths into a document: `timings.lease_duration`, `faults[0].at`, `expect.failover_s.p99`.

use std::fmt;

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a map.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// A way down from a document's top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

impl Path {
    pub(super) fn top() -> Self {
        Self::default()
    }

    /// This path and one key more.
    pub(super) fn key(&self, key: impl Into<String>) -> Self {
        self.then(Step::Key(key.into()))
    }

    /// This path and an index more.
    pub(super) fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    fn then(&self, step: Step) -> Self {
        let mut path = self.clone();
        path.0.push(step);
        path
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Parses dots and brackets. The names of measured figures have dots of their own, so
    /// all that follows `expect.` is one key.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if matches!(steps.last(), Some(Step::Key(key)) if key == "expect") {
                steps.push(Step::Key(rest.to_owned()));
                break;
            }
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            if key.is_empty() {
                return Err("a name is missing".to_owned());
            }
            steps.push(Step::Key(key.to_owned()));
            rest = after;
            while let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']').ok_or("a `]` is missing")?;
                let index = index.parse().map_err(|_| format!("`{index}` is not an index"))?;
                steps.push(Step::Index(index));
                rest = after;
            }
            if let Some(after) = rest.strip_prefix('.') {
                if after.is_empty() {
                    return Err("a name is missing after the last dot".to_owned());
                }
                rest = after;
            } else if !rest.is_empty() {
                return Err(format!("a dot is missing before `{rest}`"));
            }
        }
        if steps.is_empty() { Err("a name is missing".to_owned()) } else { Ok(Self(steps)) }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_written() {
        for text in ["seed", "timings.lease_duration", "faults[0].at", "settings[2].nodes.n1.drain"] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        let path = Path::parse("expect.failover_s.p99").unwrap();
        assert_eq!(path.steps()[1], Step::Key("failover_s.p99".to_owned()));
    }

    #[test]
    fn broken_paths_are_refused() {
        for text in ["", ".a", "a.", "a..b", "a[", "a[x]", "a[0]b", "[0]"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
