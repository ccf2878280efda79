//! What an answer cost, read off a copy of its bytes as they pass.

use crate::answer::AnswerReader;
use crate::anthropic::AnthropicReader;
use crate::decode::Decoder;
use crate::dialect::Dialect;
use crate::errors::ErrorKind;
use crate::estimate;
use crate::gemini::GeminiReader;
use crate::json::{Json, TextEnd, documents, text_bytes};
use crate::openai_chat::{ChatReader, TEXT_KEYS};
use crate::openai_embeddings::EmbeddingsReader;
use crate::openai_responses::ResponsesReader;
use crate::other::OtherReader;
use crate::sse::{SseEvent, SseReader};
use outlay_core::cost::Metered;
use outlay_core::usage::Usage;

/// The largest document that is kept to be read at its end. Streams are not kept.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Reads one answer. Feed it every byte the upstream sends, then [`finish`](Meter::finish) it,
/// whether the answer came to its end or not.
#[derive(Debug)]
pub struct Meter {
    decoder: Decoder,
    content_type: String,
    body: Body,
    reader: Box<dyn AnswerReader>,
    is_readable: bool,
}

#[derive(Debug)]
enum Body {
    /// Nothing but white space so far.
    Start,
    Document(Vec<u8>),
    Events(SseReader),
    /// Audio, images, pages of HTML: nothing to read.
    Opaque,
}

/// What was read off one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// What is known for pricing. Its usage is `None` where the provider did not (or not yet) say;
    /// with [`Ending::Cut`] it is the last the provider said, and more may have been generated.
    pub metered: Metered,
    /// Counts that came before the real ones (the opening of an Anthropic stream): a floor for an
    /// estimate.
    pub interim: Option<Usage>,
    /// How the answer ended.
    pub ending: Ending,
    /// Bytes of visible text, reasoning and tool arguments that passed, to estimate from.
    pub output_bytes: u64,
    /// Whether the answer was one document rather than a stream.
    pub whole: bool,
    /// Whether all of it could be looked at: not if its encoding or its syntax is broken, or it is
    /// larger than the meter keeps. `output_bytes` then tells nothing.
    pub readable: bool,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With the end its dialect prescribes.
    Complete,
    /// With an error of the provider's.
    Failed(ErrorKind),
    /// Before its end.
    Cut,
}

impl Reading {
    /// The usage to charge where the provider's own is missing or ends early: what is known, and
    /// the rest from the bytes that passed (see [`estimate`]).
    #[must_use]
    pub fn estimated_usage(&self, prompt_bytes: u64) -> Usage {
        let floor = self.metered.usage.or(self.interim);
        estimate::usage(prompt_bytes, self.output_bytes, floor.as_ref())
    }
}

impl Meter {
    /// For an answer of `provider` (its name in a route: `openai`, `openrouter`, …) with these two
    /// headers.
    #[must_use]
    pub fn new(
        provider: &str,
        dialect: Dialect,
        content_type: Option<&str>,
        content_encoding: Option<&str>,
    ) -> Meter {
        let reader: Box<dyn AnswerReader> = match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiCompletions => {
                Box::new(ChatReader::new(provider, dialect))
            }
            Dialect::OpenAiResponses => Box::new(ResponsesReader::new(provider)),
            Dialect::OpenAiEmbeddings => Box::new(EmbeddingsReader::new(provider)),
            Dialect::AnthropicMessages => Box::new(AnthropicReader::new(provider)),
            Dialect::GeminiGenerate | Dialect::GeminiEmbed => Box::new(GeminiReader::new(dialect)),
            Dialect::Other => Box::new(OtherReader::new(provider)),
        };
        Meter {
            decoder: Decoder::new(content_encoding),
            content_type: content_type.unwrap_or_default().trim().to_ascii_lowercase(),
            body: Body::Start,
            reader,
            is_readable: true,
        }
    }

    /// Reads the next bytes, as the upstream sent them.
    pub fn feed(&mut self, chunk: &[u8]) {
        if !self.is_readable && !matches!(self.body, Body::Events(_)) {
            return;
        }
        let Meter { decoder, content_type, body, reader, is_readable } = self;
        let decoded = decoder.feed(chunk, |bytes| {
            take(body, content_type, reader.as_mut(), is_readable, bytes);
        });
        *is_readable &= decoded.is_ok();
    }

    /// Reads what is left and draws the sum.
    #[must_use]
    pub fn finish(mut self) -> Reading {
        let whole = !matches!(self.body, Body::Events(_));
        let mut is_cut = false;
        match std::mem::replace(&mut self.body, Body::Start) {
            Body::Start => is_cut = true,
            Body::Opaque => self.is_readable = false,
            Body::Document(bytes) => match self.read_documents(&bytes) {
                TextState::Whole => {}
                TextState::Truncated => is_cut = true,
                TextState::Unreadable => self.is_readable = false,
            },
            Body::Events(events) => {
                let Meter { reader, is_readable, .. } = &mut self;
                events.finish(|event| {
                    // Where the stream broke off there may be half an event.
                    if documents(&String::from_utf8_lossy(event.data)).1 == TextEnd::Whole
                        || event.data.trim_ascii() == b"[DONE]"
                    {
                        read_event(reader.as_mut(), is_readable, event);
                    }
                });
                is_cut = !self.reader.answer().is_ended;
            }
        }
        self.reader.finish();
        let answer = std::mem::take(self.reader.answer());
        let ending = match answer.failed {
            Some(kind) => Ending::Failed(kind),
            // Finishing may have found the end after all.
            None if is_cut && (whole || !answer.is_ended) => Ending::Cut,
            None => Ending::Complete,
        };
        Reading {
            metered: answer.metered,
            interim: answer.interim,
            ending,
            output_bytes: answer.output_bytes,
            whole,
            readable: self.is_readable,
        }
    }

    fn read_documents(&mut self, bytes: &[u8]) -> TextState {
        let text = String::from_utf8_lossy(bytes);
        let (documents, end) = documents(&text);
        let mut read = |json: Json<'_>| match json.is_array() {
            // Gemini streams without `alt=sse` are one array of chunks.
            true => json.items().into_iter().for_each(|item| self.reader.read("", item)),
            false => self.reader.read("", json),
        };
        documents.into_iter().for_each(&mut read);
        match end {
            TextEnd::Whole => TextState::Whole,
            TextEnd::Truncated(rest) => {
                read(rest);
                // Members that the cut went through were passed over.
                let seen = text_bytes(rest.raw(), &TEXT_KEYS, &[]);
                let answer = self.reader.answer();
                answer.output_bytes = answer.output_bytes.max(seen);
                TextState::Truncated
            }
            TextEnd::NotJson => TextState::Unreadable,
        }
    }
}

enum TextState {
    Whole,
    Truncated,
    Unreadable,
}

/// Hands decoded bytes to whatever the body turns out to be.
fn take(
    body: &mut Body,
    content_type: &str,
    reader: &mut dyn AnswerReader,
    is_readable: &mut bool,
    bytes: &[u8],
) {
    let mut bytes = bytes;
    if let Body::Start = body {
        // Keep-alive spaces, or a byte-order mark, may come first.
        let is_padding =
            |byte: &u8| byte.is_ascii_whitespace() || "\u{feff}".as_bytes().contains(byte);
        let Some(start) = bytes.iter().position(|byte| !is_padding(byte)) else { return };
        bytes = &bytes[start..];
        *body = sniffed(content_type, bytes[0]);
    }
    match body {
        Body::Start | Body::Opaque => {}
        Body::Document(kept) if kept.len() + bytes.len() > DOCUMENT_BYTES_MAX => {
            *body = Body::Opaque;
            *is_readable = false;
        }
        Body::Document(kept) => kept.extend_from_slice(bytes),
        Body::Events(events) => {
            events.feed(bytes, |event| read_event(reader, is_readable, event));
        }
    }
}

/// The first byte tells more than the content type, which gateways get wrong: no line of an event
/// stream begins with a brace, and no JSON with a letter that a field of one begins with.
fn sniffed(content_type: &str, first: u8) -> Body {
    const OPAQUE: [&str; 5] =
        ["audio/", "image/", "video/", "application/octet-stream", "multipart/"];
    if OPAQUE.iter().any(|kind| content_type.starts_with(kind)) {
        return Body::Opaque;
    }
    match first {
        b'{' | b'[' => Body::Document(Vec::new()),
        _ if content_type.starts_with("text/event-stream") => Body::Events(SseReader::new()),
        b'd' | b'e' | b'i' | b'r' | b':' => Body::Events(SseReader::new()),
        _ => Body::Opaque,
    }
}

fn read_event(reader: &mut dyn AnswerReader, is_readable: &mut bool, event: SseEvent<'_>) {
    if event.is_oversized {
        *is_readable = false;
        return;
    }
    let data = event.data.trim_ascii();
    if data == b"[DONE]" {
        reader.answer().is_ended = true;
        return;
    }
    let text = String::from_utf8_lossy(data);
    let json = Json::new(&text);
    if json.is_object() {
        reader.read(event.name, json);
    }
}
