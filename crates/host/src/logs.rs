//! Tools' logs on this machine: where they are, what is new in them, and their way into the ledger.
//! A source is only ever read.

pub mod databases;
mod discovery;
mod import;
mod lines;
mod login;
mod projects;
mod read;
mod watch;

pub use discovery::{Form, LogPath, Problem, Source, at_path, discover, usual_places};
pub use import::{Billing, BrokenPlace, Import, Progress, SourceReport, TableFailure};
pub use watch::watch;
