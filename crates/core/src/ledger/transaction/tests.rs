//! Transactions that are left open, with operations that insert a number into a table where each
//! may stand once, and where a commit fails while a number's parent is missing.

use tempfile::TempDir;

use super::*;
use crate::ledger::operation::{Queued, Retry};

struct Desk {
    folder: TempDir,
    state: State,
}

fn connect(folder: &TempDir) -> Connection {
    let connection = Connection::open(folder.path().join("outlay.db")).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "foreign_keys", true).unwrap();
    connection
}

fn desk() -> Desk {
    let folder = TempDir::new().unwrap();
    let processes = folder.path().join("processes");
    std::fs::create_dir(&processes).unwrap();
    let connection = connect(&folder);
    let tables = "CREATE TABLE parent (n INTEGER PRIMARY KEY) STRICT; \
                  CREATE TABLE number (n INTEGER UNIQUE, parent INTEGER \
                  REFERENCES parent (n) DEFERRABLE INITIALLY DEFERRED) STRICT";
    connection.execute_batch(tables).unwrap();
    let state = State::new(Setting {
        connection,
        path: folder.path().join("outlay.db"),
        machine_id: [1; 16],
        process_id: [2; 16],
        prices: Arc::new(ArcSwap::from_pointee(PriceList::with_user_prices(Vec::new()))),
        changed: Arc::new(|| {}),
        journal: Some(Journal::create(&processes, [2; 16]).unwrap()),
    });
    Desk { folder, state }
}

fn insert(n: i64, parent: Option<i64>, is_firm: bool) -> Box<dyn Operation> {
    let firm: crate::ledger::operation::Firm<()> = if is_firm { |()| true } else { |()| false };
    let operation = move |writing: &mut Writing<'_>| {
        let sql = "INSERT INTO number VALUES (?1, ?2)";
        writing.connection.prepare_cached(sql)?.execute(rusqlite::params![n, parent])?;
        writing.notes.push(n.to_string());
        Ok(())
    };
    Box::new(Queued::new((Retry::Never, Some(firm)), operation, |()| (), oneshot::channel().0))
}

impl Desk {
    /// Runs them; says how many were told at once.
    fn run(&mut self, group: Vec<Box<dyn Operation>>) -> (Ran, usize) {
        let (mut group, mut told) = (group, Vec::new());
        let ran = self.state.run(&mut group, Patience::Some, &mut told);
        (ran, told.len())
    }

    /// What another process sees.
    fn numbers(&self) -> Vec<i64> {
        let connection = connect(&self.folder);
        let mut statement = connection.prepare("SELECT n FROM number ORDER BY n").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    fn noted(&self) -> Vec<String> {
        crate::ledger::journal::left_by(&self.folder.path().join("processes"), [2; 16])
    }
}

#[test]
fn what_is_told_at_once_is_noted_and_shares_a_commit() {
    let mut desk = desk();
    assert_eq!(desk.run(vec![insert(1, None, true)]), (Ran::Unchanged, 1));
    assert_eq!(desk.run(vec![insert(2, None, true), insert(3, None, true)]), (Ran::Unchanged, 2));
    assert_eq!(desk.numbers(), [] as [i64; 0]);
    assert_eq!(desk.noted(), ["1", "2", "3"]);
    assert_eq!(desk.state.close_if_open(), Ran::Changed);
    assert_eq!(desk.numbers(), [1, 2, 3]);
    assert_eq!(desk.run(vec![insert(4, None, true)]), (Ran::Unchanged, 1));
    assert_eq!(desk.noted(), ["4"], "the commit began the journal anew");
}

#[test]
fn what_may_not_be_told_takes_along_what_was() {
    let mut desk = desk();
    desk.run(vec![insert(1, None, true)]);
    assert_eq!(desk.run(vec![insert(2, None, true), insert(3, None, false)]), (Ran::Changed, 0));
    assert_eq!(desk.numbers(), [1, 2, 3]);
}

#[test]
fn what_was_told_stands_when_another_fails() {
    let mut desk = desk();
    desk.run(vec![insert(1, None, true)]);
    let mut group = vec![insert(1, None, true), insert(2, None, true)];
    let mut told = Vec::new();
    assert_eq!(desk.state.run(&mut group, Patience::Some, &mut told), Ran::Changed);
    assert_eq!((told.len(), group.len()), (0, 2));
    assert_eq!(desk.numbers(), [1, 2]);
}

#[test]
fn what_was_told_is_owed_until_it_is_stored() {
    let mut desk = desk();
    assert_eq!(desk.run(vec![insert(1, Some(7), true)]), (Ran::Unchanged, 1));
    assert_eq!(desk.state.catch_up(), Ran::Unchanged, "its parent is missing");
    assert!(desk.state.is_owing());
    assert_eq!(desk.run(vec![insert(2, None, true)]), (Ran::Unchanged, 0), "before it nothing is");
    assert_eq!(desk.numbers(), [] as [i64; 0]);
    connect(&desk.folder).execute("INSERT INTO parent VALUES (7)", []).unwrap();
    assert_eq!(desk.state.catch_up(), Ran::Changed);
    assert!(!desk.state.is_owing());
    assert_eq!(desk.numbers(), [1]);
}

#[test]
fn what_was_told_is_owed_also_where_the_disk_is_full_when_it_is_redone() {
    let mut desk = desk();
    let operation = |writing: &mut Writing<'_>| {
        writing.connection.execute("INSERT INTO number VALUES (1, 7)", [])?;
        writing.connection.execute("CREATE TABLE one_more_page (n INTEGER)", [])?;
        Ok(())
    };
    let answering = (Retry::Never, Some((|()| true) as crate::ledger::operation::Firm<()>));
    let reply = oneshot::channel().0;
    desk.run(vec![Box::new(Queued::new(answering, operation, |()| (), reply))]);
    desk.state.catch_up();
    connect(&desk.folder).execute("INSERT INTO parent VALUES (7)", []).unwrap();
    let pragma = |desk: &mut Desk, text: &str| -> i64 {
        desk.state.connection().query_row(text, [], |row| row.get(0)).unwrap()
    };
    let pages = pragma(&mut desk, "PRAGMA page_count");
    pragma(&mut desk, &format!("PRAGMA max_page_count = {pages}"));
    assert_eq!(desk.state.catch_up(), Ran::Unchanged);
    assert!(desk.state.is_owing());
    let mut group = vec![insert(2, None, true)];
    desk.state.run(&mut group, Patience::Some, &mut Vec::new());
    assert!(group[0].passing_failure().is_some(), "it must not be taken for done");
    pragma(&mut desk, &format!("PRAGMA max_page_count = {}", pages + 10));
    assert_eq!(desk.state.catch_up(), Ran::Changed);
    assert_eq!(desk.numbers(), [1]);
}

#[test]
fn what_is_owed_at_the_end_stays_in_the_journal() {
    for (parent, noted) in [(None, vec![]), (Some(7), vec!["1".to_owned()])] {
        let mut desk = desk();
        desk.run(vec![insert(1, parent, true)]);
        let Desk { folder, state } = desk;
        state.end();
        let left = crate::ledger::journal::left_by(&folder.path().join("processes"), [2; 16]);
        assert_eq!(left, noted);
    }
}

#[test]
fn beside_another_that_writes_or_knocks_each_group_is_committed_at_once() {
    let mut desk = desk();
    desk.run(vec![insert(1, None, false)]);
    let knock = Knock::at(&desk.folder.path().join("outlay.db"));
    assert_eq!(desk.run(vec![insert(2, None, true)]), (Ran::Changed, 0));
    drop(knock);
    assert_eq!(desk.run(vec![insert(3, None, true)]), (Ran::Unchanged, 1));
    desk.state.close_if_open();
    connect(&desk.folder).execute("INSERT INTO parent VALUES (7)", []).unwrap();
    desk.run(vec![insert(4, None, false)]);
    assert_eq!(desk.run(vec![insert(5, None, true)]), (Ran::Changed, 0));
    assert_eq!(desk.numbers(), [1, 2, 3, 4, 5]);
}
