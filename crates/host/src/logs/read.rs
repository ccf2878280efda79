//! What is new in one log.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use outlay_core::ledger::LogFile;
use outlay_wire::log::{LineReader, LogCall, Tool, cline, read_document};
use sha2::{Digest, Sha256};

use super::databases::{self, Kind};
use super::discovery::{Form, LogPath};
use super::lines::each_line;

/// By so many bytes before the place where reading stopped a file is known again.
const TAIL_BYTES: u64 = 512;
const BUFFER_BYTES: usize = 256 << 10;
/// Larger documents are no sessions of anybody.
const DOCUMENT_MAX: u64 = 512 << 20;

/// What is new in a log.
#[derive(Debug)]
pub(super) struct News {
    /// Its calls, each as its last entry tells it.
    pub(super) calls: Vec<LogCall>,
    /// How far it is read now.
    pub(super) file: LogFile,
    /// Lines that nobody can read, of those that are new.
    pub(super) broken: u64,
    /// The first of them, from 1 on; `None` where that is not known.
    pub(super) broken_line: Option<u64>,
}

/// Whether nothing has changed since the log was read.
pub(super) fn is_unchanged(log: &LogPath, before: &LogFile) -> bool {
    before.size == log.size && before.modified_ms == log.modified_ms
}

/// Reads what has come since, or all of it where it is another file now.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn read(
    tool: Tool,
    log: &LogPath,
    before: Option<&LogFile>,
    now: DateTime<Utc>,
) -> io::Result<News> {
    let mut news = match log.form {
        Form::Lines => lines(tool, log, before, now),
        Form::Document => document(tool, log, now),
        Form::Database => database(tool, log, before, now),
    }?;
    if news.calls.iter().any(|call| call.folder.is_none())
        && let Some(folder) = folder_beside(tool, &log.path)
    {
        for call in news.calls.iter_mut().filter(|call| call.folder.is_none()) {
            call.folder = Some(Arc::clone(&folder));
        }
    }
    Ok(news)
}

/// The folder that was worked in, where the tool notes it beside its log.
fn folder_beside(tool: Tool, path: &Path) -> Option<Arc<str>> {
    match tool {
        // tmp/<project>/chats/<session>, with tmp/<project>/.project_root.
        Tool::GeminiCli => {
            let noted = std::fs::read_to_string(path.parent()?.parent()?.join(".project_root"));
            noted.ok().map(|folder| Arc::from(folder.trim()))
        }
        Tool::Cline => {
            let name = path.file_name()?.to_str()?.strip_suffix(".messages.json")?;
            cline::folder(&std::fs::read(path.with_file_name(format!("{name}.json"))).ok()?)
        }
        _ => None,
    }
}

fn lines(
    tool: Tool,
    log: &LogPath,
    before: Option<&LogFile>,
    now: DateTime<Utc>,
) -> io::Result<News> {
    let mut source = File::open(&log.path)?;
    let goes_on = match before {
        Some(before) => resume(tool, &mut source, before, now)?,
        None => None,
    };
    let (mut reader, begin, broken_before) = match goes_on {
        Some((reader, before)) => (reader, before.read_bytes, before.broken),
        None => (LineReader::new(tool, now), 0, 0),
    };
    source.seek(SeekFrom::Start(begin))?;
    let mut calls = Vec::new();
    let (mut broken, mut read_lines, mut broken_line) = (0, 0, None);
    let mut last = Vec::new();
    let mut buffered = BufReader::with_capacity(BUFFER_BYTES, &mut source);
    let walked = each_line(
        &mut buffered,
        |line| {
            read_lines += 1;
            if !is_blank(line) && reader.read(line, &mut calls).is_err() {
                broken += 1;
                broken_line = broken_line.or(Some(read_lines));
            }
        },
        |rest| last = rest.to_vec(),
    )?;
    let state = reader.state();
    // The last line of a file may have no end; half a line is none, and is read again when it has grown.
    if !is_blank(&last) {
        let _ = reader.read(&last, &mut calls);
    }
    broken += walked.too_long;
    let read_bytes = begin + walked.bytes;
    let file = LogFile {
        tail: Some(tail(&mut source, read_bytes)?),
        ..noted(tool, log, read_bytes, state, broken_before + broken)
    };
    // Lines are counted from the beginning of the file, and without those that are too long.
    let broken_line = broken_line.filter(|_| begin == 0 && walked.too_long == 0);
    Ok(News { calls, file, broken, broken_line })
}

/// The reader as it was left, where the file still has what was read.
fn resume<'a>(
    tool: Tool,
    source: &mut File,
    before: &'a LogFile,
    now: DateTime<Utc>,
) -> io::Result<Option<(LineReader, &'a LogFile)>> {
    let Some(known) = before.tail else { return Ok(None) };
    if source.metadata()?.len() < before.read_bytes || tail(source, before.read_bytes)? != known {
        return Ok(None);
    }
    Ok(LineReader::resume(tool, &before.state, now).map(|reader| (reader, before)))
}

/// A hash of what stands before `end`.
fn tail(source: &mut File, end: u64) -> io::Result<[u8; 16]> {
    let begin = end.saturating_sub(TAIL_BYTES);
    source.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::with_capacity(TAIL_BYTES as usize);
    source.take(end - begin).read_to_end(&mut bytes)?;
    let digest: [u8; 32] = Sha256::digest(&bytes).into();
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    Ok(short)
}

fn document(tool: Tool, log: &LogPath, now: DateTime<Utc>) -> io::Result<News> {
    if log.size > DOCUMENT_MAX {
        return Err(io::Error::other(format!("it has more than {} MB", DOCUMENT_MAX >> 20)));
    }
    let bytes = std::fs::read(&log.path)?;
    let mut calls = Vec::new();
    let broken = u64::from(read_document(tool, &bytes, now, &mut calls).is_err());
    let file = noted(tool, log, log.size, String::new(), broken);
    Ok(News { calls, file, broken, broken_line: None })
}

fn database(
    tool: Tool,
    log: &LogPath,
    before: Option<&LogFile>,
    now: DateTime<Utc>,
) -> io::Result<News> {
    let kind = if tool == Tool::Llm { Kind::Llm } else { Kind::Opencode };
    let since = before.map(|before| before.state.as_str()).filter(|state| !state.is_empty());
    let told = databases::read(kind, &log.path, since, now).map_err(io::Error::other)?;
    let broken = told.broken.len() as u64;
    let state = told.watermark.unwrap_or_default();
    let file = noted(tool, log, log.size, state, broken);
    Ok(News { calls: told.calls, file, broken, broken_line: None })
}

fn noted(tool: Tool, log: &LogPath, read_bytes: u64, state: String, broken: u64) -> LogFile {
    LogFile {
        path: name_of(&log.path),
        tool: tool.as_str().to_owned(),
        size: log.size,
        modified_ms: log.modified_ms,
        read_bytes,
        tail: None,
        state,
        broken,
    }
}

/// What the ledger knows the log by.
pub(super) fn name_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}
