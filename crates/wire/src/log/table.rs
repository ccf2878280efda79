//! CSV of any origin, by a map of its columns.

mod row;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use csv::StringRecord;

use self::row::{Flaw, Row};
use super::LogCall;
use super::fields::BrokenLine;

/// What a column can hold, in the order in which errors name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Field {
    Time,
    Model,
    Input,
    Output,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    Reasoning,
    AudioInput,
    AudioOutput,
    ToolCalls,
    Cost,
    Provider,
    Id,
    ResponseId,
    Project,
    Session,
    ServiceTier,
    Duration,
    Status,
    CachedInput,
    Batch,
    Requests,
}

/// Each field's name in a map, and the columns it is looked for in without one: Outlay's own first.
/// As they stand here, without capitals, and with `_` for anything that is no letter or digit.
const FIELDS: [(Field, &str, &[&str]); 23] = [
    (
        Field::Time,
        "time",
        &[
            "time",
            "timestamp",
            "date",
            "datetime",
            "created_at",
            "started_at",
            "usage_date",
            "start_time_iso",
            "start_time",
        ],
    ),
    (Field::Model, "model", &["model", "model_name", "model_id", "model_requested"]),
    (
        Field::Input,
        "input",
        &[
            "input_tokens",
            "prompt_tokens",
            "input",
            "tokens_prompt",
            "tokens_in",
            "n_context_tokens_total",
        ],
    ),
    (
        Field::Output,
        "output",
        &[
            "output_tokens",
            "completion_tokens",
            "output",
            "tokens_completion",
            "tokens_out",
            "n_generated_tokens_total",
        ],
    ),
    (
        Field::CacheRead,
        "cache_read",
        &["cache_read_tokens", "cache_read_input_tokens", "cache_read", "cached_tokens"],
    ),
    (
        Field::CacheWrite,
        "cache_write",
        &[
            "cache_write_5m_tokens",
            "cache_creation_input_tokens",
            "cache_write_tokens",
            "cache_creation_tokens",
            "cache_write",
        ],
    ),
    (Field::CacheWrite1h, "cache_write_1h", &["cache_write_1h_tokens"]),
    (Field::Reasoning, "reasoning", &["reasoning_tokens", "tokens_reasoning"]),
    (Field::AudioInput, "audio_input", &["audio_input_tokens", "input_audio_tokens"]),
    (Field::AudioOutput, "audio_output", &["audio_output_tokens", "output_audio_tokens"]),
    (Field::ToolCalls, "tool_calls", &["tool_calls"]),
    (Field::Cost, "cost", &["cost_usd", "cost", "cost_total", "total_cost", "price", "amount_usd"]),
    (Field::Provider, "provider", &["provider", "provider_name", "vendor"]),
    (Field::Id, "id", &["id", "call_id", "uuid"]),
    (Field::ResponseId, "response_id", &["response_id", "generation_id"]),
    (Field::Project, "project", &["project", "project_name", "project_id"]),
    (Field::Session, "session", &["session", "session_id", "conversation_id", "thread_id"]),
    (Field::ServiceTier, "service_tier", &["service_tier"]),
    (Field::Duration, "duration_ms", &["duration_ms", "latency_ms"]),
    (Field::Status, "status", &["status"]),
    // OpenAI's tables of usage.
    (Field::CachedInput, "cached_input", &["input_cached_tokens"]),
    (Field::Batch, "batch", &["batch"]),
    (Field::Requests, "requests", &[OPENAIS_REQUESTS, "n_requests", "num_requests"]),
];
/// A column that only OpenAI's tables have, which name no provider.
const OPENAIS_REQUESTS: &str = "num_model_requests";
/// What faulty cells that are shown consist of, and their length at the most.
const SHOWN: &[u8] = b"0123456789.,:+-/TZ '";
const SHOWN_MAX: usize = 40;

/// Which column of a table holds what: `time=Date,model=Model,input=Prompt Tokens`. What it does not
/// name is looked for among the usual names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnMap(Vec<(Field, String)>);

/// Why a table cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A part of a map that is no pair.
    #[error("'{0}' is no pair of a field and a column: write it like model=Model")]
    NoPair(String),
    /// A map's field that there is none of.
    #[error("there is no field '{0}': a map knows {fields}", fields = field_names())]
    NoField(String),
    /// A map's column that the table does not have.
    #[error("there is no column '{wanted}': the table has {existing}")]
    NoColumn {
        /// The column.
        wanted: String,
        /// All that there are.
        existing: String,
    },
    /// Neither map nor table name a column that every call needs.
    #[error(
        "no column is known to hold the {field}: name it with {field}=COLUMN; the table has {existing}"
    )]
    Unknown {
        /// The field.
        field: &'static str,
        /// All columns that there are.
        existing: String,
    },
    /// Not text, or without a first line.
    #[error("it is no table: its first line names no columns")]
    NoHeader,
}

/// A row that tells of no call that can be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRow {
    /// Its line in the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: BrokenLine,
    /// Where in it that is.
    pub cell: Option<Cell>,
}

/// A cell of a row, to be named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its column.
    pub column: String,
    /// What stands there, where it looks like a number or a time: another column may hold a prompt.
    pub text: Option<String>,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "'{text}' in column '{}'", self.column),
            None => write!(f, "what stands in column '{}'", self.column),
        }
    }
}

impl fmt::Display for BrokenRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BrokenRow { line, why, cell } = self;
        match (why, cell) {
            (why, None) => write!(f, "line {line}: {why}"),
            (BrokenLine::ImplausibleCount, Some(cell)) => write!(
                f,
                "line {line}: {cell} is no count: a whole number from 0 to 2^53 without separators, like 1000"
            ),
            (BrokenLine::NoTime, Some(cell)) => {
                write!(f, "line {line}: {cell} is no time: it is written like 2026-11-21 20:05:41")
            }
            (why, Some(cell)) => write!(f, "line {line}: {why} ({cell})"),
        }
    }
}

impl FromStr for ColumnMap {
    type Err = TableError;

    fn from_str(text: &str) -> Result<ColumnMap, TableError> {
        let mut pairs = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, column) =
                pair.split_once('=').ok_or_else(|| TableError::NoPair(pair.to_owned()))?;
            let name = name.trim();
            let field = FIELDS.iter().find(|(_, known, _)| *known == name);
            let (field, ..) = field.ok_or_else(|| TableError::NoField(name.to_owned()))?;
            pairs.push((*field, column.trim().to_owned()));
        }
        Ok(ColumnMap(pairs))
    }
}

/// Puts the calls of a table into `found`, and gives the rows that tell of none. Its columns are taken
/// as disjoint: what was cached is not in the input (but for `cached_input`, which is), reasoning is in
/// the output. A row that sums up several requests is no call: what each of them was nobody knows. Times without a
/// zone are UTC. Rows without an id are the same call where all their cells are, in as many copies as
/// the table has of them, so that a table that is read again brings nothing new.
///
/// # Errors
/// When it is no table, or a column that is needed is missing.
pub fn read(
    bytes: &[u8],
    map: &ColumnMap,
    now: DateTime<Utc>,
    found: &mut Vec<LogCall>,
) -> Result<Vec<BrokenRow>, TableError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter(bytes)).flexible(true).from_reader(bytes);
    let header = reader.headers().map_err(|_| TableError::NoHeader)?;
    if header.iter().all(|name| name.trim().is_empty()) {
        return Err(TableError::NoHeader);
    }
    let header = header.clone();
    let columns = Columns::find(&header, map)?;
    let mut copies = HashMap::new();
    let mut broken = Vec::new();
    for (number, record) in (2..).zip(reader.records()) {
        let read = match &record {
            Ok(record) => Row { columns: &columns, record }.call(now, &mut copies),
            Err(_) => Err(Flaw { why: BrokenLine::NotJson, field: None }),
        };
        match read {
            Ok(call) => found.extend(call),
            Err(Flaw { why, field }) => {
                let record = record.ok();
                let position = record.as_ref().and_then(StringRecord::position);
                let line = position.map_or(number, |position| line_of(bytes, position));
                let cell = record
                    .zip(field)
                    .and_then(|(record, field)| columns.cell(&header, &record, field));
                broken.push(BrokenRow { line, why, cell });
            }
        }
    }
    Ok(broken)
}

/// The line on which a record is. Its position is where the one before it ended: an LF after a CR and
/// empty lines are still to come.
fn line_of(bytes: &[u8], position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|start| bytes.get(start..));
    let ends = rest.unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

/// Spreadsheets of some countries write semicolons.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| first.iter().filter(|byte| **byte == wanted).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|wanted| count(*wanted)).unwrap_or(b',')
}

/// Where each field stands.
#[derive(Debug)]
struct Columns {
    places: Vec<(Field, usize)>,
    /// Whose calls a table has that does not say so.
    provider: Option<&'static str>,
}

impl Columns {
    fn find(header: &StringRecord, map: &ColumnMap) -> Result<Columns, TableError> {
        let existing =
            || header.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let mut columns = Vec::new();
        for (field, wanted) in &map.0 {
            let at = header.iter().position(|name| name.trim() == wanted);
            let plain = || header.iter().position(|name| plain(name) == plain(wanted));
            let at = at.or_else(plain).ok_or_else(|| TableError::NoColumn {
                wanted: wanted.clone(),
                existing: existing(),
            })?;
            columns.push((*field, at));
        }
        for (field, _, names) in FIELDS {
            let is_mapped = columns.iter().any(|(known, _)| *known == field);
            let found =
                names.iter().find_map(|name| header.iter().position(|own| plain(own) == *name));
            columns.extend(found.filter(|_| !is_mapped).map(|at| (field, at)));
        }
        for (field, name, _) in FIELDS.iter().take(4) {
            if !columns.iter().any(|(known, _)| known == field) {
                return Err(TableError::Unknown { field: name, existing: existing() });
            }
        }
        let is_openais = header.iter().any(|name| plain(name) == OPENAIS_REQUESTS);
        Ok(Columns { places: columns, provider: is_openais.then_some("openai") })
    }

    fn place(&self, field: Field) -> Option<usize> {
        self.places.iter().find(|(known, _)| *known == field).map(|(_, at)| *at)
    }

    fn cell(&self, header: &StringRecord, record: &StringRecord, field: Field) -> Option<Cell> {
        let at = self.place(field)?;
        let text = record.get(at)?.trim();
        let is_shown = text.len() <= SHOWN_MAX && text.bytes().all(|byte| SHOWN.contains(&byte));
        let column = header.get(at)?.trim().to_owned();
        Some(Cell { column, text: is_shown.then(|| text.to_owned()) })
    }
}

fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.trim().chars().map(plain).collect()
}

fn field_names() -> String {
    FIELDS.map(|(_, name, _)| name).join(", ")
}
