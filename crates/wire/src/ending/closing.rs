//! The events of ours that end a stream, as bytes.

use serde_json::Value;

/// An event of ours. Its name is empty where the dialect does not name events.
pub(super) struct Closing {
    pub(super) name: &'static str,
    pub(super) data: String,
}

impl Closing {
    pub(super) fn new(name: &'static str, data: &Value) -> Closing {
        Closing { name, data: data.to_string() }
    }
}

/// `note` as it continues a text.
pub(super) fn continuing(note: &str, has_text: bool) -> String {
    if has_text { format!("\n\n{note}") } else { note.to_owned() }
}

/// As server-sent events.
pub(super) fn events(closing: &[Closing], is_after_cr: bool) -> Vec<u8> {
    let mut bytes = String::new();
    if is_after_cr && !closing.is_empty() {
        bytes.push('\n');
    }
    for Closing { name, data } in closing {
        if !name.is_empty() {
            bytes.push_str(&format!("event: {name}\n"));
        }
        bytes.push_str(&format!("data: {data}\n\n"));
    }
    bytes.into_bytes()
}

/// The last elements of an array, and its end.
pub(super) fn elements(closing: &[Closing], has_passed: bool) -> Vec<u8> {
    let mut bytes = String::new();
    for (at, Closing { data, .. }) in closing.iter().enumerate() {
        bytes.push_str(if at > 0 || has_passed { ",\n" } else { "[" });
        bytes.push_str(data);
    }
    if bytes.is_empty() && !has_passed {
        bytes.push('[');
    }
    bytes.push_str("\n]\n");
    bytes.into_bytes()
}
