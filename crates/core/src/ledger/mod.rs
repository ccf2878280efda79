//! The ledger: one SQLite file that any number of processes share.
//!
//! Writes share commits, one at a time; reads have connections of their own. A call is
//! in the file before it can reach a provider, and leaves `running` exactly once.
//!
//! | file | holds |
//! |---|---|
//! | `schema` | opening, settings, migrations |
//! | `writer`, `queue`, `operation`, `transaction`, `cache` | who runs what is queued, a group's commit, what is remembered |
//! | `reserve`, `draw`, `refuse`, `empty`, `settle`, `recover`, `record` | the life of a call |
//! | `asker`, `running`, `shares`, `charge`, `decision`, `history`, `waiting` | what is known of a call before and while it runs, what it holds and is charged, why, its place in the queue |
//! | `budget_event`, `bypass`, `plan`, `run` | what was done to budgets, and what does it to many |
//! | `call`, `enter`, `call_row`, `settlement`, `many` | what a call says of itself and of its end, how its row is written, and many at once |
//! | `budget`, `counter`, `recount`, `grant`, `floor`, `account`, `price`, `alert` with `alert_row`, `delivery`, `condition`, `rollup`, `dimension`, `process` | a table each |
//! | `file`, `checkpoint`, `disk`, `reservation`, `handle` | the open file, its log's way into it and onto the disk, a running call's hold, all that others can do |
//! | `credit`, `level` | what is bought, observed and spent of credit, and what its levels tell |
//! | `outbox`, `survey` | the way of alerts to the user, a look around for what no call tells |
//! | `import`, `elsewhere`, `outside`, `log_file` | calls that logs tell of, what calls made elsewhere have in common, sums of what did not pass here, how far logs were read |
//! | `prune` | old calls, deleted |
//! | `query` | what reports read |

mod account;
mod active;
mod alert;
mod alert_row;
mod asker;
mod budget;
mod budget_event;
mod budget_row;
mod bypass;
mod cache;
mod call;
mod call_row;
mod charge;
mod checkpoint;
mod condition;
mod counter;
mod credit;
mod decision;
mod delivery;
mod dimension;
mod disk;
mod draw;
mod elsewhere;
mod empty;
mod enter;
mod error;
mod facts;
mod file;
mod floor;
mod gone;
mod grant;
mod handle;
mod history;
mod import;
mod inherit;
mod journal;
mod knock;
mod level;
mod log_file;
mod many;
mod note;
mod operation;
mod outbox;
mod outside;
mod plan;
mod price;
mod process;
mod prune;
pub(crate) mod query;
mod queue;
mod record;
mod recount;
mod recover;
mod refuse;
mod relief;
mod reply;
mod reservation;
mod reserve;
mod rollup;
mod run;
mod running;
mod schema;
mod settle;
mod settlement;
mod shares;
mod survey;
mod time;
mod transaction;
mod waiting;
mod writer;

pub use account::AccountView;
pub use active::Bypass;
pub use alert::{AlertView, NewAlert};
pub use budget::BudgetChange;
pub use budget_event::BudgetEvent;
pub use call::NewCall;
pub use decision::{DecisionView, LookView};
pub use delivery::DeliveryView;
pub use disk::Durability;
pub use draw::Drawn;
pub use error::LedgerError;
pub use file::{Changed, Opening, Role};
pub use grant::{BalanceView, StoppedAccount};
pub use handle::{Admission, Ledger};
pub use import::told::Logged;
pub use import::{IMPORTED_AT_ONCE, Import, Imported, ImportedCall, Sum};
pub use log_file::LogFile;
pub use outbox::{ALERTS_AT_ONCE, Attempt, Due};
pub use outside::Outside;
pub use plan::{Plan, PlanUse};
pub use prune::Prunable;
pub use query::{EndedEarly, GrantView, Matching, Place, ProviderTotal};
pub use record::{IdempotencyKey, Recorded, RecordedCall};
pub use reply::{Reply, ReplyFuture};
pub use reservation::{Reservation, Ticket};
pub use settle::Settled;
pub use settlement::Settlement;
pub use survey::Surroundings;
