//! What the fake provider shall do with one request: sent along in the header `x-script`.

use serde::{Deserialize, Serialize};

/// The header that carries a [`Script`] as JSON to the fake provider.
pub const SCRIPT_HEADER: &str = "x-script";
/// The header that names a recorded exchange to replay.
pub const REPLAY_HEADER: &str = "x-replay";

/// One answer of the fake provider. `Script::default()` is a short, complete, honest answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What happens.
    pub act: Act,
    /// Prompt tokens to report.
    pub input_tokens: u64,
    /// Tokens the model would like to say; the request's cap is honoured.
    pub output_tokens: u64,
    /// The text said, repeated as needed. Its bytes have nothing to do with the token counts.
    pub text: String,
    /// Pieces of text in a stream.
    pub chunks: u32,
    /// Pause between two pieces of a stream.
    pub chunk_every_ms: u64,
    /// Pause before the answer begins.
    pub delay_ms: u64,
    /// `gzip`, `deflate`, `br` or `zstd`; with `asked` the best of those that the request accepts.
    pub encoding: Option<String>,
    /// What the header `retry-after` of an error says.
    pub retry_after: Option<String>,
    /// Whether usage is reported at all.
    pub usage: bool,
    /// Splits the body into pieces of 1 to this many bytes, with a flush after each.
    pub split_at_most: Option<usize>,
}

impl Default for Script {
    fn default() -> Script {
        Script {
            act: Act::Answer,
            input_tokens: 10,
            output_tokens: 20,
            text: "Certainly. ".to_owned(),
            chunks: 4,
            chunk_every_ms: 0,
            delay_ms: 0,
            encoding: None,
            retry_after: None,
            usage: true,
            split_at_most: None,
        }
    }
}

/// What happens to the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A complete answer.
    #[default]
    Answer,
    /// Nothing ever comes; the connection stays open.
    Hang,
    /// The first half of the answer, then silence; the connection stays open.
    Stall,
    /// The first half of the answer, then the connection is closed.
    Close,
    /// The first half of the answer, then a TCP reset.
    Reset,
    /// Bytes that are no HTTP.
    Rubbish,
    /// A proper 200 of the right content type whose body is noise.
    RubbishBody,
    /// 429 because the account is out of money.
    InsufficientQuota,
    /// 429 because of too many requests.
    RateLimit,
    /// 500.
    ServerError,
}
