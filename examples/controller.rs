//! A minimal controller: it does its work while it leads, gives the Lease up when it is told to end, and
//! contends again after a loss.
//!
//! ```console
//! $ cargo run --features adapter --example controller -- --leader-elect-resource-name=my-controller
//! ```

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use leasehold::adapter::{CancellationToken, LeaderElection, LeaderElectionArgs, Leadership};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    election: LeaderElectionArgs,
}

fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let cli = Cli::parse();
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    ctrlc::set_handler(move || stop.cancel())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&cli.election, shutdown))
}

async fn run(args: &LeaderElectionArgs, shutdown: CancellationToken) -> Result<(), Box<dyn Error>> {
    // Not a client but the settings of one: the elector makes its own, on its own thread.
    let config = kube::Config::infer().await?;
    let namespace = config.default_namespace.clone();
    let builder = args.apply(LeaderElection::builder(config), &namespace, "example-controller");
    let outcome = builder
        .contend_again(true)
        .grace(Duration::from_secs(5))
        .shutdown_on(shutdown)
        .on_new_leader(|leader| tracing::info!(leader, "somebody leads"))
        .run(reconcile_while_leading)
        .await?;
    tracing::info!(?outcome, "the end");
    Ok(())
}

/// One term. It returns when it is told to stop; if it did not, it would be dropped.
async fn reconcile_while_leading(leadership: Leadership) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            reason = leadership.lost() => {
                tracing::info!(?reason, "told to stop");
                return;
            }
            _ = every.tick() => {}
        }
        // Ask before every action, not once a term.
        if leadership.may_act() {
            tracing::info!(token = leadership.fencing_token(), "reconciling");
        }
    }
}
