//! Home folders full of logs, as the eight tools write them, made from a seed; and the truth about
//! them: each call once, whatever a tool copies, repeats, breaks or leaves out.
//!
//! | module | writes |
//! |---|---|
//! | [`claude_code`] | its sessions; also a tree as big as a year's, for the bench |
//! | `codex` | records, sums, forks, sub-agents |
//! | `lines` | Gemini CLI, Qwen Code, pi, Cline |
//! | `databases` | opencode's and llm's, with rows that are only in the `-wal` |

pub mod claude_code;
mod codex;
mod databases;
mod lines;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat};

/// What a call consumed, in disjoint buckets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tokens {
    /// At the full rate.
    pub input: u64,
    /// Read from a cache.
    pub cache_read: u64,
    /// Written to a cache for 5 minutes.
    pub cache_write_5m: u64,
    /// Written to a cache for an hour.
    pub cache_write_1h: u64,
    /// Generated, reasoning included.
    pub output: u64,
    /// The reasoning in the output, where the log tells.
    pub reasoning: Option<u64>,
    /// Server-side searches.
    pub web_searches: u64,
}

/// A call that was really made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrueCall {
    /// The tool, as `outlay import` names it.
    pub tool: &'static str,
    /// When it ended, in milliseconds since 1970.
    pub ended_ms: i64,
    /// The model that served it.
    pub model: String,
    /// What it consumed.
    pub tokens: Tokens,
    /// The session, where the log tells.
    pub session: Option<String>,
    /// The provider's id of the answer, where the log tells.
    pub response_id: Option<String>,
    /// What the log says that it cost, where it says anything.
    pub cost: Option<String>,
    /// Whether another session has a copy of it: whose it is then, the logs do not tell.
    pub is_copied: bool,
}

/// All calls that a tree tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Each of them once, in no order.
    pub calls: Vec<TrueCall>,
    /// How many lines, rows and messages tell of a call that cannot be believed.
    pub broken: usize,
}

impl Truth {
    /// Calls and tokens by tool and model.
    #[must_use]
    pub fn totals(&self) -> BTreeMap<(&'static str, String), (usize, u64)> {
        let mut totals = BTreeMap::new();
        for call in &self.calls {
            let (calls, tokens) = totals.entry((call.tool, call.model.clone())).or_insert((0, 0));
            let of = &call.tokens;
            *calls += 1;
            *tokens += of.input + of.cache_read + of.cache_write_5m + of.cache_write_1h + of.output;
        }
        totals
    }

    fn mark_copied(&mut self, session: &str) {
        for call in &mut self.calls {
            call.is_copied |= call.session.as_deref() == Some(session);
        }
    }
}

/// Writes logs of all eight tools below `home`, where each tool has them. Nothing in them is later
/// than 2026-11-22.
#[must_use]
pub fn write(home: &Path, seed: u64) -> Truth {
    let mut tree = Tree::new(home, seed);
    claude_code::write(&mut tree);
    codex::write(&mut tree);
    lines::write(&mut tree);
    databases::write(&mut tree);
    tree.truth
}

/// A tree that is being written.
struct Tree {
    home: PathBuf,
    dice: Dice,
    clock_ms: i64,
    truth: Truth,
}

impl Tree {
    fn new(home: &Path, seed: u64) -> Tree {
        let start = DateTime::parse_from_rfc3339("2026-11-01T08:00:00Z").unwrap();
        Tree {
            home: home.to_owned(),
            dice: Dice(seed),
            clock_ms: start.timestamp_millis(),
            truth: Truth::default(),
        }
    }

    /// A later moment: some seconds on, so that all are different.
    fn later(&mut self) -> i64 {
        self.clock_ms += 2_000 + self.dice.below(60_000) as i64;
        self.clock_ms
    }

    fn text(&self, path: &str, text: &str) {
        let path = self.home.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.dice.next(), self.dice.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    /// An id that begins with its time, as Codex makes them.
    fn uuid_v7(&mut self, ms: i64) -> String {
        let ms = format!("{ms:012x}");
        let low = self.dice.next();
        format!(
            "{}-{}-7{:03x}-8{:03x}-{:012x}",
            &ms[..8],
            &ms[8..],
            low & 0xfff,
            low >> 52,
            low >> 16
        )
    }

    /// What a call may have consumed; `scale` up to some thousands.
    fn tokens(&mut self, scale: u64) -> Tokens {
        let output = 1 + self.dice.below(scale);
        Tokens {
            input: 1 + self.dice.below(scale * 4),
            cache_read: self.dice.below(scale * 20),
            cache_write_5m: self.dice.below(scale),
            cache_write_1h: self.dice.below(scale),
            output,
            reasoning: Some(self.dice.below(output)),
            web_searches: 0,
        }
    }
}

fn iso(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).unwrap().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Lines as a file.
fn file(lines: &[serde_json::Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The same numbers for the same seed, everywhere (SplitMix64).
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}
