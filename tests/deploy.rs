//! The manifests under `deploy/`: what they render to, and that the command takes the arguments they give it.
#![cfg(all(feature = "adapter", feature = "cli", target_os = "linux"))]

use std::io::Write as _;
use std::process::Command;

use serde_json::{Value, json};

/// What `kubectl kustomize` makes of `deploy/base`; nothing where there is no kubectl, and that is said.
fn rendered() -> Option<Vec<Value>> {
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/base");
    let Ok(output) = Command::new("kubectl").args(["kustomize", base]).output() else {
        _ = writeln!(std::io::stderr().lock(), "skipped: there is no kubectl here");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(serde_saphyr::from_multiple(&text).unwrap())
}

fn the<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let one = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "more than one {kind}");
    one
}

#[test]
fn the_role_gives_what_the_elector_needs_and_no_more() {
    let Some(objects) = rendered() else { return };
    assert_eq!(objects.len(), 4);
    let expected = json!([
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["leasehold-elect"], "verbs": ["get", "update"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    ]);
    assert_eq!(the(&objects, "Role")["rules"], expected);
    let account = &the(&objects, "ServiceAccount")["metadata"]["name"];
    let binding = the(&objects, "RoleBinding");
    assert_eq!(&binding["subjects"][0]["name"], account);
    assert_eq!(binding["roleRef"]["name"], the(&objects, "Role")["metadata"]["name"]);
    let deployment = &the(&objects, "Deployment")["spec"];
    assert_eq!(&deployment["template"]["spec"]["serviceAccountName"], account);
    assert_eq!(deployment["replicas"], 3);
}

#[test]
fn the_deployment_fits_the_command_and_the_role() {
    let Some(objects) = rendered() else { return };
    let pod = &the(&objects, "Deployment")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let args: Vec<&str> =
        container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    let lock = the(&objects, "Role")["rules"][0]["resourceNames"][0].as_str().unwrap();
    assert!(args.contains(&format!("--leader-elect-resource-name={lock}").as_str()));

    // The pod lives longer than the grace that the command is given.
    let grace = args.iter().find_map(|arg| arg.strip_prefix("--grace=")).unwrap();
    let grace: u64 = grace.trim_end_matches('s').parse().unwrap();
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > grace);

    // Every variable that is used is set, from the Downward API.
    for name in ["POD_NAME", "POD_NAMESPACE"] {
        let set = container["env"].as_array().unwrap().iter().find(|entry| entry["name"] == name);
        assert!(set.unwrap()["valueFrom"]["fieldRef"]["fieldPath"].is_string());
    }

    // The command understands its arguments: all that it misses is a cluster.
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_leasehold"))
        .args(
            args.iter()
                .map(|arg| arg.replace("$(POD_NAMESPACE)", "default").replace("0.0.0.0:8080", "127.0.0.1:0")),
        )
        .env_clear()
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("no cluster:"), "{error}");
}
