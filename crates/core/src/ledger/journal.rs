//! Lines of which each tells of something that was told before it was committed, in a file of this
//! process's own: from them another process can make good when this one has died.
//!
//! Each commit begins the file anew, from its start: what an earlier generation left behind it is
//! told by its number.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::error::LedgerError;

/// So that a disk that is full is found out here and not between two commits.
const BYTES_AT_FIRST: usize = 64 * 1024;

/// This process's file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    generation: u64,
    lines: Vec<u8>,
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
        Ok(Journal { path, file, generation: 1, lines: Vec::new() })
    }

    /// Writes the notes down, each without a line feed, so that they outlive this process.
    pub(crate) fn write(&mut self, notes: &[String]) -> std::io::Result<()> {
        self.lines.clear();
        for note in notes {
            writeln!(self.lines, "{} {note}.", self.generation)?;
        }
        self.file.write_all(&self.lines)
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

/// The notes that the process left behind in its last generation; a line that is not whole was
/// never told.
pub(crate) fn left_by(folder: &Path, process: [u8; 16]) -> Vec<String> {
    std::fs::read(path_of(folder, process)).map_or_else(|_| Vec::new(), |text| parsed(&text))
}

fn parsed(text: &[u8]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut generation = None;
    for line in text.split(|&byte| byte == b'\n') {
        let line = std::str::from_utf8(line).unwrap_or_default();
        let Some((number, note)) = line.strip_suffix('.').and_then(|line| line.split_once(' '))
        else {
            break;
        };
        if *generation.get_or_insert(number) != number {
            break;
        }
        notes.push(note.to_owned());
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

    #[test]
    fn only_the_last_generation_counts_and_only_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let process = [9; 16];
        let left = || left_by(folder.path(), process);
        let notes = |texts: &[&str]| texts.iter().copied().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(left(), notes(&[]));
        let mut journal = Journal::create(folder.path(), process).unwrap();
        assert_eq!(left(), notes(&[]));
        journal.write(&notes(&["the first one", "two"])).unwrap();
        journal.write(&notes(&["three"])).unwrap();
        assert_eq!(left(), notes(&["the first one", "two", "three"]));
        journal.begin_anew().unwrap();
        journal.write(&notes(&["four"])).unwrap();
        assert_eq!(left(), notes(&["four"]), "what follows is of an earlier one");
        assert_eq!(owners(folder.path()), [process]);
        let text = std::fs::read(path_of(folder.path(), process)).unwrap();
        for (bytes, expected) in [(0, 0), (6, 0), (7, 1), (8, 1), (12, 1)] {
            assert_eq!(parsed(&text[..bytes]).len(), expected, "{bytes}");
        }
        remove(folder.path(), process);
        assert_eq!(owners(folder.path()), [] as [[u8; 16]; 0]);
    }
}
