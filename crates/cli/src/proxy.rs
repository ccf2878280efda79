//! A proxy in this process, for `serve` and for the lifetime of a `run`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use outlay_core::ledger::{Ledger, Opening, Role};
use outlay_host::config::Config;
use outlay_host::connect::Target;
use outlay_host::folders::{Folders, Running};
use outlay_host::notify::Press;
use outlay_host::running;
use outlay_proxy::balance::{self, Source};
use outlay_proxy::{App, Changes, Clock, Server, Settings, SettingsError, Watched, upkeep};
use outlay_shell as shell;
use outlay_shell::machine::{Places, ThisMachine};
use outlay_shell::notifying::{self, Notifying};
use tracing_subscriber::filter::{EnvFilter, FilterFn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::browser;
use crate::failure::Failure;
use crate::listening::Listening;
use crate::session::{self, Session};

/// How soon a proxy is found again once another of its ledger has ended.
const MARK_EVERY: Duration = Duration::from_secs(1);

/// A proxy that listens but does not answer yet.
#[derive(Debug)]
pub(crate) struct Proxy {
    server: Server,
    ledger: Ledger,
    /// What is looked at beside the calls.
    watched: Watched,
    // Delivers what is left when it is dropped.
    _notifying: Notifying,
}

/// A runtime of one thread: a call is mostly waiting, and handing it from thread to thread costs
/// more than all that is done for it. What takes long (a long body, a report) runs on threads of
/// its own.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("no threads can be had: {error}")))
}

/// Logs what `RUST_LOG` asks for to stderr, warnings by default. Of ours only: other crates may
/// log what nobody should keep.
pub(crate) fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let ours = FilterFn::new(|metadata| metadata.target().starts_with("outlay"));
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_filter(ours);
    // Only the first call counts.
    drop(tracing_subscriber::registry().with(filter).with(lines).try_init());
}

impl Proxy {
    /// Opens the ledger, settles what dead processes left running, and listens. With its places
    /// and the configuration as it is written down, its API answers for the machine too.
    pub(crate) async fn start(
        session: &Session,
        listening: Listening,
        machine: Option<(Places, Config)>,
    ) -> Result<Proxy, Failure> {
        let token = session.folders.token()?;
        let settings = settings(session, listening.address, token)?.with_expose(listening.expose);
        let (sources, problems) = sources(session, &settings)?;
        problems.iter().for_each(|problem| tracing::warn!("{problem}"));
        let watched = shell::settings::watched(&session.folders, &session.config, sources);
        let changes = Changes::new();
        let (alarm, woken) = notifying::alarm();
        let (notice, wake) = (changes.callback(), alarm.clone());
        let changed = Arc::new(move || {
            notice();
            wake.wake();
        });
        let opening = Opening { role: Role::Forward, now: Utc::now(), changed };
        let ledger = Ledger::open(session.folders.data(), opening)?;
        session::tell_upgrade(&ledger);
        ledger.recover(Utc::now()).await?;
        let clock: Clock = Arc::new(Utc::now);
        let app = App::new(settings, ledger.clone(), Arc::clone(&clock), changes)
            .map_err(Failure::failed)?;
        let server = listening.server(app.clone(), session).await?;
        let press = Press {
            ledger: ledger.clone(),
            clock: Arc::clone(&clock),
            zone: session.zone,
            open: opener(session.folders.clone()),
        };
        let (kept, config) = (ledger.clone(), &session.config);
        let notifying =
            Notifying::start(kept, config, Some(press), Arc::clone(&clock), (alarm, woken))
                .map_err(|error| Failure::Failed(format!("no thread can be had: {error}")))?;
        if let Some((places, written)) = machine {
            let machine = ThisMachine::new(places, written, ledger.clone(), clock, &notifying);
            app.give_machine(Arc::new(machine));
        }
        Ok(Proxy { server, ledger, watched, _notifying: notifying })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Answers until `shutdown` ends, then lets running calls end.
    pub(crate) async fn run(self, shutdown: impl Future<Output = ()>) {
        let Proxy { server, ledger, watched, _notifying } = self;
        let upkeep = tokio::spawn(upkeep(ledger, watched, Arc::new(Utc::now)));
        server.run(shutdown).await;
        upkeep.abort();
    }
}

/// The proxy's address for every provider that has one.
pub(crate) fn target(session: &Session, address: SocketAddr) -> Result<Target, Failure> {
    shell::settings::target(&session.config, address)
        .map_err(|error| misconfigured(session, &error))
}

/// Shows this proxy's dashboard in a browser.
fn opener(folders: Folders) -> Arc<dyn Fn() + Send + Sync> {
    Arc::new(move || {
        if let Err(reason) = browser::show(&folders) {
            tracing::warn!("the dashboard could not be opened: {reason}");
        }
    })
}

/// The mark by which commands find a proxy; gone with the value.
#[derive(Debug)]
pub(crate) struct Mark {
    folders: Folders,
    running: Running,
}

impl Mark {
    pub(crate) fn set(folders: &Folders, address: SocketAddr) -> Result<Mark, Failure> {
        let running = Running {
            address,
            pid: std::process::id(),
            started_at: Utc::now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        folders.set_running(&running)?;
        Ok(Mark { folders: folders.clone(), running })
    }

    /// Puts the mark back where a proxy that has ended took the place of this one.
    pub(crate) async fn keep(folders: Folders, running: Running) {
        loop {
            tokio::time::sleep(MARK_EVERY).await;
            let (places, own) = (folders.clone(), running.clone());
            let kept = tokio::task::spawn_blocking(move || {
                // One that was killed has left its mark behind.
                let is_ours = places.running().as_ref() == Some(&own);
                if !is_ours && matches!(running::find(&places), Ok(None)) {
                    drop(places.set_running(&own));
                }
            });
            drop(kept.await);
        }
    }

    pub(crate) fn running(&self) -> &Running {
        &self.running
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.folders.clear_running(&self.running);
    }
}

/// Who can be asked what is left, as configured and with the keys in the environment; and why others
/// cannot.
pub(crate) fn sources(
    session: &Session,
    settings: &Settings,
) -> Result<(Vec<Source>, Vec<String>), Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    balance::sources(settings, &session.config.balances, variable).map_err(Failure::Failed)
}

pub(crate) fn settings(
    session: &Session,
    listen: SocketAddr,
    token: String,
) -> Result<Settings, Failure> {
    shell::settings::settings(&session.config, listen, token)
        .map_err(|error| misconfigured(session, &error))
}

fn misconfigured(session: &Session, error: &SettingsError) -> Failure {
    Failure::Failed(format!("{}: {error}", session.folders.config().display()))
}
