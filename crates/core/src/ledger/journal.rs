//! Calls whose admission was told before it was committed: a file of this process's own, a line a
//! call, from which another process can enter them when this one has died.
//!
//! Each commit begins the file anew, from its start: what an earlier generation left behind it is
//! told by its number.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::call::NewCall;
use super::error::LedgerError;
use super::shares::Share;
use super::time::{from_ms, to_ms};
use crate::admission::Bounds;
use crate::money::Money;

/// So that a disk that is full is found out here and not between two commits.
const BYTES_AT_FIRST: usize = 64 * 1024;

/// A call that runs, as far as another process needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    id: Uuid,
    at_ms: i64,
    source: String,
    provider: String,
    model: Option<String>,
    project: Option<String>,
    session: Option<String>,
    client: Option<String>,
    key: Option<String>,
    tags: String,
    run: Option<String>,
    plan_login: bool,
    service_tier: Option<String>,
    input_tokens_max: u64,
    pub(crate) output_cap: Option<u64>,
    ceiling_pico: Option<i64>,
    /// Budget, period start and hold of each share.
    shares: Vec<(i64, i64, i64)>,
}

impl Note {
    pub(crate) fn new(
        call: &NewCall,
        output_cap: Option<u64>,
        ceiling: Option<Money>,
        shares: &[Share],
    ) -> Note {
        Note {
            id: call.id,
            at_ms: to_ms(call.at),
            source: call.source.clone(),
            provider: call.provider.clone(),
            model: call.model_requested.clone(),
            project: call.project.clone(),
            session: call.session.clone(),
            client: call.client.clone(),
            key: call.key.clone(),
            tags: call.tags.clone(),
            run: call.run.clone(),
            plan_login: call.plan_login,
            service_tier: call.service_tier.clone(),
            input_tokens_max: call.bounds.input_tokens_max,
            output_cap,
            ceiling_pico: ceiling.map(Money::picodollars),
            shares: shares
                .iter()
                .map(|share| (share.budget_seq, share.period_start_ms, share.held))
                .collect(),
        }
    }

    /// The call as it was asked for; of its bounds only what its row keeps.
    pub(crate) fn call(&self) -> NewCall {
        NewCall {
            id: self.id,
            at: from_ms(self.at_ms),
            source: self.source.clone(),
            provider: self.provider.clone(),
            model_requested: self.model.clone(),
            project: self.project.clone(),
            session: self.session.clone(),
            client: self.client.clone(),
            key: self.key.clone(),
            tags: self.tags.clone(),
            run: self.run.clone(),
            plan_login: self.plan_login,
            service_tier: self.service_tier.clone(),
            bounds: Bounds {
                input_tokens_max: self.input_tokens_max,
                input_tokens_usual: self.input_tokens_max,
                output_tokens_max: self.output_cap,
                output_tokens_default: 0,
                default_is_proven: false,
                output_tokens_floor: 0,
                can_cap: false,
                can_stop: false,
                is_bounded: true,
            },
            is_strict: false,
        }
    }

    pub(crate) fn ceiling(&self) -> Option<Money> {
        self.ceiling_pico.map(Money::from_picodollars)
    }

    pub(crate) fn shares(&self) -> Vec<Share> {
        let share = |&(budget_seq, period_start_ms, held): &(i64, i64, i64)| Share {
            budget_seq,
            period_start_ms,
            held,
            charged: None,
        };
        self.shares.iter().map(share).collect()
    }
}

/// This process's file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    generation: u64,
    line: Vec<u8>,
}

impl Journal {
    /// Makes the file of `process` in `folder`.
    pub(crate) fn create(folder: &Path, process: [u8; 16]) -> Result<Journal, LedgerError> {
        let path = path_of(folder, process);
        let create = || {
            let mut file =
                OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
            file.write_all(&vec![b'\n'; BYTES_AT_FIRST])?;
            file.seek(SeekFrom::Start(0))?;
            Ok(file)
        };
        let created = create();
        let file = created.map_err(|error: std::io::Error| LedgerError::io(&path, &error))?;
        Ok(Journal { path, file, generation: 1, line: Vec::new() })
    }

    /// Writes the notes down, so that they outlive this process.
    pub(crate) fn write(&mut self, notes: &[Note]) -> std::io::Result<()> {
        self.line.clear();
        for note in notes {
            write!(self.line, "{} ", self.generation)?;
            serde_json::to_writer(&mut self.line, note)?;
            self.line.push(b'\n');
        }
        self.file.write_all(&self.line)
    }

    /// All that was written down is committed.
    pub(crate) fn begin_anew(&mut self) -> std::io::Result<()> {
        self.generation += 1;
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }
}

impl Journal {
    /// Removes the file: nothing is left to be told.
    pub(crate) fn discard(self) {
        drop(self.file);
        // One that stays tells of calls that are in the ledger, which is found out.
        drop(std::fs::remove_file(self.path));
    }
}

/// What the process left behind in its last generation; a line that is not whole was never told.
pub(crate) fn left_by(folder: &Path, process: [u8; 16]) -> Vec<Note> {
    std::fs::read(path_of(folder, process)).map_or_else(|_| Vec::new(), |text| parsed(&text))
}

fn parsed(text: &[u8]) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut generation = None;
    for line in text.split(|&byte| byte == b'\n') {
        let line = std::str::from_utf8(line).unwrap_or_default();
        let Some((number, json)) = line.split_once(' ') else { break };
        let Ok(note) = serde_json::from_str(json) else { break };
        if *generation.get_or_insert(number) != number {
            break;
        }
        notes.push(note);
    }
    notes
}

/// Removes the file: all that it told of is in the ledger.
pub(crate) fn remove(folder: &Path, process: [u8; 16]) {
    // One that stays tells of calls that are there, which is found out.
    drop(std::fs::remove_file(path_of(folder, process)));
}

/// The processes that have such a file.
pub(crate) fn owners(folder: &Path) -> Vec<[u8; 16]> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == ENDING))
        .filter_map(|path| Uuid::parse_str(path.file_stem()?.to_str()?).ok())
        .map(Uuid::into_bytes)
        .collect()
}

const ENDING: &str = "calls";

fn path_of(folder: &Path, process: [u8; 16]) -> PathBuf {
    folder.join(format!("{}.{ENDING}", Uuid::from_bytes(process).as_hyphenated()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(number: u8) -> Note {
        Note {
            id: Uuid::from_bytes([number; 16]),
            at_ms: 1_763_467_200_000,
            source: "proxy".to_owned(),
            provider: "openai".to_owned(),
            model: Some("gpt-4.1".to_owned()),
            project: None,
            session: None,
            client: Some("a \"client\"\n".to_owned()),
            key: None,
            tags: String::new(),
            run: None,
            plan_login: false,
            service_tier: None,
            input_tokens_max: 7,
            output_cap: None,
            ceiling_pico: Some(5),
            shares: vec![(1, 2, 3)],
        }
    }

    #[test]
    fn only_the_last_generation_counts_and_only_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let process = [9; 16];
        assert_eq!(left_by(folder.path(), process), []);
        let mut journal = Journal::create(folder.path(), process).unwrap();
        assert_eq!(left_by(folder.path(), process), []);
        journal.write(&[note(1), note(2)]).unwrap();
        journal.write(&[note(3)]).unwrap();
        assert_eq!(left_by(folder.path(), process), [note(1), note(2), note(3)]);
        journal.begin_anew().unwrap();
        journal.write(&[note(4)]).unwrap();
        assert_eq!(left_by(folder.path(), process), [note(4)], "what follows is of an earlier one");
        assert_eq!(owners(folder.path()), [process]);

        let text = std::fs::read(path_of(folder.path(), process)).unwrap();
        let cut = text.iter().position(|&byte| byte == b'\n').unwrap() - 3;
        assert_eq!(parsed(&text[..cut]), []);
        remove(folder.path(), process);
        assert_eq!(owners(folder.path()), [] as [[u8; 16]; 0]);
    }
}
