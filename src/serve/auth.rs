//! Who a request comes from: one bearer token a client.

use smol_str::SmolStr;
use subtle::ConstantTimeEq as _;
use tokio_rustls::rustls::crypto::ring::default_provider;

use super::base64;

/// A client, as faults know it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) name: SmolStr,
    pub(crate) token: String,
}

/// Everybody who may ask, and who may control.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) all: Vec<Client>,
    pub(crate) control: String,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A client, by index.
    Client(usize),
    /// Whoever switches faults.
    Control,
}

const TOKEN_BYTES: usize = 24;

impl Clients {
    /// Clients of these names with new tokens; `None` if there is no randomness to be had.
    pub(crate) fn new(names: &[SmolStr]) -> Option<Self> {
        let all: Option<Vec<_>> =
            names.iter().map(|name| Some(Client { name: name.clone(), token: token()? })).collect();
        Some(Self { all: all?, control: token()? })
    }

    /// Who has this `Authorization`. Every token is compared to its end, whatever was found before.
    pub(crate) fn identify(&self, authorization: &[u8]) -> Option<Caller> {
        let (scheme, token) = authorization.split_at_checked(7)?;
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return None;
        }
        let mut found = None;
        for (index, client) in self.all.iter().enumerate() {
            if bool::from(client.token.as_bytes().ct_eq(token)) {
                found = Some(Caller::Client(index));
            }
        }
        if bool::from(self.control.as_bytes().ct_eq(token)) {
            found = Some(Caller::Control);
        }
        found
    }
}

fn token() -> Option<String> {
    let mut bytes = [0; TOKEN_BYTES];
    default_provider().secure_random.fill(&mut bytes).ok()?;
    Some(base64::encode_url(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_identify() {
        let clients = Clients::new(&["a".into(), "b".into()]).unwrap();
        let ask = |text: String| clients.identify(text.as_bytes());
        assert_eq!(ask(format!("Bearer {}", clients.all[1].token)), Some(Caller::Client(1)));
        assert_eq!(ask(format!("bearer {}", clients.control)), Some(Caller::Control));
        assert_eq!(ask(format!("Bearer {}x", clients.control)), None);
        assert_eq!(ask(String::new()), None);
        assert_ne!(clients.all[0].token, clients.all[1].token);
    }
}
