//! What a request's body says about input that its length does not bound: references to things it
//! does not hold, and media.
//!
//! One walk over the whole body. In doubt it says yes: a reference taken for text would make a
//! call's bound too low, text taken for a reference only makes it too high.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::dialect::Dialect;
use crate::json::Text;

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
}

/// Looks through a body that is JSON.
pub(crate) fn read(dialect: Dialect, text: &str) -> Input {
    let mut input = Input::default();
    let place = Place { key: "", holder: "", dialect };
    let seed = Walk { place, input: &mut input };
    match seed.deserialize(&mut serde_json::Deserializer::from_str(text)) {
        Ok(parts) => input.media_parts = parts,
        // Nested too deeply to be looked through.
        Err(_) => {
            input.is_remote = true;
            input.has_long_media = true;
        }
    }
    input
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

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'k> {
    /// The key it stands under, also through arrays.
    key: &'k str,
    /// The key that the object around it stands under.
    holder: &'k str,
    dialect: Dialect,
}

impl Place<'_> {
    /// Arguments and results of the client's own tools are text to the model, whatever they say.
    fn is_text_to_the_model(self) -> bool {
        match self.dialect {
            Dialect::AnthropicMessages => self.key == "input",
            Dialect::GeminiGenerate => {
                self.key == "args" || self.key == "response" && !self.holder.is_empty()
            }
            _ => false,
        }
    }

    fn is_reference(self) -> bool {
        REFERENCES.contains(&self.key) || self.key == "id" && REFERRED.contains(&self.holder)
    }

    fn is_address(self) -> bool {
        let key = self.key.to_ascii_lowercase();
        ["url", "uri", "urls", "uris"].iter().any(|end| key.ends_with(end))
    }
}

/// Yields how many media parts a value has.
struct Walk<'k, 'i> {
    place: Place<'k>,
    input: &'i mut Input,
}

impl Walk<'_, '_> {
    /// A string that stands here; the number of media parts it is.
    fn string(&mut self, text: &str) -> u64 {
        let place = self.place;
        if text.is_empty() {
            return 0;
        }
        if let Some(data) = data_url(text) {
            self.input.has_long_media |= !starts_with_ignoring_case(text, "data:image/");
            self.base64(data);
            return 1;
        }
        if place.is_reference() || place.is_address() {
            self.input.is_remote = true;
            return u64::from(place.is_address());
        }
        let is_media = MEDIA_KEYS.contains(&place.key);
        if is_media && has_scheme(text) {
            self.input.is_remote = true;
            return 1;
        }
        if place.key == "type" && text == "item_reference" {
            self.input.is_remote = true;
        }
        if place.key == "data" || is_media {
            let counted = self.base64(text);
            return u64::from(counted || is_media && place.key != "source");
        }
        0
    }

    /// Counts base64 that is too long for a word.
    fn base64(&mut self, data: &str) -> bool {
        let bytes = data.bytes().position(|byte| !is_base64(byte)).unwrap_or(data.len());
        let is_long = bytes >= BASE64_BYTES_MIN;
        self.input.media_bytes += if is_long { bytes as u64 } else { 0 };
        is_long
    }
}

/// What an object tells of itself.
#[derive(Default)]
struct Object {
    kind: Option<String>,
    mime: Option<String>,
    has_id: bool,
    has_role: bool,
    has_encrypted: bool,
}

impl Object {
    fn see(&mut self, key: &str, text: &str) {
        match key {
            "type" => self.kind = Some(text.to_owned()),
            "mimeType" | "mime_type" => self.mime = Some(text.to_owned()),
            "id" => self.has_id = true,
            "role" => self.has_role = true,
            "encrypted_content" => self.has_encrypted = true,
            _ => {}
        }
    }

    /// Whether the provider looks up what this item of a conversation says.
    fn is_kept_elsewhere(&self, place: Place<'_>) -> bool {
        let is_item = place.dialect == Dialect::OpenAiResponses && place.key == "input";
        is_item
            && self.has_id
            && match self.kind.as_deref() {
                None => !self.has_role,
                Some("reasoning") => !self.has_encrypted,
                Some(_) => false,
            }
    }

    /// Whether this is media, and then whether it is an image.
    fn is_image(&self, place: Place<'_>) -> Option<bool> {
        if matches!(place.key, "inlineData" | "inline_data" | "fileData" | "file_data") {
            return Some(self.mime.as_deref().is_some_and(|mime| mime.starts_with("image/")));
        }
        let kind = self.kind.as_deref()?;
        if IMAGE_TYPES.contains(&kind) {
            return Some(true);
        }
        LONG_MEDIA_TYPES.contains(&kind).then_some(false)
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<u64, E> {
        Ok(self.string(text))
    }

    fn visit_bool<E>(self, _: bool) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_i64<E>(self, _: i64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_u64<E>(self, _: u64) -> Result<u64, E> {
        self.input.is_remote |= self.place.is_reference();
        Ok(0)
    }

    fn visit_f64<E>(self, _: f64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_unit<E>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<u64, A::Error> {
        let Walk { place, input } = self;
        let mut parts = 0_u64;
        while let Some(found) = seq.next_element_seed(Walk { place, input: &mut *input })? {
            parts += found;
        }
        Ok(parts)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<u64, A::Error> {
        let Walk { place, input } = self;
        let mut object = Object::default();
        let mut parts = 0_u64;
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            let inner = Place { key: &key, holder: place.key, dialect: place.dialect };
            if inner.is_text_to_the_model() {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            }
            let walk = Walk { place: inner, input: &mut *input };
            parts += match tells_of_itself(&key) {
                true => map.next_value_seed(Telling { walk, object: &mut object })?,
                false => map.next_value_seed(walk)?,
            };
        }
        input.is_remote |= object.is_kept_elsewhere(place);
        let is_image = object.is_image(place);
        input.has_long_media |= is_image == Some(false);
        // A part's own data or address is the part itself.
        Ok(if is_image.is_some() { parts.max(1) } else { parts })
    }
}

fn tells_of_itself(key: &str) -> bool {
    matches!(key, "type" | "mimeType" | "mime_type" | "id" | "role" | "encrypted_content")
}

/// A walk over a value that, where it is a string, tells of the object it is in.
struct Telling<'k, 'i, 'o> {
    walk: Walk<'k, 'i>,
    object: &'o mut Object,
}

impl<'de> DeserializeSeed<'de> for Telling<'_, '_, '_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        let raw: &serde_json::value::RawValue = Deserialize::deserialize(deserializer)?;
        let json = crate::json::Json::new(raw.get());
        if let Some(text) = json.text() {
            let mut walk = self.walk;
            self.object.see(walk.place.key, &text);
            return Ok(walk.string(&text));
        }
        self.walk
            .deserialize(&mut serde_json::Deserializer::from_str(raw.get()))
            .map_err(serde::de::Error::custom)
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

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}
