//! `outlay init`: from nothing to limits in a minute, each step asked for.

mod done;
mod tables;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use chrono::{Days, NaiveDate, TimeDelta};
use outlay_core::budget::{BudgetKind, BudgetUnit, Window};
use outlay_core::ledger::{BudgetChange, Ledger};
use outlay_core::money::Money;
use outlay_core::report::{self, By, UsageQuery};
use outlay_host::connect::{Choices, Connections};
use outlay_host::logs::Billing;
use outlay_host::running;
use outlay_host::service::{self, Activity, State};

use self::done::Done;
use self::tables::{found, shares};
use super::{connect, import};
use crate::ask::{ask, ask_amount, can_be_asked};
use crate::chart;
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::proxy;
use crate::session::{Places, Session};
use crate::table::dollars;
use crate::words;

const ACTOR: &str = "cli";
const DAYS: u64 = 30;
/// With fewer days nothing is suggested.
const DAYS_MIN: usize = 7;
/// How long a service that was just installed may take to answer.
const START_MAX: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Options of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outlay init         asks before each step
  outlay init --yes   does what it would suggest, without asking

It imports what tools logged, shows what the last 30 days cost, suggests limits from it, points tools at
the proxy and keeps that running. Run it again whenever you like: what is done already is left as it is.")]
pub(crate) struct Arguments {
    /// Do what is suggested, without asking
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(
    session: &Session,
    places: &Places,
    options: &Arguments,
    out: &mut Out,
) -> Outcome {
    if !options.yes && !can_be_asked() {
        return Err(Failure::misused(
            "nobody can be asked here: outlay init --yes does what it would suggest",
        ));
    }
    let ledger = session.ledger()?;
    let done = Done::default();
    done.say_when_interrupted()?;
    let mut guide = Guide { session, places, ledger: &ledger, is_yes: options.yes, done, out };
    guide.logs()?;
    guide.month()?;
    guide.limits()?;
    guide.service()?;
    guide.tools()?;
    guide.end()?;
    Ok(ExitCode::SUCCESS)
}

/// What goes from step to step.
struct Guide<'a> {
    session: &'a Session,
    places: &'a Places,
    ledger: &'a Ledger,
    is_yes: bool,
    done: Done,
    out: &'a mut Out,
}

impl Guide<'_> {
    fn heading(&mut self, text: &str) -> Result<(), Failure> {
        self.out.line("")?;
        let text = self.out.look().paint(Tone::Strong, text);
        self.out.line(text)
    }

    /// Whether to take the step. Enter alone takes what is suggested, and so does `--yes`.
    fn ask(&mut self, question: &str, suggested: bool) -> Result<bool, Failure> {
        if self.is_yes {
            return Ok(suggested);
        }
        ask(question, suggested, self.out).map_err(|failure| self.stopped(failure))
    }

    /// As [`Guide::ask`], for dollars; `None` where none are wanted.
    fn ask_amount(
        &mut self,
        question: &str,
        suggested: Option<Money>,
    ) -> Result<Option<Money>, Failure> {
        if self.is_yes {
            return Ok(suggested);
        }
        ask_amount(question, suggested, self.out).map_err(|failure| self.stopped(failure))
    }

    fn stopped(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Failed(_) => Failure::Failed(self.done.sentence()),
            other => other,
        }
    }

    fn logs(&mut self) -> Result<(), Failure> {
        let heading = self.out.look().paint(Tone::Strong, "What your tools have logged");
        self.out.line(heading)?;
        let sources = import::everywhere();
        if sources.is_empty() {
            return self.out.line(
                "No logs of Claude Code, Codex, Gemini CLI, opencode, Qwen Code, pi, Cline or llm are found here.",
            );
        }
        self.out.table(&found(&sources))?;
        if !self.ask("Import them? They are only read, and no prompt is kept.", true)? {
            return self.out.line("Left alone: outlay import --all does it later.");
        }
        self.out.flush()?;
        self.done.begin("part of the logs was imported");
        let reports = import::import(self.session, self.ledger, sources, false, Billing::AsFound)?;
        let calls: u64 = reports.iter().map(|report| report.imported.new.calls).sum();
        self.done.end(words::counted(calls, "call was imported", "calls were imported"));
        import::print_reports(&reports, self.out)?;
        import::tell_what_refuses(self.session, self.ledger, self.out)
    }

    /// What the last 30 days cost: in all, by day, tool, model and project.
    fn month(&mut self) -> Result<(), Failure> {
        let (now, zone) = (self.session.now, self.session.zone);
        let today = now.with_timezone(&zone).date_naive();
        let first = today - Days::new(DAYS - 1);
        let since = Window::DAY.period(now - TimeDelta::days(DAYS as i64 - 1), zone).start;
        let query = |by| UsageQuery { since, until: now, by, timezone: zone };
        let days = report::usage(self.ledger, &query(By::Day))?;
        if days.total.calls == 0 {
            return Ok(());
        }
        self.heading("The last 30 days")?;
        let (owed, value) = (days.total.cost_usd, days.total.plan_value_usd);
        let mut sentence =
            format!("{} in {} calls.", dollars(owed.rounded_at_a_glance()), days.total.calls);
        if value > Money::ZERO {
            sentence.push_str(&format!(
                " Subscriptions used {} more at API prices, which nobody bills; it is in the figures below.",
                dollars(value.rounded_at_a_glance())
            ));
        }
        self.out.line(sentence)?;
        let cost_of = |day: NaiveDate| {
            let name = day.to_string();
            let row = days.rows.iter().find(|row| row.key.as_deref() == Some(name.as_str()));
            row.map_or(Money::ZERO, |row| row.cost_usd.saturating_add(row.plan_value_usd))
        };
        let each: Vec<_> =
            first.iter_days().take(DAYS as usize).map(|day| (day, cost_of(day))).collect();
        self.out.line("")?;
        for line in chart::days(&each) {
            let line = self.out.look().paint(Tone::Good, line);
            self.out.line(line)?;
        }
        for (by, heading) in [(By::Client, "Tool"), (By::Model, "Model"), (By::Project, "Project")]
        {
            let usage = report::usage(self.ledger, &query(by))?;
            let rows = usage.rows.iter().map(|row| {
                let cost = row.cost_usd.saturating_add(row.plan_value_usd);
                (row.key.clone(), row.calls, cost)
            });
            self.out.line("")?;
            self.out.table(&shares(heading, rows.collect()))?;
        }
        Ok(())
    }

    fn limits(&mut self) -> Result<(), Failure> {
        self.heading("Limits")?;
        let now = self.session.now;
        let budgets = report::budgets(self.ledger, now)?;
        if !budgets.is_empty() {
            let names: Vec<_> = budgets.iter().map(|budget| budget.name.as_str()).collect();
            return self.out.line(format!("Set already: {}.", words::listed(&names)));
        }
        let suggestion = report::suggestion(self.ledger, now, self.session.zone)?;
        let suggested = [suggestion.day_usd, suggestion.month_usd];
        match suggested {
            [Some(day), Some(_)] => self.out.line(format!(
                "On nine in ten of {} days you stayed under {}; 30 days came to {}.",
                suggestion.days,
                dollars(day),
                dollars(suggestion.spent_usd.rounded_at_a_glance())
            ))?,
            _ => self.out.line(match suggestion.days {
                DAYS_MIN.. => "Nothing is owed so far, so none is suggested.",
                _ => "There are too few days yet to suggest any.",
            })?,
        }
        self.out.line("A call that would pass a hard budget is refused.")?;
        // Who stops at the second question has set nothing, and is asked both again.
        let [day, month] = suggested;
        let day = self.ask_amount("Hard budget for a day?", day)?;
        let month = self.ask_amount("Hard budget for a month?", month)?;
        let wanted = [("day", Window::DAY, day), ("month", Window::MONTH, month)];
        let mut set = Vec::new();
        for (name, window, limit) in wanted {
            let Some(limit) = limit else { continue };
            let change = BudgetChange {
                name: name.to_owned(),
                limit: Some(limit.to_string()),
                window: Some(window),
                kind: Some(BudgetKind::Hard),
                unit: Some(BudgetUnit::Usd),
                ..BudgetChange::default()
            };
            self.ledger.set_budget(change, ACTOR, now, self.session.zone).wait()?;
            self.done.end(format!("the budget '{name}' was set"));
            let used = report::budget(self.ledger, name, now)?.map(|view| view.used.spoken());
            let used = used.map_or_else(String::new, |used| format!(" ({used} used already)"));
            set.push(format!("'{name}' to {}{used}", dollars(limit)));
        }
        self.limits_are(&set)
    }

    fn limits_are(&mut self, set: &[String]) -> Result<(), Failure> {
        if set.is_empty() {
            return self.out.line(
                "None is set: outlay budget set day --limit 5 --window day does it, or outlay plan use solo ($5 a day, $100 a month).",
            );
        }
        self.out.line(format!(
            "Set: {}. outlay budget list shows what is left, outlay budget raise gives more.",
            words::listed(set)
        ))?;
        import::tell_what_refuses(self.session, self.ledger, self.out)
    }

    /// Points the tools that are found at the proxy, each asked for.
    fn tools(&mut self) -> Result<(), Failure> {
        self.heading("Tools")?;
        let running = self.proxy();
        let address = running.unwrap_or(self.session.config.listen);
        if running.is_none() {
            if let Err(failure) = connect::refuse_strangers(address) {
                return self.out.line(format!("None is changed: {failure}."));
            }
            self.out.line(format!(
                "No proxy runs at {address} yet, and connected tools fail until outlay serve starts it."
            ))?;
        }
        let connections = Connections::new(&self.session.folders)?;
        let target = proxy::target(self.session, address)?;
        let mut has_any = false;
        for standing in connections.list()? {
            if !standing.is_found || standing.file.is_none() {
                continue;
            }
            has_any = true;
            let (tool, title) = (standing.tool, standing.title);
            let choices = Choices { statusline: false };
            let plan = connections.connect(tool, &target, choices, false, self.session.now);
            let plan = match plan {
                Ok(plan) => plan,
                Err(error) => {
                    self.out.line(format!("{title} is left as it is: {error}"))?;
                    continue;
                }
            };
            if standing.is_connected && plan.is_settled() {
                self.out.line(format!("{title} is connected already."))?;
                continue;
            }
            if !self.is_yes || running.is_some() {
                self.out.line(plan.diff().trim_end())?;
            }
            let question = format!(
                "Point {title} at Outlay? outlay connect {} --undo takes it back.",
                tool.name()
            );
            if !self.ask(&question, running.is_some())? {
                self.out.line(format!(
                    "{title} is left as it is: outlay connect {} does it later, outlay run -- TOOL for one run.",
                    tool.name()
                ))?;
                continue;
            }
            match plan.write(&connections) {
                Ok(()) => {
                    self.done.end(format!("{title} was connected"));
                    self.out.line(format!("{title} is connected to {}.", target.base()))?;
                }
                Err(error) => self.out.line(format!("{title} is left as it is: {error}"))?,
            }
        }
        match has_any {
            true => Ok(()),
            false => self
                .out
                .line("None is found whose settings can be changed: outlay run -- TOOL runs any."),
        }
    }

    fn service(&mut self) -> Result<(), Failure> {
        self.heading("The proxy")?;
        if self.proxy().is_some() {
            return self.out.line("It runs already.");
        }
        match service::state() {
            State { file: None, .. } => {}
            State { activity: Activity::Unknown, .. } => {
                return self.out.line(
                    "Its service is installed, but nobody here would run it: outlay serve does, as long as you let it.",
                );
            }
            State { .. } => {
                return self.out.line(
                    "Its service is installed and does not run: outlay service status says why.",
                );
            }
        }
        if !self.ask("Run it now and at each login, as a service of your user?", true)? {
            return self.out.line("It runs while you let it: outlay serve.");
        }
        match super::service::install(self.session, self.places, self.out) {
            Ok(()) => {
                self.done.end("the service was installed".to_owned());
                Ok(())
            }
            // All else is done, and stays so.
            Err(failure) => self.out.line(format!("{failure}. Until then: outlay serve.")),
        }
    }

    /// Where this ledger's proxy answers; one that was just started gets a moment.
    fn proxy(&self) -> Option<SocketAddr> {
        let mut waited = Duration::ZERO;
        loop {
            if let Ok(Some(proxy)) = running::find(&self.session.folders) {
                return Some(proxy.running().address);
            }
            let is_coming = service::holds(self.session.config.listen);
            if !is_coming || waited >= START_MAX {
                return None;
            }
            std::thread::sleep(LOOK_EVERY);
            waited += LOOK_EVERY;
        }
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.heading("From here")?;
        if self.proxy().is_none() {
            self.out.line("outlay serve         starts the proxy, which connected tools need")?;
        }
        self.out.line("outlay run -- TOOL   runs a tool through the proxy")?;
        self.out.line("outlay status        what was spent, and what is left")?;
        self.out.line("outlay dashboard     the same to look at, while outlay serve runs")
    }
}
