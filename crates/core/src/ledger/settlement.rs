//! How a call ended, as its settlement is told.

use chrono::{DateTime, TimeDelta, Utc};

use crate::cost::Bill;

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// What it consumed and costs; `None` for a call that was not billed (it failed).
    pub bill: Option<Bill>,
    /// The model that served it, where the answer says.
    pub model: Option<String>,
    /// The provider's id of the answer.
    pub response_id: Option<String>,
    /// The prompt tokens that chose the context tier, where they are not the sum.
    pub turn_prompt_tokens: Option<u64>,
    /// Generated tokens that showed, by the count that streams are watched by; `None` where the answer
    /// tells nothing of it.
    pub output_shown_tokens: Option<u64>,
    /// The upstream's HTTP status; `None` if it never answered.
    pub http_status: Option<u16>,
    /// The class of the upstream's error.
    pub error_kind: Option<&'static str>,
    /// From admission to the end; `None` where not known.
    pub duration: Option<TimeDelta>,
    /// From admission to the first byte of the answer.
    pub first_byte: Option<TimeDelta>,
    /// The instant of the end.
    pub at: DateTime<Utc>,
    /// Whether it was ended because of a limit.
    pub ended: bool,
}
