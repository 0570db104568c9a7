//! Writes that a leader which was paused cannot spoil: each carries the term's fencing token, and the store refuses those older than
//! the newest that it has seen.
//!
//! The store here is a ConfigMap, and the token an annotation on it: the resourceVersion makes the check and the write one step.
//! In a database it is a column and a `WHERE token <= $1`.
//!
//! ```console
//! $ cargo run --features adapter --example fenced_writes
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use leasehold::adapter::{LeaderElection, Leadership, Outcome};

const TOKEN: &str = "example/fencing-token";
const NAME: &str = "example-counter";

fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let config = kube::Config::infer().await?;
    let namespace = config.default_namespace.clone();
    let store = Store { api: Api::namespaced(Client::try_from(config.clone())?, &namespace) };
    let work = |leadership| count_to_ten(store.clone(), leadership);
    let election = LeaderElection::builder(config).lease(namespace, NAME).contend_again(true);
    match election.run(work).await? {
        Outcome::Finished(result) => Ok(result?),
        other => Err(format!("{other:?}").into()),
    }
}

async fn count_to_ten(store: Store, leadership: Leadership) -> Result<(), Refused> {
    for _ in 0..10 {
        // This saves a request that would be refused; the store is what makes it safe.
        if leadership.may_act() {
            let count = store.increment(leadership.fencing_token()).await?;
            tracing::info!(count, token = leadership.fencing_token(), "counted");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

#[derive(Debug)]
enum Refused {
    /// Somebody with a newer token was here: this term is over, whatever the clock says.
    Stale {
        newest: u64,
    },
    Api(kube::Error),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stale { newest } => write!(f, "refused: token {newest} was here before"),
            Self::Api(error) => error.fmt(f),
        }
    }
}

impl Error for Refused {}

impl From<kube::Error> for Refused {
    fn from(error: kube::Error) -> Self {
        Self::Api(error)
    }
}

#[derive(Clone)]
struct Store {
    api: Api<ConfigMap>,
}

impl Store {
    async fn increment(&self, token: u64) -> Result<u64, Refused> {
        let mut stored = self.read_or_create().await?;
        let annotations = stored.metadata.annotations.get_or_insert_default();
        let newest = annotations.get(TOKEN).and_then(|text| text.parse().ok()).unwrap_or(0);
        if token < newest {
            return Err(Refused::Stale { newest });
        }
        annotations.insert(TOKEN.to_owned(), token.to_string());
        let data = stored.data.get_or_insert_default();
        let count = data.get("count").and_then(|text| text.parse().ok()).unwrap_or(0) + 1_u64;
        data.insert("count".to_owned(), count.to_string());
        // With the resourceVersion that was read: a write by anybody in between is a conflict.
        self.api.replace(NAME, &PostParams::default(), &stored).await?;
        Ok(count)
    }

    async fn read_or_create(&self) -> Result<ConfigMap, kube::Error> {
        if let Some(stored) = self.api.get_opt(NAME).await? {
            return Ok(stored);
        }
        let metadata = ObjectMeta { name: Some(NAME.to_owned()), ..ObjectMeta::default() };
        let empty = ConfigMap { metadata, data: Some(BTreeMap::new()), ..ConfigMap::default() };
        self.api.create(&PostParams::default(), &empty).await
    }
}
