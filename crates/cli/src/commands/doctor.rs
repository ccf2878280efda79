//! `outlay doctor`.

use std::process::ExitCode;

use chrono::Utc;
use outlay_host::doctor::{Finding, State, examine};
use outlay_host::folders::Folders;

use super::Form;
use crate::failure::{Failure, Outcome};
use crate::look::Tone;
use crate::output::Out;
use crate::session::Places;

/// Options of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    form: Form,
}

/// `--json` of `doctor`.
#[derive(serde::Serialize)]
struct Findings {
    findings: Vec<Finding>,
}

pub(crate) fn run(places: &Places, options: &Arguments, out: &mut Out) -> Outcome {
    let folders = Folders::new(places.data_dir.clone(), places.config.clone())?;
    let findings = examine(&folders, Utc::now());
    let is_broken = findings.iter().any(|finding| finding.state == State::Broken);
    if options.form.json {
        out.json(&Findings { findings })?;
    } else {
        print(&findings, out)?;
    }
    Ok(if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(findings: &[Finding], out: &mut Out) -> Result<(), Failure> {
    let widest = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    for finding in findings {
        let (word, tone) = match finding.state {
            State::Fine => ("ok     ", Tone::Good),
            State::Off => ("off    ", Tone::Quiet),
            State::Warning => ("warning", Tone::Warning),
            State::Broken => ("broken ", Tone::Bad),
        };
        let word = out.look().paint(tone, word);
        out.line(format!("{word}  {:widest$}  {}", finding.subject, finding.text))?;
        if let Some(fix) = &finding.fix {
            out.line(format!("         {:widest$}  {fix}", ""))?;
        }
    }
    Ok(())
}
