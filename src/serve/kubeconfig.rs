//! The file that tells clients where the server is and who they are.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::auth::Clients;
use super::base64;

/// One context a client, the first of them current.
pub(crate) fn write(address: SocketAddr, authority_pem: &str, clients: &Clients) -> String {
    let authority = base64::encode(authority_pem.as_bytes());
    let mut text = format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: leasehold\n  cluster:\n    server: https://{address}\n    \
         certificate-authority-data: {authority}\n"
    );
    let current = clients.all.first().map_or("", |client| client.name.as_str());
    text.push_str("users:\n");
    for client in &clients.all {
        let _infallible = write!(text, "- name: {0}\n  user:\n    token: {1}\n", client.name, client.token);
    }
    text.push_str("contexts:\n");
    for client in &clients.all {
        let name = &client.name;
        let _infallible = write!(
            text,
            "- name: {name}\n  context:\n    cluster: leasehold\n    user: {name}\n    namespace: default\n"
        );
    }
    let _infallible = writeln!(text, "current-context: {current}");
    text
}
