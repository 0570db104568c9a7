//! Which cluster to talk to.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use hyper_util::client::proxy::matcher::Matcher;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::runtime::Runtime;

use crate::adapter::CancellationToken;

#[derive(clap::Args, Debug)]
pub(super) struct ClusterArgs {
    /// The kubeconfig to use [default: $KUBECONFIG, ~/.kube/config, or the pod's service account]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// The kubeconfig's context [default: its current one]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl ClusterArgs {
    pub(super) async fn config(&self) -> Result<Config> {
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let mut config = match &self.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).with_context(|| format!("{}", path.display()))?;
                let config = Config::from_custom_kubeconfig(file, &options).await;
                config.with_context(|| format!("{}: cannot be used", path.display()))?
            }
            None if self.context.is_some() => Config::from_kubeconfig(&options).await?,
            None => Config::infer().await.context(
                "no cluster: name a kubeconfig with --kubeconfig or $KUBECONFIG, or run in a pod with a service account",
            )?,
        };
        config.default_retry = false;
        spare_from_proxy(&mut config);
        Ok(config)
    }
}

/// As for kubectl, and other than kube has it: what `NO_PROXY` names, and this very machine, is not reached through the proxy that the environment names.
fn spare_from_proxy(config: &mut Config) {
    let named = ["HTTPS_PROXY", "https_proxy"].map(|name| std::env::var(name).ok());
    let from_environment = named.into_iter().flatten().any(|text| text.parse().ok() == config.proxy_url);
    let host = config.cluster_url.host().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if from_environment && (here || Matcher::from_env().intercept(&config.cluster_url).is_none()) {
        config.proxy_url = None;
    }
}

/// A duration, in the notation of Go and some more.
pub(super) fn humane(text: &str) -> Result<Duration, String> {
    let parsed: Result<jiff::SignedDuration, _> = text.parse();
    let duration = parsed.ok().and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| format!("`{text}` is no duration; write it like 20s, 1m30s or 500ms"))
}

/// A token that SIGINT and SIGTERM cancel.
pub(super) fn stopped_by_signals() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    ctrlc::set_handler(move || stopper.cancel()).context("cannot listen for signals")?;
    Ok(stop)
}

/// A runtime for a command that waits for more than one thing.
pub(super) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot wait for I/O")
}

/// What the API server, or the way to it, had to say.
pub(super) fn plain(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.message.is_empty() => format!("{} {}", status.code, status.reason),
        kube::Error::Api(status) => format!("{} {}: {}", status.code, status.reason, status.message),
        other => format!("{:#}", anyhow::anyhow!("{other}")),
    }
}

/// Says what goes on, on standard error, as much as `RUST_LOG` asks for.
pub(super) fn log(default: &str) {
    use tracing_subscriber::EnvFilter;
    let wanted = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    // What the client has to say of a request that failed is said again by who sent it.
    let default = format!("{default},kube_client::client=off");
    let filter = EnvFilter::new(wanted.as_deref().unwrap_or(&default));
    // Where there is one already, that one has the say.
    _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .try_init();
}
