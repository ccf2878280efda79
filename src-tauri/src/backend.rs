//! What answers the window and the tray: the ledger, and the proxy unless one runs already.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::response::Html;
use chrono::Utc;
use outlay_core::ledger::{Ledger, Opening, Role};
use outlay_host::config::Config;
use outlay_host::folders::{Folders, Running};
use outlay_host::notify::Press;
use outlay_host::{running, service};
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

/// The ledger in its folder.
const LEDGER: &str = "outlay.db";
/// Who installed the service wants it to meter calls: taking its port would keep it from coming back.
const SERVICE_ENDED: &str =
    "No calls are metered: the service has ended, and outlay service restart starts it again";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the window shows, and what runs behind it.
pub(crate) struct Backend {
    options: Options,
    show: Show,
    work: Mutex<Work>,
}

/// What answers and runs now; another one once this app has taken a proxy's place.
#[derive(Default)]
struct Work {
    router: Router,
    notice: Option<String>,
    folders: Option<Folders>,
    /// Where tools send their calls as long as another process meters them.
    elsewhere: Option<SocketAddr>,
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
        let work = Work::begin(options, &show, None).await.unwrap_or_else(|reason| {
            say(&format!("Outlay could not start: {reason}"));
            Work { router: failure_page(&reason.to_string()), ..Work::default() }
        });
        Backend { options: options.clone(), show, work: Mutex::new(work) }
    }

    /// Answers the window's requests.
    pub(crate) fn router(&self) -> Router {
        self.work().router.clone()
    }

    /// Why this app meters no calls although none else does.
    pub(crate) fn notice(&self) -> Option<String> {
        self.work().notice.clone()
    }

    /// Who meters calls now: another process is asked, so this may block for a moment.
    pub(crate) fn proxying(&self) -> Proxying {
        let folders = {
            let work = self.work();
            let alive = work.proxy.as_ref().filter(|proxy| !proxy.task.is_finished());
            if let Some(proxy) = alive {
                return Proxying::Here(running::reachable(proxy.running.address));
            }
            work.folders.clone()
        };
        let other = folders.and_then(|folders| running::find(&folders).ok().flatten());
        let Some(other) = other else { return Proxying::Nowhere };
        let address = other.running().address;
        let mut work = self.work();
        work.elsewhere = Some(address);
        // Whatever kept this app from metering calls is past.
        work.notice = None;
        Proxying::Elsewhere(running::reachable(address))
    }

    /// Meters calls from now on, in the place of a proxy that has gone: tools send theirs there. Where
    /// that cannot be, [`Backend::notice`] says why.
    pub(crate) async fn take_over(&self) {
        let (folders, place) = {
            let work = self.work();
            (work.folders.clone(), work.elsewhere)
        };
        // Without its ledger Outlay was uninstalled meanwhile.
        let Some(folders) = folders.filter(|folders| folders.data().join(LEDGER).exists()) else {
            return;
        };
        if service::state().file.is_some() {
            self.work().notice = Some(SERVICE_ENDED.to_owned());
            return;
        }
        let listen = || Config::load(&folders).ok().map(|config| config.listen);
        let place = place.or(self.options.listen).or_else(listen);
        if place.is_some_and(|address| TcpListener::bind(address).is_err()) {
            // Why it is taken was said when it was tried first, or a proxy is just coming back.
            return;
        }
        match Work::begin(&self.options, &self.show, place).await {
            Ok(new) => {
                let old = std::mem::replace(&mut *self.work(), new);
                old.end().await;
            }
            Err(reason) => {
                self.work().notice = Some(format!("No calls are metered: {reason}"));
            }
        }
    }

    /// Lets running calls end, delivers what is still to be told, and closes the ledger.
    pub(crate) async fn stop(&self) {
        // Whoever asks from now on finds nothing; the last one to hold the ledger closes it.
        let work = std::mem::take(&mut *self.work());
        work.end().await;
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    /// Opens the ledger; listens at `place`, else where it was told, unless another proxy does.
    async fn begin(
        options: &Options,
        show: &Show,
        place: Option<SocketAddr>,
    ) -> Result<Work, Failure> {
        let folders = options.folders()?;
        let config = Config::load(&folders)?;
        let listen = place.or(options.listen).unwrap_or(config.listen);
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
            open: Arc::clone(show),
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
        let mut work = Work {
            router: api::desktop_router(app.clone()),
            folders: Some(folders.clone()),
            elsewhere: other.as_ref().map(|other| other.running().address).or(place),
            notifying: Some(notifying),
            ..Work::default()
        };
        match other {
            Some(other) => {
                say(&format!("a proxy runs already at {}: showing its ledger", other.base_url()));
            }
            None => match Proxy::start(app, folders, upkeep).await {
                Ok(proxy) => work.proxy = Some(proxy),
                Err(reason) => {
                    work.notice = Some(format!("No calls are metered: {reason}"));
                    say(&format!("no calls are metered: {reason}"));
                }
            },
        }
        Ok(work)
    }

    async fn end(self) {
        if let Some(proxy) = self.proxy {
            proxy.stop().await;
        }
        drop(self.notifying);
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
    async fn a_proxy_that_ends_leaves_its_place_and_its_address() {
        let folder = tempfile::tempdir().unwrap();
        let options = options(folder.path(), "listen = \"127.0.0.1:0\"\n");
        let first = Backend::start(&options, Arc::new(|| {})).await;
        let Proxying::Here(address) = first.proxying() else { panic!("no proxy was started") };
        let second = Backend::start(&options, Arc::new(|| {})).await;
        // As long as it is there nothing is taken from it.
        second.take_over().await;
        assert_eq!(second.proxying(), Proxying::Elsewhere(address));
        first.stop().await;
        second.take_over().await;
        assert_eq!(second.proxying(), Proxying::Here(address));
        assert_eq!(get(&second, "/api/v1/status").await.0, StatusCode::OK);
        second.stop().await;

        // Uninstalled: nothing is made anew.
        let third = Backend::start(&options, Arc::new(|| {})).await;
        let Proxying::Here(address) = third.proxying() else { panic!("no proxy was started") };
        let onlooker = Backend::start(&options, Arc::new(|| {})).await;
        third.stop().await;
        options.folders().unwrap().remove_data().unwrap();
        onlooker.take_over().await;
        assert_eq!(onlooker.proxying(), Proxying::Nowhere);
        assert!(std::net::TcpStream::connect(address).is_err());
        onlooker.stop().await;
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
        let notice = backend.notice().unwrap();
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
