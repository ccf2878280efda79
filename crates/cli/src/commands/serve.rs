//! `outlay serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use outlay_host::config::{Config, parse_duration};
use outlay_host::{port, running, service};
use outlay_shell::machine;
use tokio::sync::oneshot;

use crate::failure::{Failure, Outcome};
use crate::listening::Listening;
use crate::output::Out;
use crate::proxy::{self, Mark, Proxy};
use crate::session::{Places, Session};
use crate::{spelling, tools};

/// Exit code of a process that a second Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Options of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay serve
  outlay serve --listen 4799             on that port of this machine
  outlay serve --any-port                on the next free port where 4780 is taken
  outlay serve --listen 127.0.0.1:0      on a free port, which it prints

outlay service install keeps one running.")]
pub(crate) struct Arguments {
    /// Where to listen [default: the configuration's, else 127.0.0.1:4780]
    #[arg(long, value_name = "ADDR", value_parser = port::parse_listen)]
    listen: Option<SocketAddr>,
    /// Listen on the next free port where that one is taken
    #[arg(long)]
    any_port: bool,
    /// Let other machines reach it, unencrypted, by the names under allowed_hosts
    #[arg(long)]
    expose: bool,
    /// How long running calls may take to end when it is stopped [default: 10s]
    #[arg(long, value_name = "D", value_parser = parse_duration)]
    drain: Option<Duration>,
    /// Near a limit, refuse what cannot be bounded, and hold what can at its bound
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(
    session: &mut Session,
    places: &Places,
    options: &Arguments,
    out: &mut Out,
) -> Outcome {
    let named = (places.data_dir.is_some(), places.config.is_some());
    let places = machine::Places { folders: session.folders.clone(), named };
    let machine = (places, session.config.clone());
    session.config.strict |= options.strict;
    proxy::log_to_stderr();
    let variables = std::env::vars_os().filter(|(_, value)| !value.is_empty());
    let variables = variables.filter_map(|(name, _)| name.into_string().ok());
    for note in spelling::upstream_variables(variables) {
        eprintln!("outlay: {note}");
    }
    let (listening, is_elsewhere) = listening(session, options)?;
    let runtime = proxy::runtime()?;
    runtime.block_on(serve(session, machine, (listening, is_elsewhere), out))?;
    Ok(ExitCode::SUCCESS)
}

/// Where it listens, and whether that is another port than the wanted one, which was taken.
fn listening(session: &Session, options: &Arguments) -> Result<(Listening, bool), Failure> {
    let listening = Listening {
        address: options.listen.unwrap_or(session.config.listen),
        socket: None,
        expose: options.expose,
        drain: options.drain,
    };
    let (listening, told) = match service::handed_over().map_err(Failure::Failed)? {
        Some(handed) => listening.with_socket(handed),
        None if options.any_port => listening.on_any_port()?,
        None => (listening, None),
    };
    let is_elsewhere = told.is_some();
    if let Some(told) = told {
        eprintln!("outlay: {told}");
    }
    if listening.expose && !listening.address.ip().is_loopback() {
        eprintln!(
            "outlay: other machines can reach {}: what they send, keys too, goes over the network unencrypted, and is answered only where it calls this one by a name under allowed_hosts",
            listening.address
        );
    }
    Ok((listening, options.any_port && is_elsewhere))
}

/// Has connected tools send their calls to `address`, unless another proxy of this ledger has them.
fn follow(session: &Session, address: SocketAddr, is_elsewhere: bool) {
    if other(session, address).is_some() {
        return;
    }
    let told = tools::follow(&session.folders, address, session.now);
    // The proxy is of use without them.
    let told = told.unwrap_or_else(|failure| vec![failure.to_string()]);
    told.iter().for_each(|told| eprintln!("outlay: {told}"));
    if is_elsewhere {
        eprintln!(
            "outlay: tools that were pointed at another address by hand are pointed here by: eval \"$(outlay env)\", or http://{address} in their settings."
        );
    }
}

/// Another proxy of this ledger. Who had this address before has handed it over, and cannot be asked.
fn other(session: &Session, address: SocketAddr) -> Option<running::Proxy> {
    session.folders.running().filter(|marked| marked.address != address)?;
    running::find(&session.folders).ok().flatten()
}

async fn serve(
    session: &Session,
    machine: (machine::Places, Config),
    (listening, is_elsewhere): (Listening, bool),
    out: &mut Out,
) -> Result<(), Failure> {
    let signal = shutdown_signal(session)?;
    // Whoever wants any port wants it once.
    let has_port_of_its_own = listening.address.port() != 0;
    let proxy = Proxy::start(session, listening, Some(machine)).await?;
    let address = proxy.address();
    // Not before it listens: tools would send their keys to whoever else does.
    if has_port_of_its_own {
        follow(session, address, is_elsewhere);
    }
    if let Some(other) = other(session, address) {
        eprintln!(
            "outlay: another proxy of this ledger answers at {}: both keep the same budgets, and the dashboard and new tools use this one as long as it runs",
            other.base_url()
        );
    }
    let mark = Mark::set(&session.folders, address)?;
    let keeping = tokio::spawn(Mark::keep(session.folders.clone(), mark.running().clone()));
    out.line(format!("proxy http://{address}"))?;
    out.line(format!("api http://{address}/api/v1"))?;
    out.line(format!("dashboard http://{address}/"))?;
    out.flush()?;
    service::announce_ready();
    proxy
        .run(async {
            // A sender that is gone is a signal that cannot come any more.
            drop(signal.await);
            service::announce_stopping();
        })
        .await;
    keeping.abort();
    if let Some(sentence) = tools::left_alone(&session.folders, address) {
        eprintln!("outlay: {sentence}");
    }
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
