//! `leasehold serve`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use super::{Status, output};
use crate::scenario::Scenario;
use crate::serve::{Options, Server};
use crate::sim::Plan;

/// Serve Leases over HTTPS and HTTP as a Kubernetes API server does, for real clients
///
/// Every client has a name, a token and a context in the kubeconfig, so that faults can be aimed at one of them. Nothing
/// is kept when the server ends.
#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// Where to listen; port 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6443")]
    listen: SocketAddr,
    /// Allow an address that other machines can reach
    #[arg(long)]
    allow_remote: bool,
    /// A client's name; give it again for each one more [default: admin, n1, n2, n3]
    #[arg(long = "client", value_name = "NAME")]
    clients: Vec<String>,
    /// A scenario whose faults and links the clients meet, in real time; its replicas are the first clients
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Which of the scenario's settings [default: the first]
    #[arg(long, value_name = "NAME", requires = "scenario")]
    setting: Option<String>,
    /// What the faults' draws come from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Where to write the token that opens the control endpoint
    #[arg(long, value_name = "FILE")]
    control_token_out: Option<PathBuf>,
    /// Where to write a kubeconfig with a context for each client
    #[arg(long, value_name = "FILE")]
    kubeconfig_out: Option<PathBuf>,
}

pub(super) fn run(args: &ServeArgs) -> Result<Status> {
    // It only accepts connections and keeps the faults' time; the server's own threads do the rest.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(serve(args))
}

async fn serve(args: &ServeArgs) -> Result<Status> {
    let plan = args.scenario.as_deref().map(|path| plan(path, args.setting.as_deref())).transpose()?;
    let mut clients: Vec<String> =
        plan.iter().flat_map(|plan| &plan.nodes).map(|node| node.name.to_string()).collect();
    match (&plan, args.clients.is_empty()) {
        (None, true) => clients.extend(["admin", "n1", "n2", "n3"].map(str::to_owned)),
        (Some(_), true) => clients.push("admin".into()),
        _ => clients.extend(args.clients.iter().cloned()),
    }
    let mut options = Options::loopback(clients);
    options.threads = std::thread::available_parallelism().ok();
    options.plan = plan;
    options.seed = args.seed;
    options.listen = args.listen;
    options.allow_remote = args.allow_remote;
    let server = Server::bind(options).await.map_err(remedied)?;
    if let Some(path) = &args.kubeconfig_out {
        write_secret("--kubeconfig-out", path, &server.kubeconfig())?;
    }
    if let Some(path) = &args.control_token_out {
        write_secret("--control-token-out", path, server.control_token())?;
    }
    let stop = stop_signal()?;
    output::remark(format_args!("listening on https://{0} and http://{0}", server.address()));
    server.run(stop).await;
    Ok(Status::Ok)
}

/// The world of a scenario file.
fn plan(path: &Path, setting: Option<&str>) -> Result<Plan> {
    let prepared = Scenario::load(path, &[])?;
    let found = match setting {
        None => prepared.settings.first(),
        Some(name) => prepared.settings.iter().find(|setting| setting.name == name),
    };
    let Some(found) = found else {
        let known: Vec<_> = prepared.settings.iter().map(|setting| setting.name.as_str()).collect();
        bail!("--setting: {} has none of that name, but {}", path.display(), known.join(", "));
    };
    match found.plan() {
        Some(plan) => Ok(plan.clone()),
        None => bail!("--scenario: {}: {}", path.display(), found.refusal().unwrap_or("it cannot run")),
    }
}

fn remedied(error: crate::serve::Error) -> anyhow::Error {
    use crate::serve::Error;
    let remedy = match &error {
        Error::NotLoopback(_) => "--listen: use 127.0.0.1, or --allow-remote if that is meant",
        Error::Listen { .. } => "--listen: choose another address, or port 0 for any free one",
        Error::ClientName(_) | Error::TooManyClients(_) => "--client",
        Error::Scenario(_) => "--scenario",
        _ => return error.into(),
    };
    anyhow::Error::from(error).context(remedy)
}

/// The file holds tokens: nobody else may read it.
fn write_secret(option: &str, path: &Path, text: &str) -> Result<()> {
    output::write_private_file(path, text.as_bytes()).with_context(|| option.to_owned())
}

/// What tells the process to stop; listened to from here on, not only once it is waited for.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).context("signals cannot be listened to");
        let (mut terminate, mut interrupt) =
            (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        let _interrupted = tokio::signal::ctrl_c().await;
    })
}
