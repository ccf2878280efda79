//! Starting and stopping what is measured: the provider, nginx and Outlay, each on a port of its
//! own and with its files in the bench's folder.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::load::{self, Door};
use crate::process::succeed;

const START_WAIT_MAX: Duration = Duration::from_secs(20);
const STOP_WAIT_MAX: Duration = Duration::from_secs(15);
const CHAT_PATH: &str = "/v1/chat/completions";

/// A process that ends with this value.
#[derive(Debug)]
pub(super) struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Result<Running> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        Ok(Running(child))
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until calls are answered; gives the time that took.
    fn until_first_answer(&mut self, door: &Door, began: Instant) -> Result<Duration> {
        loop {
            let outcome = load::one_call(door);
            let took = began.elapsed();
            let Err(reason) = outcome else { return Ok(took) };
            if let Some(status) = self.0.try_wait()? {
                bail!("a program that was to be measured ended: {status}");
            }
            if took > START_WAIT_MAX {
                return Err(reason.context("no answer came after the start"));
            }
            thread::sleep(Duration::from_micros(100));
        }
    }
}

impl Drop for Running {
    /// Asks it to end, as a user would, so that nginx ends its worker and Outlay its calls.
    fn drop(&mut self) {
        let terminate = format!("kill -TERM {}", self.0.id());
        let _ = Command::new("sh").args(["-c", &terminate]).status();
        let asked = Instant::now();
        while asked.elapsed() < STOP_WAIT_MAX {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the fake provider: this same program in another process.
///
/// # Errors
/// When it does not start.
pub(super) fn provider() -> Result<(Running, Door)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", "provider"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = Running::start(&mut command)?;
    let mut line = String::new();
    let output = running.0.stdout.take().context("the provider has no output")?;
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim().parse().context("the provider named no address")?;
    Ok((running, Door::new(address, CHAT_PATH)))
}

/// nginx as a plain proxy with one worker.
#[derive(Debug)]
pub(super) struct Nginx {
    program: PathBuf,
    config: PathBuf,
    door: Door,
}

impl Nginx {
    /// Writes its configuration.
    ///
    /// # Errors
    /// When it is not installed, or the folder cannot be written.
    pub(super) fn new(folder: &Path, provider: SocketAddr) -> Result<Nginx> {
        let program = installed_nginx()?;
        let address = free_address()?;
        let config = folder.join("nginx.conf");
        let place = folder.display();
        let text = format!(
            "daemon off; worker_processes 1; pid {place}/nginx.pid; error_log stderr crit;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\n\
             access_log off; client_body_buffer_size 256k; keepalive_requests 1000000000;\n\
             client_body_temp_path {place}/nginx-body; proxy_temp_path {place}/nginx-proxy;\n\
             fastcgi_temp_path {place}/nginx-1; uwsgi_temp_path {place}/nginx-2;\n\
             scgi_temp_path {place}/nginx-3;\n\
             upstream provider {{\n\
             server {provider}; keepalive 128; keepalive_requests 1000000000;\n\
             }}\n\
             server {{\n\
             listen {address};\n\
             location / {{\n\
             proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection \"\";\n\
             proxy_buffering off;\n\
             }}\n\
             }}\n\
             }}\n"
        );
        fs::write(&config, text).with_context(|| format!("{place} cannot be written"))?;
        Ok(Nginx { program, config, door: Door::new(address, CHAT_PATH) })
    }

    /// Where it takes calls.
    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// Starts it; the time is that to the first answer.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start(&self) -> Result<(Running, Duration)> {
        let began = Instant::now();
        let mut command = Command::new(&self.program);
        let mut running = Running::start(command.arg("-c").arg(&self.config))?;
        let took = running.until_first_answer(&self.door, began)?;
        Ok((running, took))
    }

    /// Its version, as it calls it.
    ///
    /// # Errors
    /// When it does not run.
    pub(super) fn version(&self) -> Result<String> {
        let output = Command::new(&self.program).arg("-v").output()?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Ok(said.rsplit_once(": ").map_or(said.clone(), |(_, version)| version.to_owned()))
    }
}

fn installed_nginx() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps it where only root's PATH leads.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("nginx")).find(|file| file.is_file()).context(
        "nginx is the baseline of this bench and is not installed: on Debian and its kin \
         `sudo apt-get install nginx-light` installs it (it need not be running)",
    )
}

/// No notification pops up.
const CONFIG: &str = "timezone = \"UTC\"\n[notifications]\ndesktop = false\n";

/// Outlay with a data folder of its own.
#[derive(Debug)]
pub(super) struct Outlay {
    program: PathBuf,
    folder: PathBuf,
    provider: SocketAddr,
    door: Door,
}

impl Outlay {
    /// Makes the folder, with a configuration under which no notification pops up.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn new(program: &Path, folder: PathBuf, provider: SocketAddr) -> Result<Outlay> {
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(folder.join("outlay.toml"), CONFIG))
            .with_context(|| format!("{} cannot be written", folder.display()))?;
        let door = Door::new(free_address()?, format!("/p/bench/openai{CHAT_PATH}"));
        Ok(Outlay { program: program.to_owned(), folder, provider, door })
    }

    /// Has it run this line for what it tells.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub(super) fn notify_by(&self, command: &str) -> Result<()> {
        let file = self.folder.join("outlay.toml");
        fs::write(&file, format!("{CONFIG}command = {command:?}\n"))
            .with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Where it takes calls.
    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// Runs one of its commands, the arguments parted by spaces, without its output.
    ///
    /// # Errors
    /// When the command fails.
    pub(super) fn run(&self, arguments: &str) -> Result<()> {
        succeed(self.command(arguments).stdout(Stdio::null()))
    }

    /// What a command prints, parsed as JSON.
    ///
    /// # Errors
    /// When the command fails, or prints something else.
    pub(super) fn json(&self, arguments: &str) -> Result<serde_json::Value> {
        let output = self.command(arguments).stderr(Stdio::inherit()).output()?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`outlay {arguments}` printed no JSON"))
    }

    /// What its API asks for.
    ///
    /// # Errors
    /// Before its server has run.
    pub(super) fn token(&self) -> Result<String> {
        let file = self.folder.join("token");
        let token = fs::read_to_string(&file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        Ok(token.trim().to_owned())
    }

    /// Starts its server; the time is that to the first answer.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start(&self) -> Result<(Running, Duration)> {
        let began = Instant::now();
        let mut command = self.command(&format!("serve --listen {}", self.door.address));
        let mut running = Running::start(command.stdout(Stdio::null()))?;
        let took = running.until_first_answer(&self.door, began)?;
        Ok((running, took))
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments.split(' '))
            .env("OUTLAY_DATA_DIR", &self.folder)
            .env("OUTLAY_CONFIG", self.folder.join("outlay.toml"))
            .env("OUTLAY_UPSTREAM_OPENAI", format!("http://{}", self.provider));
        command
    }
}

/// An address that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port could be had")?;
    Ok(listener.local_addr()?)
}
