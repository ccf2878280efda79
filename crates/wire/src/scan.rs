//! Where the strings and values of a JSON text end.
//!
//! From quote to quote, so that prose costs next to nothing. What stands inside a value that is
//! passed over is not checked.

use memchr::memchr;

/// Up to this length it costs less to look at each byte than to set up a search.
const SHORT_BYTES: usize = 16;

/// After the string whose opening quote is at `at`; `None` where it does not end.
pub(crate) fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let start = at + 1;
    for (length, byte) in text.get(start..)?.iter().take(SHORT_BYTES).enumerate() {
        match byte {
            b'"' => return Some(start + length + 1),
            b'\\' => break,
            _ => {}
        }
    }
    let mut from = start;
    loop {
        let quote = from + memchr(b'"', text.get(from..)?)?;
        let before = &text[start..quote];
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return Some(quote + 1);
        }
        from = quote + 1;
    }
}

/// After the value that begins at `at`; `None` where there is none, or it does not end.
pub(crate) fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => string_end(text, at),
        b'{' | b'[' => container_end(text, at),
        _ => scalar_end(text, at),
    }
}

/// Where the next byte stands that is no white space.
pub(crate) fn after_space(text: &[u8], at: usize) -> usize {
    let mut at = at;
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// After the number or the word that begins at `at`.
pub(crate) fn scalar_end(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    for word in [&b"null"[..], b"true", b"false"] {
        if rest.starts_with(word) {
            return Some(at + word.len());
        }
    }
    let is_of_number =
        |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let length = rest.iter().position(|byte| !is_of_number(byte)).unwrap_or(rest.len());
    (length > 0).then_some(at + length)
}

fn container_end(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    let mut depth = 0_usize;
    loop {
        match text.get(at)? {
            b'"' => {
                at = string_end(text, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_values() {
        for (text, expected) in [
            (r#""a" x"#, Some(3)),
            (r#""a\"b\\" x"#, Some(8)),
            (r#""\\\\" x"#, Some(6)),
            (r#""\\\""#, None),
            (r#""a"#, None),
            (r#""a key longer than most" x"#, Some(24)),
            (r#""sixteen bytes 16" x"#, Some(18)),
            (r#""sixteen bytes 16\\" x"#, Some(20)),
            (r#""sixteen bytes 16\""#, None),
            (r#"{"a":["}",{"b":"]"}]},"#, Some(21)),
            (r#"{"a":["}"#, None),
            ("-1.5e+7,", Some(7)),
            ("null]", Some(4)),
            ("nul", None),
            ("", None),
            ("]", None),
        ] {
            assert_eq!(value_end(text.as_bytes(), 0), expected, "{text}");
        }
    }
}
