//! Who this process is, and where it runs.

use std::path::Path;

/// The namespace of the pod that this process runs in: `POD_NAMESPACE` (set it by the Downward API) or else what its service account's files
/// tell, as client-go does.
#[must_use]
pub fn own_namespace() -> Option<String> {
    variable("POD_NAMESPACE")
        .or_else(|| namespace_in(Path::new("/var/run/secrets/kubernetes.io/serviceaccount/namespace")))
}

/// What an environment variable says, if it says anything.
fn variable(name: &str) -> Option<String> {
    let text = std::env::var(name).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn namespace_in(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// An identity that no other process has: `POD_NAME` (set it by the Downward API) or else the host name,
/// then an underscore and a UUID, as kube-controller-manager writes it.
#[must_use]
pub fn default_identity() -> String {
    let name = variable("POD_NAME").unwrap_or_else(host_name);
    format!("{}_{}", name.trim(), uuid::Uuid::new_v4())
}

#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_differ_and_name_the_host() {
        let (a, b) = (default_identity(), default_identity());
        assert_ne!(a, b);
        let (name, uuid) = a.rsplit_once('_').expect("a name and a UUID");
        assert!(!name.is_empty());
        assert_eq!(uuid.len(), 36);
    }

    #[test]
    fn a_namespace_is_read_without_its_line_feed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("namespace");
        assert_eq!(namespace_in(&file), None);
        std::fs::write(&file, "team-a\n").unwrap();
        assert_eq!(namespace_in(&file).as_deref(), Some("team-a"));
    }
}
