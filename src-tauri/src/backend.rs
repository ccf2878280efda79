//! What answers the window and the tray: the ledger, and the proxy unless one runs already.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::response::Html;
use chrono::Utc;
use outlay_core::ledger::{Ledger, Opening, Role};
use outlay_host::config::Config;
use outlay_host::folders::{Folders, Running};
use outlay_host::notify::Press;
use outlay_host::running;
use outlay_proxy::balance;
use outlay_proxy::{App, Changes, Clock, Server, api, upkeep};
use outlay_shell::machine::{Places, ThisMachine};
use outlay_shell::notifying::{self, Notifying};
use outlay_shell::settings;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::options::Options;
use crate::standing::Proxying;

/// Brings the window to the front.
pub(crate) type Show = Arc<dyn Fn() + Send + Sync>;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the window shows, and what runs behind it.
pub(crate) struct Backend {
    router: Mutex<Router>,
    notice: Option<String>,
    folders: Option<Folders>,
    work: Mutex<Work>,
}

/// What has to be ended.
#[derive(Default)]
struct Work {
    proxy: Option<Proxy>,
    notifying: Option<Notifying>,
}

/// A proxy that runs in this process.
struct Proxy {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    folders: Folders,
    running: Running,
}

impl Backend {
    /// Starts what can be started. Where nothing can, the window shows why.
    pub(crate) async fn start(options: &Options, show: Show) -> Backend {
        Backend::open(options, show).await.unwrap_or_else(|reason| {
            say(&format!("Outlay could not start: {reason}"));
            Backend {
                router: Mutex::new(failure_page(&reason.to_string())),
                notice: None,
                folders: None,
                work: Mutex::default(),
            }
        })
    }

    /// Answers the window's requests.
    pub(crate) fn router(&self) -> Router {
        self.router.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why this app meters no calls although none else does.
    pub(crate) fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// Who meters calls now: another process is asked, so this may block for a moment.
    pub(crate) fn proxying(&self) -> Proxying {
        let own = {
            let work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
            let alive = work.proxy.as_ref().filter(|proxy| !proxy.task.is_finished());
            alive.map(|proxy| proxy.running.address)
        };
        if let Some(address) = own {
            return Proxying::Here(running::reachable(address));
        }
        let other = self.folders.as_ref().and_then(|folders| running::find(folders).ok().flatten());
        other.map_or(Proxying::Nowhere, |other| {
            Proxying::Elsewhere(running::reachable(other.running().address))
        })
    }

    /// Lets running calls end, delivers what is still to be told, and closes the ledger.
    pub(crate) async fn stop(&self) {
        let work = std::mem::take(&mut *self.work.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(proxy) = work.proxy {
            proxy.stop().await;
        }
        drop(work.notifying);
        // Whoever asks from now on finds nothing; the last one to hold the ledger closes it.
        drop(std::mem::take(&mut *self.router.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    async fn open(options: &Options, show: Show) -> Result<Backend, Failure> {
        let folders = options.folders()?;
        let config = Config::load(&folders)?;
        let listen = options.listen.unwrap_or(config.listen);
        let mut told = settings::settings(&config, listen, folders.token()?)?;
        let variable = |name: &str| std::env::var(name).ok();
        let (sources, problems) = balance::sources(&told, &config.balances, variable)?;
        problems.iter().for_each(|problem| say(problem));
        // A stranger in a proxy's place is found out by trying to listen there.
        let other = running::find(&folders).ok().flatten();
        if let Some(other) = &other {
            told.listen = other.running().address;
        }
        let role = if other.is_some() { Role::Use } else { Role::Forward };
        let clock: Clock = Arc::new(Utc::now);
        let (changes, (alarm, woken)) = (Changes::new(), notifying::alarm());
        let (changed, wake) = (changes.callback(), alarm.clone());
        let changed = Arc::new(move || {
            changed();
            wake.wake();
        });
        let ledger = Ledger::open(folders.data(), Opening { role, now: clock(), changed })?;
        let press = Press {
            ledger: ledger.clone(),
            clock: Arc::clone(&clock),
            zone: told.timezone,
            open: show,
        };
        let woken = (alarm, woken);
        let notifying =
            Notifying::start(ledger.clone(), &config, Some(press), Arc::clone(&clock), woken)?;
        let watched = settings::watched(&folders, &config, sources);
        let upkeep = upkeep(ledger.clone(), watched, Arc::clone(&clock));
        let app = App::new(told, ledger.clone(), Arc::clone(&clock), changes)?;
        let named = (options.data_dir.is_some(), options.config.is_some());
        let places = Places { folders: folders.clone(), named };
        let machine = ThisMachine::new(places, config, ledger, clock, &notifying);
        app.give_machine(Arc::new(machine));
        let (proxy, notice) = match other {
            Some(other) => {
                say(&format!("a proxy runs already at {}: showing its ledger", other.base_url()));
                (None, None)
            }
            None => match Proxy::start(app.clone(), folders.clone(), upkeep).await {
                Ok(proxy) => (Some(proxy), None),
                Err(reason) => {
                    say(&format!("no calls are metered: {reason}"));
                    (None, Some(format!("No calls are metered: {reason}")))
                }
            },
        };
        let work = Work { proxy, notifying: Some(notifying) };
        let router = Mutex::new(api::desktop_router(app));
        Ok(Backend { router, notice, folders: Some(folders), work: Mutex::new(work) })
    }
}

impl Proxy {
    async fn start(
        app: App,
        folders: Folders,
        upkeep: impl Future<Output = ()> + Send + 'static,
    ) -> Result<Proxy, Failure> {
        let server = Server::bind(app).await?;
        let address = server.address();
        let running = Running {
            address,
            pid: std::process::id(),
            started_at: Utc::now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        folders.set_running(&running)?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let upkeep = tokio::spawn(upkeep);
            server
                .run(async {
                    // Also when the sender is gone, which is when the app is.
                    drop(stopped.await);
                })
                .await;
            upkeep.abort();
        });
        print(&format!("proxy http://{address}"));
        print(&format!("api http://{address}/api/v1"));
        print(&format!("dashboard http://{address}/"));
        Ok(Proxy { stop, task, folders, running })
    }

    async fn stop(self) {
        // Either fails only where the server has ended by itself.
        let _ = self.stop.send(());
        let _ = self.task.await;
        self.folders.clear_running(&self.running);
    }
}

/// One page that says what is wrong, whatever is asked for.
fn failure_page(reason: &str) -> Router {
    let reason = reason.replace('&', "&amp;").replace('<', "&lt;");
    let page = format!(
        "<!doctype html><meta charset=utf-8><title>Outlay</title>\
         <style>:root{{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}}\
         main{{max-width:40em;margin:12vh auto;padding:0 1.5em}}</style>\
         <main role=alert><h1>Outlay could not start</h1><p>{reason}</p>\
         <p>Quit Outlay from its icon in the tray, and start it again.</p></main>"
    );
    Router::new().fallback(move || async move { Html(page) })
}

/// On standard error, which may lead nowhere.
fn say(sentence: &str) {
    drop(writeln!(std::io::stderr(), "outlay-desktop: {sentence}"));
}

/// On standard output, which may lead nowhere.
fn print(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    fn options(folder: &std::path::Path, config: &str) -> Options {
        let file = folder.join("outlay.toml");
        std::fs::write(&file, config).unwrap();
        let data_dir = Some(folder.to_owned());
        Options { data_dir, config: Some(file), ..Options::default() }
    }

    async fn get(backend: &Backend, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = backend.router().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_first_runs_the_proxy_and_the_second_only_shows() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path(), "listen = \"127.0.0.1:0\"\n");
        let folders = options.folders().unwrap();
        let first = Backend::start(&options, Arc::new(|| {})).await;
        let running = folders.running().unwrap();
        let second = Backend::start(&options, Arc::new(|| {})).await;
        assert_eq!(folders.running().unwrap(), running);
        assert_eq!(first.proxying(), Proxying::Here(running.address));
        assert_eq!(second.proxying(), Proxying::Elsewhere(running.address));
        for backend in [&first, &second] {
            let (status, body) = get(backend, "/api/v1/status").await;
            assert_eq!(status, StatusCode::OK, "{body}");
            assert!(body.contains("\"today\""), "{body}");
            assert_eq!(backend.notice(), None);
        }
        second.stop().await;
        assert_eq!(folders.running().unwrap(), running);
        first.stop().await;
        assert_eq!(folders.running(), None);
        assert_eq!(second.proxying(), Proxying::Nowhere);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_port_that_is_taken_leaves_the_window() {
        let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = stranger.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let backend = Backend::start(
            &options(folder.path(), &format!("listen = \"{address}\"\n")),
            Arc::new(|| {}),
        )
        .await;
        let notice = backend.notice().unwrap().to_owned();
        assert!(notice.contains(&address.port().to_string()), "{notice}");
        assert_eq!(backend.proxying(), Proxying::Nowhere);
        assert_eq!(get(&backend, "/api/v1/status").await.0, StatusCode::OK);
        backend.stop().await;
    }

    #[tokio::test]
    async fn what_is_wrong_is_shown_in_the_window() {
        let folder = tempfile::tempdir().unwrap();
        let backend =
            Backend::start(&options(folder.path(), "lisen = \"<b>\"\n"), Arc::new(|| {})).await;
        let (_, page) = get(&backend, "/").await;
        assert!(page.contains("did you mean 'listen'?"), "{page}");
        assert!(!page.contains("<b>"), "{page}");
    }
}
