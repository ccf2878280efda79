//! `outlay run`: a tool with its base URLs pointed at the proxy.

use std::io::IsTerminal;
use std::net::Ipv4Addr;
use std::process::{ExitCode, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use outlay_core::ledger::{Ledger, LedgerError, Opening, Role};
use outlay_core::money::Money;
use outlay_core::report::{self, CallQuery, CallView};
use outlay_host::connect::{Connections, Tool};
use outlay_host::project;
use outlay_host::running::{self, RunningError};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

use crate::base_urls::{self, Attribution};
use crate::failure::{Failure, Outcome};
use crate::listening::Listening;
use crate::proxy::{self, Proxy};
use crate::session::Session;
use crate::{standing, words};

const ACTOR: &str = "cli";
/// How long to wait at the end for calls to be settled.
const SETTLE_MAX: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Options of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay run -- claude
  outlay run --project demo -- python train.py
  outlay run --max-cost 2 -- claude -p 'fix the tests'

The repository's branch becomes the tag 'branch' of its calls. At the end one line on stderr says
what they came to.")]
pub(crate) struct Arguments {
    /// Attribute the calls to this project [default: $OUTLAY_PROJECT, else the repository's name]
    #[arg(long)]
    project: Option<String>,
    /// Refuse the run's calls once they have cost so much, in US dollars
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    max_cost: Option<String>,
    /// The tool and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Which run it is: what its calls are told together by.
#[derive(Clone, Debug)]
struct Run {
    id: String,
    project: Option<String>,
    /// Of the repository that the tool works in.
    branch: Option<String>,
}

impl Run {
    fn attribution(&self) -> Attribution {
        Attribution {
            run: Some(self.id.clone()),
            tags: self.branch.clone().map(|branch| ("branch", branch)).into_iter().collect(),
            project: self.project.clone(),
        }
    }
}

/// What the run's calls came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Summary {
    calls: u64,
    input_tokens: i64,
    output_tokens: i64,
    cost: Money,
    refused: i64,
    unpriced: u64,
    running: u64,
}

pub(crate) fn run(session: &Session, options: &Arguments) -> Outcome {
    let runtime = proxy::runtime()?;
    let project = options
        .project
        .clone()
        .or_else(|| std::env::var("OUTLAY_PROJECT").ok())
        .or_else(|| project::of_folder(&std::env::current_dir().ok()?))
        .filter(|project| !project.is_empty());
    let branch = std::env::current_dir().ok().and_then(|folder| project::branch(&folder));
    let run = Run { id: new_id(), project, branch };
    say_where_settings_decide(session, options)?;
    let limit = options.max_cost.as_deref().map(|cost| Limit::set(session, &run, cost));
    let limit = limit.transpose()?;
    let outcome = runtime.block_on(run_tool(session, options, &run));
    let ledger = session.ledger()?;
    let summary = settled(&ledger, session.now, &run)?;
    if let Some(limit) = limit {
        limit.lift()?;
    }
    let status = outcome?;
    eprintln!("outlay: {}", sentence(&summary, options.max_cost.as_deref(), &run));
    Ok(exit_code(status))
}

/// Some tools read no address from their surroundings: only their settings send their calls here.
fn say_where_settings_decide(session: &Session, options: &Arguments) -> Result<(), Failure> {
    let tool = base_urls::tool(&options.command).and_then(|(_, name)| Tool::named(&name));
    let Some(tool) = tool.filter(|tool| matches!(tool, Tool::Pi | Tool::Cline)) else {
        return Ok(());
    };
    let (title, name) = (tool.title(), tool.name());
    let standings = Connections::new(&session.folders)?.list()?;
    let is_connected = standings.iter().any(|known| known.tool == tool && known.is_connected);
    let sentence = past_the_run(title, name, is_connected, options.max_cost.is_some());
    eprintln!("outlay: {sentence}");
    Ok(())
}

/// What is to be known of a tool whose calls are not this run's.
fn past_the_run(title: &str, name: &str, is_connected: bool, is_limited: bool) -> String {
    let consequence = match (is_connected, is_limited) {
        (true, false) => "its calls are counted, but not as this run's".to_owned(),
        (true, true) => {
            "its calls are counted, but not as this run's, so --max-cost does not hold for them: outlay budget set does".to_owned()
        }
        (false, false) => {
            format!("for its calls to be counted, run outlay connect {name} first")
        }
        (false, true) => format!(
            "--max-cost does not hold for its calls; run outlay connect {name}, and a budget (outlay budget set) does"
        ),
    };
    format!("{title} takes its address from its settings: {consequence}")
}

/// A name for the run that no other has.
fn new_id() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    id.get(..12).unwrap_or(&id).to_owned()
}

/// The hard budget of the run. As long as this process lives, others leave it alone.
struct Limit {
    ledger: Ledger,
    budget: String,
}

impl Limit {
    fn set(session: &Session, run: &Run, max_cost: &str) -> Result<Limit, Failure> {
        let opening = Opening { role: Role::Forward, now: session.now, changed: Arc::new(|| {}) };
        let ledger = Ledger::open(session.folders.data(), opening)?;
        let limit =
            ledger.limit_run(run.id.clone(), max_cost.to_owned(), ACTOR, session.now, session.zone);
        let budget = limit.wait()?.name;
        if let Some(bypass) = report::bypass(&ledger, session.now)? {
            let sentence = standing::bypass(&bypass, session.now, session.zone);
            eprintln!("outlay: --max-cost refuses nothing yet: {sentence}");
        }
        Ok(Limit { ledger, budget })
    }

    fn lift(self) -> Result<(), Failure> {
        match self.ledger.remove_budget(self.budget, ACTOR, Utc::now()).wait() {
            // Somebody removed it while the tool ran.
            Ok(_) | Err(LedgerError::NotFound(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

async fn run_tool(
    session: &Session,
    options: &Arguments,
    run: &Run,
) -> Result<ExitStatus, Failure> {
    let found = match running::find(&session.folders) {
        // A stranger where a proxy once was: it is told nothing, and a proxy of our own is started.
        Err(RunningError::Stranger { .. }) => None,
        found => found?,
    };
    if let Some(proxy) = found {
        return tool(options, &proxy.base_url(), run).await;
    }
    proxy::log_to_stderr();
    // A port of its own, and no mark: others should not come to rely on a proxy that ends with
    // this tool.
    let listening = Listening::on((Ipv4Addr::LOCALHOST, 0).into());
    let proxy = Proxy::start(session, listening, None).await?;
    let base = format!("http://{}", proxy.address());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(proxy.run(async {
        drop(stopped.await);
    }));
    let outcome = tool(options, &base, run).await;
    drop(stop);
    // It has settled everything when it ends.
    drop(serving.await);
    outcome
}

async fn tool(options: &Arguments, base: &str, run: &Run) -> Result<ExitStatus, Failure> {
    let base = &run.attribution().base(base);
    let words = base_urls::command(&options.command, base);
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::misused("there is no command to run: outlay run -- CMD"));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    command.envs(base_urls::variables(base));
    command.envs(base_urls::no_proxy(|name| std::env::var(name).ok()));
    if let Some(project) = &run.project {
        command.env("OUTLAY_PROJECT", project);
    }
    let child = command.spawn().map_err(|error| {
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "no program of that name is on the PATH".to_owned(),
            _ => error.to_string(),
        };
        Failure::Failed(format!("'{program}' cannot be started: {reason}"))
    })?;
    wait(child).await.map_err(|error| Failure::Failed(format!("'{program}' was lost: {error}")))
}

/// Waits for the tool, and hands it the signals that this process gets.
#[cfg(unix)]
async fn wait(mut child: Child) -> std::io::Result<ExitStatus> {
    use rustix::process::{Pid, Signal, kill_process};
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let pass_on = |signal: Signal| {
        // A tool that has just ended cannot be told any more.
        let _ = pid.map(|pid| kill_process(pid, signal));
    };
    loop {
        tokio::select! {
            status = child.wait() => return status,
            // Ctrl-C reaches all of the terminal's processes, the tool too.
            _ = interrupt.recv() => if !std::io::stdin().is_terminal() { pass_on(Signal::INT) },
            _ = terminate.recv() => pass_on(Signal::TERM),
            _ = hang_up.recv() => pass_on(Signal::HUP),
        }
    }
}

/// Waits for the tool; Ctrl-C reaches it without our doing.
#[cfg(not(unix))]
async fn wait(mut child: Child) -> std::io::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return status,
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}

/// The tool's own exit code; 128 and the signal where one ended it, as shells say it.
fn exit_code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    let by_signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let by_signal = None::<i32>;
    let code = by_signal.map(|signal| 128 + signal).or(status.code()).unwrap_or(1);
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}

/// The sums, once nothing of it runs any more (or it takes too long).
fn settled(ledger: &Ledger, started: DateTime<Utc>, run: &Run) -> Result<Summary, Failure> {
    let mut waited = Duration::ZERO;
    loop {
        let summary = summary(ledger, started, &run.id)?;
        if summary.running == 0 || waited >= SETTLE_MAX {
            return Ok(summary);
        }
        std::thread::sleep(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
}

fn summary(ledger: &Ledger, started: DateTime<Utc>, run: &str) -> Result<Summary, Failure> {
    let query = CallQuery { since: Some(started), ..CallQuery::default() };
    let mut summary = Summary::default();
    report::each_call(ledger, &query, |call| -> Result<(), Failure> {
        if call.run.as_deref() == Some(run) {
            summary.add(call);
        }
        Ok(())
    })?;
    Ok(summary)
}

impl Summary {
    fn add(&mut self, call: &CallView) {
        match call.status.as_str() {
            "refused" => self.refused += call.repeats.saturating_add(1),
            "running" | "waiting" => self.running += 1,
            "settled" | "estimated" => {
                self.calls += 1;
                self.unpriced += u64::from(call.cost_usd.is_none());
            }
            _ => {}
        }
        let prompt = [
            call.input_tokens,
            call.cache_read_tokens,
            call.cache_write_5m_tokens,
            call.cache_write_1h_tokens,
        ];
        self.input_tokens += prompt.into_iter().flatten().sum::<i64>();
        self.output_tokens += call.output_tokens.unwrap_or(0);
        self.cost = self.cost.saturating_add(call.cost_usd.unwrap_or(Money::ZERO));
    }
}

fn sentence(summary: &Summary, max_cost: Option<&str>, run: &Run) -> String {
    let mut text = format!(
        "{}, {} input and {} output tokens, ${}",
        words::counted(summary.calls, "call", "calls"),
        summary.input_tokens,
        summary.output_tokens,
        summary.cost
    );
    if let Some(max_cost) = max_cost {
        match Money::typed(max_cost) {
            Ok(Money::ZERO) => text.push_str(", and nothing may be spent"),
            _ => text.push_str(&format!(" of at most ${}", max_cost.trim_start_matches('$'))),
        }
    }
    for (count, what) in [
        (i64::try_from(summary.unpriced).unwrap_or(i64::MAX), "of unknown cost"),
        (summary.refused, "refused"),
        (i64::try_from(summary.running).unwrap_or(i64::MAX), "still running"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    match &run.project {
        Some(project) => format!("{text} (project '{project}')"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Day;

    #[test]
    fn the_runs_own_calls_are_summed() {
        let day = Day::full();
        let run = |id: &str, project: Option<&str>| Run {
            id: id.to_owned(),
            project: project.map(str::to_owned),
            branch: None,
        };
        for (run, started, max_cost, expected) in [
            (
                run("1f2e", Some("demo")),
                "2026-11-20T00:00:00Z",
                Some("1"),
                "2 calls, 20 input and 400 output tokens, $0.004 of at most $1, 1 refused (project 'demo')",
            ),
            (
                run("1f2e", None),
                "2026-11-21T09:30:00Z",
                None,
                "1 call, 10 input and 200 output tokens, $0.002, 1 refused",
            ),
            (
                run("1f2e", None),
                "2026-11-21T09:30:00Z",
                Some("$0.5"),
                "1 call, 10 input and 200 output tokens, $0.002 of at most $0.5, 1 refused",
            ),
            (
                run("other", None),
                "2026-11-20T00:00:00Z",
                Some("0"),
                "0 calls, 0 input and 0 output tokens, $0.00, and nothing may be spent",
            ),
            (
                run("other", None),
                "2026-11-20T00:00:00Z",
                None,
                "0 calls, 0 input and 0 output tokens, $0.00",
            ),
        ] {
            let summary = summary(&day.ledger, started.parse().unwrap(), &run.id).unwrap();
            assert_eq!(sentence(&summary, max_cost, &run), expected);
        }
    }
}
