//! Endpoints of the core group, which older leader election used as a carrier of annotations.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::collection::Collection;
use super::field::{BadValue, FieldError, FieldProblem};
use super::metadata::{self, NameRule};
use super::object::Object;
use super::resource::{Kinds, Resource, ResourceInfo};
use super::tree::Tree;

/// A stored Endpoints object.
pub type Endpoints = Object<EndpointsSubsets>;

/// The contents of an Endpoints object: `subsets`, which the store does not look into but for validation.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub struct EndpointsSubsets(pub Option<Arc<Tree>>);

/// A merge patch of an Endpoints object's contents, of which there are none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct EndpointsPatch;

impl Resource for EndpointsSubsets {
    const INFO: &'static ResourceInfo = &ResourceInfo {
        group: "",
        version: "v1",
        kind: "Endpoints",
        plural: "endpoints",
        storage_prefix: "/registry/services/endpoints",
        allows_unconditional_update: true,
        allows_create_on_update: true,
        may_wait_for_collector: true,
    };

    type Patch = EndpointsPatch;

    fn validate(&self, errors: &mut Vec<FieldError>) {
        for (index, subset) in self.0.iter().flat_map(|subsets| subsets.items()).enumerate() {
            check_subset(subset, &format!("subsets[{index}]"), errors);
        }
    }

    fn validate_new(object: &Object<Self>, errors: &mut Vec<FieldError>) {
        metadata::check_new(&object.meta, NameRule::Subdomain, errors);
        metadata::check_known_finalizers(&object.meta.extra().finalizers, errors);
        object.spec.validate(errors);
    }

    fn validate_change(
        next: &Object<Self>,
        live: &Object<Self>,
        meta: &[FieldError],
        errors: &mut Vec<FieldError>,
    ) {
        errors.extend_from_slice(meta);
        let finalizers = &next.meta.extra().finalizers;
        metadata::check_known_finalizers(finalizers, errors);
        metadata::check_new(&next.meta, NameRule::Subdomain, errors);
        metadata::check_known_finalizers(finalizers, errors);
        // What was valid in older versions may stay.
        if next.spec != live.spec {
            next.spec.validate(errors);
        }
    }

    fn apply(&mut self, _patch: &EndpointsPatch) {}

    fn collection(kinds: &Kinds) -> &Collection<Self> {
        &kinds.endpoints
    }

    fn collection_mut(kinds: &mut Kinds) -> &mut Collection<Self> {
        &mut kinds.endpoints
    }
}

fn check_subset(subset: &Tree, path: &str, errors: &mut Vec<FieldError>) {
    let list = |name| subset.get(name).map(Tree::items).unwrap_or_default();
    if list("addresses").is_empty() && list("notReadyAddresses").is_empty() {
        errors.push(FieldError::required(path.to_owned(), "must specify `addresses` or `notReadyAddresses`"));
    }
    for name in ["addresses", "notReadyAddresses"] {
        for (index, address) in list(name).iter().enumerate() {
            check_address(address, &format!("{path}.{name}[{index}]"), errors);
        }
    }
    let ports = list("ports");
    for (index, port) in ports.iter().enumerate() {
        check_port(port, ports.len() > 1, &format!("{path}.ports[{index}]"), errors);
    }
}

fn check_address(address: &Tree, path: &str, errors: &mut Vec<FieldError>) {
    let ip = address.text_at(&["ip"]);
    let mut refuse = |detail| errors.push(FieldError::invalid_text(format!("{path}.ip"), ip, detail));
    let parsed = parse_ip(ip);
    match parsed {
        None => refuse("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
        Some(_) if ip.parse::<IpAddr>().is_err() => refuse("must not have leading 0s"),
        Some(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_some() => {
            refuse("must not be an IPv4-mapped IPv6 address");
        }
        Some(_) => {}
    }
    let hostname = address.text_at(&["hostname"]);
    if !hostname.is_empty() {
        metadata::check_label(format!("{path}.hostname"), hostname, errors);
    }
    if let Some(node) = address.get("nodeName").and_then(Tree::as_text) {
        metadata::check_subdomain(format!("{path}.nodeName"), node, errors);
    }
    let mut refuse = |detail: String| {
        errors.push(FieldError {
            detail: detail.into(),
            ..FieldError::invalid_text(format!("{path}.ip"), ip, "")
        });
    };
    let Some(parsed) = parsed.map(|ip| ip.to_canonical()) else {
        return refuse("must be a valid IP address".into());
    };
    if parsed.is_unspecified() {
        refuse(format!("may not be unspecified ({ip})"));
    }
    if parsed.is_loopback() {
        refuse("may not be in the loopback range (127.0.0.0/8, ::1/128)".into());
    }
    let (is_local, is_local_multicast) = match parsed {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] & 0xff0f == 0xff02),
    };
    if is_local {
        refuse("may not be in the link-local range (169.254.0.0/16, fe80::/10)".into());
    }
    if is_local_multicast {
        refuse("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)".into());
    }
}

/// An address as the server reads it, which does not mind zeros in front of the numbers.
fn parse_ip(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [a, b, c, d] = parts.as_slice() else { return None };
    let number = |part: &str| match part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => part.parse::<u8>().ok(),
        false => None,
    };
    Some(Ipv4Addr::new(number(a)?, number(b)?, number(c)?, number(d)?).into())
}

fn check_port(port: &Tree, needs_name: bool, path: &str, errors: &mut Vec<FieldError>) {
    let name = port.text_at(&["name"]);
    if needs_name && name.is_empty() {
        errors.push(FieldError::required(format!("{path}.name"), ""));
    } else if !name.is_empty() {
        metadata::check_label(format!("{path}.name"), name, errors);
    }
    let number = match port.get("port") {
        Some(Tree::Number(text)) => text.parse().unwrap_or(0),
        _ => 0,
    };
    if !(1..=65_535).contains(&number) {
        let detail = "must be between 1 and 65535, inclusive";
        errors.push(FieldError::invalid(format!("{path}.port"), BadValue::Number(number), detail));
    }
    let protocol = port.text_at(&["protocol"]);
    if !["TCP", "UDP", "SCTP"].contains(&protocol) {
        errors.push(FieldError {
            problem: FieldProblem::NotSupported,
            detail: "supported values: \"SCTP\", \"TCP\", \"UDP\"".into(),
            ..FieldError::invalid_text(format!("{path}.protocol"), protocol, "")
        });
    }
    if let Some(app) = port.get("appProtocol").and_then(Tree::as_text) {
        metadata::check_qualified(format!("{path}.appProtocol"), app, app, errors);
    }
}
