//! The ledger: one SQLite file that any number of processes share.
//!
//! Writes go through one thread and share commits; reads have connections of their own. A call is
//! in the file before it can reach a provider, and leaves `running` exactly once.
//!
//! | file | holds |
//! |---|---|
//! | `schema` | opening, settings, migrations |
//! | `writer`, `cache` | the writer thread and what it remembers |
//! | `reserve`, `refuse`, `settle`, `recover`, `record` | the life of a call |
//! | `call`, `budget`, `counter`, `grant`, `account`, `price`, `alert`, `rollup`, `dimension`, `process` | a table each |
//! | `file`, `reservation`, `handle` | the open file, a running call's hold, all that others can do |
//! | `query` | what reports read |

mod account;
mod active;
mod alert;
mod budget;
mod budget_row;
mod cache;
mod call;
mod counter;
mod dimension;
mod error;
mod file;
mod grant;
mod handle;
mod price;
mod process;
pub(crate) mod query;
mod record;
mod recover;
mod refuse;
mod reservation;
mod reserve;
mod rollup;
mod schema;
mod settle;
mod time;
mod writer;

pub use account::AccountView;
pub use alert::AlertView;
pub use budget::{BudgetChange, BudgetEvent};
pub use call::NewCall;
pub use error::LedgerError;
pub use file::{Changed, Opening, Role};
pub use grant::BalanceView;
pub use handle::{Admission, Ledger};
pub use query::{EndedEarly, ProviderTotal};
pub use record::{IdempotencyKey, Recorded, RecordedCall};
pub use reservation::Reservation;
pub use settle::{Settled, Settlement};
pub use writer::Reply;
