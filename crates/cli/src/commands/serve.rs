//! `outlay serve`.

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::sync::oneshot;

use crate::failure::{Failure, Outcome};
use crate::output::Out;
use crate::proxy::{self, Mark, Proxy};
use crate::session::Session;

/// Exit code of a process that a second Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Options of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay serve
  outlay serve --listen 127.0.0.1:0      on a free port, which it prints")]
pub(crate) struct Arguments {
    /// Where to listen [default: the configuration's, else 127.0.0.1:4780]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Near a limit, refuse what cannot be bounded, and hold what can at its bound
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(session: &mut Session, options: &Arguments, out: &mut Out) -> Outcome {
    session.config.strict |= options.strict;
    proxy::log_to_stderr();
    let runtime = proxy::runtime()?;
    runtime.block_on(serve(session, options, out))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(session: &Session, options: &Arguments, out: &mut Out) -> Result<(), Failure> {
    let listen = options.listen.unwrap_or(session.config.listen);
    let signal = shutdown_signal(session)?;
    let proxy = Proxy::start(session, listen).await?;
    let address = proxy.address();
    let mark = Mark::set(&session.folders, address)?;
    let keeping = tokio::spawn(Mark::keep(session.folders.clone(), mark.running().clone()));
    out.line(format!("proxy http://{address}"))?;
    out.line(format!("api http://{address}/api/v1"))?;
    out.line(format!("dashboard http://{address}/"))?;
    out.flush()?;
    proxy
        .run(async {
            // A sender that is gone is a signal that cannot come any more.
            drop(signal.await);
        })
        .await;
    keeping.abort();
    Ok(())
}

/// Resolves at the first Ctrl-C or SIGTERM; the second ends the process at once.
fn shutdown_signal(session: &Session) -> Result<oneshot::Receiver<()>, Failure> {
    let (sender, receiver) = oneshot::channel();
    let mut signals = Signals::new()
        .map_err(|error| Failure::Failed(format!("signals cannot be waited for: {error}")))?;
    let folders = session.folders.clone();
    tokio::spawn(async move {
        signals.next().await;
        // The receiver is gone where the server has not started or has ended.
        let _ = sender.send(());
        signals.next().await;
        if let Some(running) = folders.running().filter(|it| it.pid == std::process::id()) {
            folders.clear_running(&running);
        }
        std::process::exit(INTERRUPTED);
    });
    Ok(receiver)
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
