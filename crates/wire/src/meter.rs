//! What an answer cost, read off a copy of its bytes as they pass.

use crate::answer::AnswerReader;
use crate::anthropic::AnthropicReader;
use crate::decode::Decoder;
use crate::dialect::Dialect;
use crate::errors::ErrorKind;
use crate::estimate;
use crate::frames::{self, ElementEnds};
use crate::gemini::GeminiReader;
use crate::json::{Json, TextEnd, documents, text_of};
use crate::openai_chat::{ChatReader, TEXT_KEYS};
use crate::openai_embeddings::EmbeddingsReader;
use crate::openai_responses::ResponsesReader;
use crate::other::OtherReader;
use crate::sse::{SseEvent, SseReader};
use crate::template::Template;
use crate::text::text_bytes;
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
    /// Whether a JSON array is a stream of chunks, as Gemini's is without `alt=sse`.
    streams_arrays: bool,
    body: Body,
    intake: Intake,
}

#[derive(Debug)]
enum Body {
    /// Nothing but white space so far.
    Start,
    Document(Vec<u8>),
    Events(SseReader),
    /// Where the elements of an array end, and what there is of the next one.
    Elements(ElementEnds, Vec<u8>),
    /// Audio, images, pages of HTML: nothing to read.
    Opaque,
}

/// Where the pieces of an answer go.
#[derive(Debug)]
struct Intake {
    reader: Box<dyn AnswerReader>,
    is_readable: bool,
    progress: Progress,
    template: Template,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The last the provider said: generated tokens.
    told_tokens: u64,
    /// Bytes of text that had passed when it said so.
    told_at: u64,
    /// Bytes of text that have passed.
    output_bytes: u64,
    /// Whether the end that the dialect prescribes has come.
    has_ended: bool,
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

    /// Generated tokens that its text shows, whatever the provider counted; `None` where not all of it
    /// could be read.
    #[must_use]
    pub fn shown_tokens(&self) -> Option<u64> {
        self.readable.then(|| estimate::shown_tokens(self.output_bytes))
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
            streams_arrays: dialect == Dialect::GeminiGenerate,
            body: Body::Start,
            intake: Intake {
                reader,
                is_readable: true,
                progress: Progress::default(),
                template: Template::default(),
            },
        }
    }

    /// Reads the next bytes, as the upstream sent them.
    pub fn feed(&mut self, chunk: &[u8]) {
        if !self.intake.is_readable && !matches!(self.body, Body::Events(_)) {
            return;
        }
        let Meter { decoder, content_type, streams_arrays, body, intake } = self;
        let decoded = decoder.feed(chunk, |bytes| {
            let mut bytes = bytes;
            if let Body::Start = body {
                let Some(start) = bytes.iter().position(|byte| !is_padding(*byte)) else { return };
                bytes = &bytes[start..];
                *body = sniffed(content_type, *streams_arrays, bytes[0]);
            }
            body.take(bytes, intake);
        });
        intake.is_readable &= decoded.is_ok();
    }

    /// Tokens generated so far, as far as the stream shows them: the provider's own running count
    /// where it has one, and an estimate (see [`estimate`]) of the text that came after it. Reasoning
    /// that is not shown is missing until the provider counts it, and so is a whole document until
    /// it is finished.
    #[must_use]
    pub fn output_tokens_so_far(&self) -> u64 {
        let Progress { told_tokens, told_at, output_bytes, .. } = self.intake.progress;
        let untold = estimate::shown_tokens(output_bytes.saturating_sub(told_at));
        told_tokens.saturating_add(untold)
    }

    /// Whether a stream has come to the end that its dialect prescribes: nothing more will be
    /// generated.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.intake.progress.has_ended
    }

    /// Reads what is left and draws the sum.
    #[must_use]
    pub fn finish(self) -> Reading {
        let Meter { body, mut intake, .. } = self;
        let whole = !matches!(body, Body::Events(_));
        let is_cut = match body {
            Body::Start => true,
            Body::Opaque => {
                intake.is_readable = false;
                false
            }
            Body::Document(bytes) => intake.read_documents(&bytes),
            Body::Elements(ends, rest) => intake.read_last_element(&ends, &rest),
            Body::Events(events) => {
                events.finish(|event| {
                    // Where the stream broke off there may be half an event.
                    if documents(&text_of(event.data)).1 == TextEnd::Whole
                        || event.data.trim_ascii() == b"[DONE]"
                    {
                        intake.read_event(event);
                    }
                });
                !intake.reader.answer().is_ended
            }
        };
        intake.reader.finish();
        let answer = std::mem::take(intake.reader.answer());
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
            readable: intake.is_readable,
        }
    }
}

impl Body {
    /// Takes decoded bytes.
    fn take(&mut self, bytes: &[u8], intake: &mut Intake) {
        match self {
            Body::Start | Body::Opaque => {}
            Body::Document(kept) | Body::Elements(_, kept)
                if kept.len() + bytes.len() > DOCUMENT_BYTES_MAX =>
            {
                *self = Body::Opaque;
                intake.is_readable = false;
            }
            Body::Document(kept) => kept.extend_from_slice(bytes),
            Body::Elements(ends, kept) => {
                let mut rest = bytes;
                while let Some(end) = ends.next_end(rest) {
                    kept.extend_from_slice(&rest[..end]);
                    rest = &rest[end..];
                    intake.read_element(kept);
                    kept.clear();
                }
                kept.extend_from_slice(rest);
                if !intake.is_readable {
                    *self = Body::Opaque;
                }
            }
            Body::Events(events) => events.feed(bytes, |event| intake.read_event(event)),
        }
    }
}

impl Intake {
    fn read_event(&mut self, event: SseEvent<'_>) {
        if event.is_oversized {
            self.is_readable = false;
            return;
        }
        let data = event.data.trim_ascii();
        if let Some(bytes) = self.template.text_bytes(event.name, data) {
            let answer = self.reader.answer();
            answer.output_bytes += bytes;
            self.progress.output_bytes = answer.output_bytes;
            return;
        }
        if data == b"[DONE]" {
            self.reader.answer().is_ended = true;
            self.progress.has_ended = true;
            return;
        }
        let text = text_of(data);
        let json = Json::new(&text);
        if json.is_object() {
            self.read(event.name, json);
            self.template.keep(event.name, data, json.raw(), self.reader.text_event());
        }
    }

    fn read_element(&mut self, frame: &[u8]) {
        let element = frames::element(frame);
        if element.is_empty() {
            return;
        }
        let text = text_of(element);
        match documents(&text) {
            (elements, TextEnd::Whole) => {
                elements.into_iter().for_each(|element| self.read("", element));
            }
            _ => self.is_readable = false,
        }
    }

    /// What is left of an array, and whether it was cut off.
    fn read_last_element(&mut self, ends: &ElementEnds, rest: &[u8]) -> bool {
        let text = text_of(frames::element(rest));
        if let (_, TextEnd::NotJson) = documents(&text) {
            self.is_readable = false;
        }
        self.reader.answer().output_bytes += text_bytes(&text, &TEXT_KEYS, &[]);
        !ends.is_over()
    }

    fn read(&mut self, name: &str, json: Json<'_>) {
        self.reader.read(name, json);
        let told = self.reader.told_tokens();
        let Progress { told_tokens, told_at, output_bytes, has_ended } = &mut self.progress;
        let answer = self.reader.answer();
        *output_bytes = answer.output_bytes;
        *has_ended = answer.is_ended;
        if let Some(told) = told.filter(|told| told != told_tokens) {
            *told_tokens = told;
            *told_at = *output_bytes;
        }
    }

    /// Reads a whole body, and says whether it was cut off.
    fn read_documents(&mut self, bytes: &[u8]) -> bool {
        let text = text_of(bytes);
        let (documents, end) = documents(&text);
        let mut read = |json: Json<'_>| match json.is_array() {
            true => json.items().into_iter().for_each(|item| self.reader.read("", item)),
            false => self.reader.read("", json),
        };
        documents.into_iter().for_each(&mut read);
        match end {
            TextEnd::Whole => {}
            TextEnd::Truncated(rest) => {
                read(rest);
                // Members that the cut went through were passed over.
                let seen = text_bytes(rest.raw(), &TEXT_KEYS, &[]);
                let answer = self.reader.answer();
                answer.output_bytes = answer.output_bytes.max(seen);
            }
            TextEnd::NotJson => self.is_readable = false,
        }
        matches!(end, TextEnd::Truncated(_))
    }
}

/// Keep-alive spaces, or a byte-order mark, may come first.
fn is_padding(byte: u8) -> bool {
    byte.is_ascii_whitespace() || "\u{feff}".as_bytes().contains(&byte)
}

/// The first byte tells more than the content type, which gateways get wrong: no line of an event
/// stream begins with a brace, and no JSON with a letter that a field of one begins with.
fn sniffed(content_type: &str, streams_arrays: bool, first: u8) -> Body {
    const OPAQUE: [&str; 5] =
        ["audio/", "image/", "video/", "application/octet-stream", "multipart/"];
    if OPAQUE.iter().any(|kind| content_type.starts_with(kind)) {
        return Body::Opaque;
    }
    match first {
        b'[' if streams_arrays => Body::Elements(ElementEnds::default(), Vec::new()),
        b'{' | b'[' => Body::Document(Vec::new()),
        _ if content_type.starts_with("text/event-stream") => Body::Events(SseReader::new()),
        b'd' | b'e' | b'i' | b'r' | b':' => Body::Events(SseReader::new()),
        _ => Body::Opaque,
    }
}

#[cfg(test)]
impl Meter {
    /// The same, reading every event in full.
    pub(crate) fn in_full(mut self) -> Meter {
        self.intake.template = Template::given_up();
        self
    }

    pub(crate) fn template(&self) -> &Template {
        &self.intake.template
    }
}
