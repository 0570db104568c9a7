//! The names of what is measured.

use super::suggest::nearest;

const STATS: [&str; 9] = ["count", "min", "mean", "p50", "p90", "p95", "p99", "p999", "max"];
const VERBS: [&str; 3] = ["get", "create", "update"];
const RESULTS: [&str; 10] = [
    "ok",
    "not_found",
    "already_exists",
    "conflict",
    "forbidden",
    "invalid",
    "too_many_requests",
    "refused",
    "server_error",
    "timeout",
];
const PLAIN: [&str; 23] = [
    "runs",
    "runs_with_leader",
    "failovers",
    "leaderless_s.mean",
    "leaderless_s.max",
    "two_leaders_ms_max",
    "two_leaders_ms_min",
    "two_leaders_ms_mean",
    "two_leaders_longest_ms",
    "two_leaders_runs",
    "two_leaders_spans",
    "terms",
    "changes",
    "changes_without_cause",
    "requests",
    "requests_per_s",
    "writes_accepted",
    "stale_writes_accepted",
    "stale_writes_rejected",
    "transitions_max",
    "ignored_responses",
    "invariant_violations",
    "refused_settings",
];

/// Every name of a measured figure, without those of failovers by cause
/// (`failover_s.<cause>.<stat>`), of which there are as many as faults.
#[must_use]
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = PLAIN.iter().map(|&name| name.to_owned()).collect();
    names.extend(STATS.iter().map(|stat| format!("failover_s.{stat}")));
    for verb in VERBS {
        names.push(format!("requests.{verb}"));
        names.extend(RESULTS.iter().map(|result| format!("requests.{verb}.{result}")));
    }
    names
}

/// Whether there is a figure of this name; if not, what is wrong, and what is near.
pub(super) fn check(name: &str) -> Result<(), (String, String)> {
    if is_failover_by_cause(name) {
        return Ok(());
    }
    let names = names();
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    let message = format!("`{name}` is not a figure that is measured");
    let help = match nearest(name, names.iter().map(String::as_str)) {
        Some(known) => format!("did you mean `{known}`?"),
        None if name.starts_with("failover_s") => {
            format!(
                "write failover_s.<stat> or failover_s.<cause>.<stat>; a stat is one of {}",
                STATS.join(", ")
            )
        }
        None => format!(
            "known: refused, failover_s.<stat>, failover_s.<cause>.<stat>, requests.<verb>, \
             requests.<verb>.<result>, {}",
            PLAIN.join(", ")
        ),
    };
    Err((message, help))
}

fn is_failover_by_cause(name: &str) -> bool {
    let parts = name.strip_prefix("failover_s.").and_then(|rest| rest.rsplit_once('.'));
    parts.is_some_and(|(cause, stat)| !cause.is_empty() && STATS.contains(&stat))
}

/// The cause in `failover_s.<cause>.<stat>`.
pub(super) fn cause(name: &str) -> Option<&str> {
    let (cause, _) = name.strip_prefix("failover_s.")?.rsplit_once('.')?;
    Some(cause)
}

/// A regular expression for the names.
pub(super) fn pattern() -> String {
    let plain = PLAIN.join("|").replace('.', "\\.");
    format!(
        "^({plain}|failover_s\\.(.+\\.)?({})|requests\\.({})(\\.({}))?)$",
        STATS.join("|"),
        VERBS.join("|"),
        RESULTS.join("|")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_near_ones_suggested() {
        for name in names() {
            assert_eq!(check(&name), Ok(()));
        }
        assert_eq!(check("failover_s.crash.p99"), Ok(()));
        assert_eq!(check("two_leader_ms_max").unwrap_err().1, "did you mean `two_leaders_ms_max`?");
        assert!(check("failover_s.p42").is_err());
        assert!(check("nonsense").unwrap_err().1.starts_with("known: refused"));
    }
}
