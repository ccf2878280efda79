//! What providers say on the wire, as pure functions over bytes: no I/O, no clock.
//!
//! Where to read:
//! - [`dialect`]: which protocol a path speaks, and what is free.
//! - [`request`]: the few fields admission needs; [`edit`]: the two edits a request may get.
//! - [`meter`]: an answer's usage, read off a copy of its bytes. Below it one file for each dialect
//!   (`openai_chat`, `openai_responses`, `openai_embeddings`, `anthropic`, `gemini`, `other`), the
//!   usage objects they share (`openai`, `counts`), and what bytes go through first: [`decode`],
//!   [`sse`], `json`, `text`, `scan`; `template` spares it to read the same over and over.
//! - [`estimate`]: usage from bytes, where the provider does not say.
//! - [`usage_filter`]: hides the usage chunk we asked for from a client that did not.
//! - [`errors`]: what an upstream's error means.
//! - [`log`]: what tools write down of their calls.
//! - [`balance`]: what is left in an account, as its provider tells it.
//! - [`refusal`]: our own answer to a call that a limit stops; [`ending`]: the early end of a stream
//!   that one stops, on the pieces that `frames` finds.

mod answer;
mod anthropic;
pub mod balance;
mod counts;
pub mod decode;
pub mod dialect;
pub mod edit;
pub mod ending;
pub mod errors;
pub mod estimate;
mod frames;
mod gemini;
mod input;
mod json;
pub mod log;
pub mod meter;
mod openai;
mod openai_chat;
mod openai_embeddings;
mod openai_responses;
mod other;
pub mod refusal;
pub mod request;
mod scan;
pub mod sse;
mod template;
mod text;
pub mod usage_filter;

pub use dialect::{Dialect, is_free, model_of_path};
pub use edit::{with_include_usage, with_output_cap};
pub use ending::{Gated, StreamGate, is_cut_tool_call, with_note};
pub use errors::{ErrorKind, classify};
pub use meter::{Ending, Meter, Reading};
pub use refusal::{RefusalFacts, RefusalStatus, refusal_body, refusal_status};
pub use request::{RequestError, RequestFacts, read_request};
pub use usage_filter::UsageChunkFilter;
