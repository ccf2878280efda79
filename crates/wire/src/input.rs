//! What a request's body says about input that its length does not bound, references to things it
//! does not hold, and media; and whether it declares tools or asks for reasoning.
//!
//! One walk over the whole body, which finds its top-level members on the way. In doubt it says yes:
//! a reference taken for text would make a call's bound too low, text taken for a reference only
//! makes it too high.

use std::borrow::Cow;

use crate::dialect::Dialect;
use crate::json::{Json, Object, items, members};
use crate::scan::{after_space, scalar_end, string_end, value_end};

/// What the body holds or points at beside text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Input {
    /// Whether it points at something that it does not hold.
    pub(crate) is_remote: bool,
    /// Images, documents, recordings and films, held or pointed at.
    pub(crate) media_parts: u64,
    /// Whether one of them is no image.
    pub(crate) has_long_media: bool,
    /// Bytes of media in base64.
    pub(crate) media_bytes: u64,
    /// Whether it declares tools.
    pub(crate) has_tools: bool,
    /// Whether it switches reasoning on.
    pub(crate) asks_for_reasoning: bool,
}

/// Looks through a body, and finds its members; `None` where it is no JSON object.
pub(crate) fn read(dialect: Dialect, text: &str) -> Option<(Object<'_>, Input)> {
    let start = after_space(text.as_bytes(), 0);
    let mut walk = Walk { text, dialect, members: Vec::new(), input: Input::default() };
    if text.as_bytes().get(start) != Some(&b'{') {
        return None;
    }
    let (end, parts) = walk.object(start, Place::default(), Depth { all: 0, objects: Some(0) })?;
    let Walk { members, mut input, .. } = walk;
    input.media_parts = parts;
    let is_all = after_space(text.as_bytes(), end) == text.len();
    is_all.then_some((Object(members), input))
}

/// Keys whose value names something kept elsewhere.
const REFERENCES: [&str; 16] = [
    "agent_id",
    "assistant_id",
    "cached_content",
    "cachedContent",
    "container",
    "container_id",
    "conversation",
    "conversation_id",
    "document_id",
    "file_id",
    "file_ids",
    "fileId",
    "previous_interaction_id",
    "previous_response_id",
    "thread_id",
    "vector_store_ids",
];

/// Keys of objects whose `id` names something kept elsewhere.
const REFERRED: [&str; 8] =
    ["audio", "container", "conversation", "document", "file", "image", "prompt", "video"];

/// Keys whose string is media or its address.
const MEDIA_KEYS: [&str; 14] = [
    "audio",
    "audios",
    "document",
    "file",
    "file_data",
    "files",
    "image",
    "images",
    "inlineData",
    "inline_data",
    "input_audio",
    "source",
    "video",
    "videos",
];

const IMAGE_TYPES: [&str; 4] = ["image", "image_url", "input_image", "image_generation_call"];
const LONG_MEDIA_TYPES: [&str; 13] = [
    "audio",
    "audio_url",
    "document",
    "document_url",
    "file",
    "file_url",
    "input_audio",
    "input_file",
    "input_video",
    "media",
    "pdf",
    "video",
    "video_url",
];

/// Shorter strings may be words.
const BASE64_BYTES_MIN: usize = 256;

/// Values nested deeper are not looked through.
const DEPTH_MAX: u64 = 128;

/// Where a value stands.
#[derive(Clone, Copy, Default)]
struct Place<'k> {
    /// The key it stands under, also through arrays.
    key: &'k str,
    /// Whether a string or a number here names something kept elsewhere.
    is_reference: bool,
    /// Whether a string here is an address.
    is_address: bool,
    /// Whether a string here is media or its address.
    is_media: bool,
}

impl<'k> Place<'k> {
    /// Under `key`, in an object that stands under `holder`.
    fn of(key: &'k str, holder: &str) -> Place<'k> {
        // Nearly all that a conversation holds stands under these, and under no key of the lists.
        if matches!(key, "content" | "role" | "text" | "type") {
            return Place { key, ..Place::default() };
        }
        Place {
            key,
            is_reference: REFERENCES.contains(&key) || key == "id" && REFERRED.contains(&holder),
            is_address: ends_in_address(key),
            is_media: MEDIA_KEYS.contains(&key),
        }
    }
}

/// How deep a value stands.
#[derive(Clone, Copy)]
struct Depth {
    all: u64,
    /// The objects around it, where there is no array among them.
    objects: Option<u64>,
}

impl Depth {
    fn in_object(self) -> Depth {
        Depth { all: self.all + 1, objects: self.objects.map(|objects| objects + 1) }
    }

    fn in_array(self) -> Depth {
        Depth { all: self.all + 1, objects: None }
    }

    /// Whether a member stands where settings do: at the top, or in an object at the top.
    fn is_of_settings(self) -> bool {
        self.objects.is_some_and(|objects| objects <= 2)
    }
}

/// A walk over a body. Its methods give where a value ends, and how many media parts it has; `None`
/// where it is flawed.
struct Walk<'a> {
    text: &'a str,
    dialect: Dialect,
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    input: Input,
}

impl<'a> Walk<'a> {
    fn value(&mut self, at: usize, place: Place<'_>, depth: Depth) -> Option<(usize, u64)> {
        let bytes = self.text.as_bytes();
        match bytes.get(at)? {
            b'"' => {
                let end = string_end(bytes, at)?;
                let json = Json::new(self.text.get(at..end)?);
                Some((end, self.string(json, place)))
            }
            b'{' | b'[' if depth.all >= DEPTH_MAX => {
                self.input.is_remote = true;
                self.input.has_long_media = true;
                Some((value_end(bytes, at)?, 0))
            }
            b'{' => self.object(at, place, depth),
            b'[' => self.array(at, place, depth),
            first => {
                let end = scalar_end(bytes, at)?;
                let is_count =
                    first.is_ascii_digit() && bytes[at..end].iter().all(u8::is_ascii_digit);
                self.input.is_remote |= is_count && place.is_reference;
                Some((end, 0))
            }
        }
    }

    fn array(&mut self, at: usize, place: Place<'_>, depth: Depth) -> Option<(usize, u64)> {
        let mut parts = 0;
        let end = items(self.text, at, |at| {
            let (end, found) = self.value(at, place, depth.in_array())?;
            parts += found;
            Some(end)
        })?;
        Some((end, parts))
    }

    fn object(&mut self, at: usize, place: Place<'_>, depth: Depth) -> Option<(usize, u64)> {
        let text = self.text;
        let depth = depth.in_object();
        let mut tells = Told::default();
        let mut parts = 0;
        let end = members(text, at, |key, at| {
            let end = if self.is_text_to_the_model(&key, place.key) {
                value_end(text.as_bytes(), at)?
            } else {
                let (end, found) = self.value(at, Place::of(&key, place.key), depth)?;
                parts += found;
                end
            };
            let value = Json::new(text.get(at..end)?);
            tells.see(&key, value);
            if depth.is_of_settings() {
                self.input.has_tools |= declares_tools(&key, value);
                self.input.asks_for_reasoning |= asks_for_reasoning(&key, value);
            }
            if depth.objects == Some(1) {
                self.members.push((key, value));
            }
            Some(end)
        })?;
        self.input.is_remote |= tells.is_kept_elsewhere(self.dialect, place);
        let is_image = tells.is_image(place);
        self.input.has_long_media |= is_image == Some(false);
        // A part's own data or address is the part itself.
        Some((end, if is_image.is_some() { parts.max(1) } else { parts }))
    }

    /// Arguments and results of the client's own tools are text to the model, whatever they say.
    fn is_text_to_the_model(&self, key: &str, holder: &str) -> bool {
        match self.dialect {
            Dialect::AnthropicMessages => key == "input",
            Dialect::GeminiGenerate => key == "args" || key == "response" && !holder.is_empty(),
            _ => false,
        }
    }

    /// The number of media parts that a string is.
    fn string(&mut self, quoted: Json<'a>, place: Place<'_>) -> u64 {
        let raw = quoted.raw();
        let may_be_url = match raw.as_bytes().get(1) {
            Some(b'd' | b'D') => starts_with_ignoring_case(&raw[1..], "data:"),
            Some(b'\\') => raw.starts_with("\"\\u00"),
            _ => false,
        };
        let has_role =
            place.is_reference || place.is_address || place.is_media || place.key == "data";
        if !may_be_url && !has_role && place.key != "type" {
            return 0;
        }
        let Some(text) = quoted.text() else { return 0 };
        if let Some(data) = data_url(&text) {
            self.input.has_long_media |= !starts_with_ignoring_case(&text, "data:image/");
            self.base64(data);
            return 1;
        }
        if place.is_reference || place.is_address {
            self.input.is_remote = true;
            return u64::from(place.is_address);
        }
        if place.is_media && has_scheme(&text) {
            self.input.is_remote = true;
            return 1;
        }
        if place.key == "type" && text == "item_reference" {
            self.input.is_remote = true;
        }
        if place.key == "data" || place.is_media {
            let counted = self.base64(&text);
            return u64::from(counted || place.is_media && place.key != "source");
        }
        0
    }

    /// Counts base64 that is too long for a word.
    fn base64(&mut self, data: &str) -> bool {
        // In blocks, for recordings are long.
        let blocks = data.as_bytes().chunks(64);
        let is_whole = |block: &[u8]| block.iter().fold(true, |all, byte| all & is_base64(*byte));
        let mut bytes = 0;
        for block in blocks {
            if !is_whole(block) {
                bytes += block.iter().take_while(|byte| is_base64(**byte)).count();
                break;
            }
            bytes += block.len();
        }
        let is_long = bytes >= BASE64_BYTES_MIN;
        self.input.media_bytes += if is_long { bytes as u64 } else { 0 };
        is_long
    }
}

/// What an object tells of itself.
#[derive(Default)]
struct Told<'a> {
    kind: Option<Json<'a>>,
    mime: Option<Json<'a>>,
    has_id: bool,
    has_role: bool,
    has_encrypted: bool,
}

impl<'a> Told<'a> {
    fn see(&mut self, key: &str, value: Json<'a>) {
        let is_text = || value.is_string() && value.raw() != "\"\"";
        match key {
            "type" if is_text() => self.kind = Some(value),
            "mimeType" | "mime_type" if is_text() => self.mime = Some(value),
            "id" => self.has_id |= is_text(),
            "role" => self.has_role |= is_text(),
            "encrypted_content" => self.has_encrypted |= is_text(),
            _ => {}
        }
    }

    /// Whether the provider looks up what this item of a conversation says.
    fn is_kept_elsewhere(&self, dialect: Dialect, place: Place<'_>) -> bool {
        if dialect != Dialect::OpenAiResponses || place.key != "input" || !self.has_id {
            return false;
        }
        match self.kind.and_then(Json::text).as_deref() {
            None => !self.has_role,
            Some("reasoning") => !self.has_encrypted,
            Some(_) => false,
        }
    }

    /// Whether this is media, and then whether it is an image.
    fn is_image(&self, place: Place<'_>) -> Option<bool> {
        if matches!(place.key, "inlineData" | "inline_data" | "fileData" | "file_data") {
            let mime = self.mime.and_then(Json::text);
            return Some(mime.is_some_and(|mime| mime.starts_with("image/")));
        }
        let kind = self.kind?.text()?;
        if IMAGE_TYPES.contains(&kind.as_ref()) {
            return Some(true);
        }
        LONG_MEDIA_TYPES.contains(&kind.as_ref()).then_some(false)
    }
}

fn declares_tools(key: &str, value: Json<'_>) -> bool {
    matches!(key, "tools" | "functions") && value.raw() != "null" && !value.is_empty_array()
}

/// Whether a setting switches reasoning on. Errs on the side of yes.
fn asks_for_reasoning(key: &str, value: Json<'_>) -> bool {
    let is_off =
        |value: Json<'_>| matches!(value.raw(), "null" | "false" | "\"none\"" | "\"disabled\"");
    match key {
        "reasoning_effort" => !is_off(value),
        // Text of an earlier turn's reasoning has the same name and is a plain string.
        "thinking" | "reasoning" | "thinkingConfig" | "thinking_config" if value.is_object() => {
            let mut is_switched_off = false;
            let (mut members, mut off) = (0, 0);
            value.each_member(|key, value| {
                let is_off = is_off(value);
                is_switched_off |= is_off && matches!(key, "type" | "effort" | "enabled");
                members += 1;
                off += u64::from(is_off);
            });
            !is_switched_off && (members == 0 || off < members)
        }
        _ => false,
    }
}

/// The data of a `data:` URL.
fn data_url(text: &str) -> Option<&str> {
    if !starts_with_ignoring_case(text, "data:") {
        return None;
    }
    text.split_once(',').map(|(_, data)| data)
}

fn has_scheme(text: &str) -> bool {
    let start = text.trim_start();
    start.split_once("://").is_some_and(|(scheme, _)| {
        (1..=10).contains(&scheme.len()) && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn starts_with_ignoring_case(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

fn ends_in_address(key: &str) -> bool {
    let key = key.as_bytes();
    let ends_with = |end: &[u8]| {
        key.len().checked_sub(end.len()).is_some_and(|at| key[at..].eq_ignore_ascii_case(end))
    };
    [&b"url"[..], b"uri", b"urls", b"uris"].into_iter().any(ends_with)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}
