//! Where the strings and values of a JSON text end.
//!
//! From quote to quote, so that prose costs next to nothing. What stands inside a value that is
//! passed over is not checked.

use memchr::memchr2;

/// So far it costs less to look at eight bytes at a time than to set up a search: keys are short,
/// and code is full of escapes.
const NEAR_BYTES: usize = 64;
const EACH: u64 = u64::MAX / 255;

/// After the string whose opening quote is at `at`; `None` where it does not end.
pub(crate) fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut from = at + 1;
    loop {
        let stop = from + quote_or_backslash(text.get(from..)?)?;
        if text[stop] == b'"' {
            return Some(stop + 1);
        }
        from = stop + 2;
    }
}

fn quote_or_backslash(text: &[u8]) -> Option<usize> {
    let near = &text[..text.len().min(NEAR_BYTES)];
    for (number, word) in near.chunks_exact(8).enumerate() {
        let word = u64::from_le_bytes(word.try_into().ok()?);
        let found =
            zeros(word ^ (EACH * u64::from(b'"'))) | zeros(word ^ (EACH * u64::from(b'\\')));
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let seen = near.len() / 8 * 8;
    memchr2(b'"', b'\\', &text[seen..]).map(|at| seen + at)
}

/// The highest bit of each byte that is zero. Those above the lowest one may be wrong.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(EACH) & !word & (EACH << 7)
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
            (r#""1234567\"" x"#, Some(11)),
            (r#""12345678\\" x"#, Some(12)),
            (r#""123456\"#, None),
            (
                r#""é and ü, and \u0022 \" and more of it, so that it is longer than what is near" x"#,
                Some(81),
            ),
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
