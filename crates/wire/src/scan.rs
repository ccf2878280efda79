//! Where the strings and values of a JSON text end.
//!
//! From quote to quote, so that prose costs next to nothing. What stands inside a value that is
//! passed over is not checked.

use memchr::memchr;

/// Keys and most values are no longer.
const NEAR_BYTES: usize = 16;
const EACH: u64 = u64::MAX / 255;
/// Long strings are looked through in blocks of so many bytes.
const BLOCK_BYTES: usize = 64;
/// A block, and the two bytes before it.
const WINDOW_BYTES: usize = BLOCK_BYTES + 2;

/// After the string whose opening quote is at `at`; `None` where it does not end.
pub(crate) fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let start = at + 1;
    let mut from = start;
    if let Some(near) = text.get(start..)?.first_chunk::<NEAR_BYTES>() {
        match near_quote(near) {
            Some(quote) if !is_escaped(text, start, start + quote) => {
                return Some(start + quote + 1);
            }
            Some(quote) => from = start + quote + 1,
            None => from = start + NEAR_BYTES,
        }
    }
    loop {
        // What is past the first bytes has two before it, and they are of the string.
        while from >= start + 2
            && let Some(window) = text.get(from - 2..).and_then(<[u8]>::first_chunk)
            && !may_end(window)
        {
            from += BLOCK_BYTES;
        }
        let block_end = from + BLOCK_BYTES;
        while from < block_end {
            let quote = from + memchr(b'"', text.get(from..)?)?;
            if !is_escaped(text, start, quote) {
                return Some(quote + 1);
            }
            from = quote + 1;
        }
    }
}

/// After the string whose opening quote is at `at`, where it is short and has no escapes, as keys
/// are.
pub(crate) fn plain_string_end(text: &[u8], at: usize) -> Option<usize> {
    let near = text.get(at + 1..)?;
    for (number, word) in near.chunks_exact(8).take(4).enumerate() {
        let word = u64::from_le_bytes(word.try_into().ok()?);
        let quotes = zeros(word ^ (EACH * u64::from(b'"')));
        let found = quotes | zeros(word ^ (EACH * u64::from(b'\\')));
        if found != 0 {
            let lowest = found & found.wrapping_neg();
            let is_quote = quotes & lowest != 0;
            return is_quote.then_some(at + 2 + number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    None
}

/// Whether the byte at `at` is escaped in the string that begins at `start`.
fn is_escaped(text: &[u8], start: usize, at: usize) -> bool {
    let before = text.get(start..at).unwrap_or_default();
    match before {
        [.., b'\\', b'\\'] => {
            before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
        }
        [.., b'\\'] => true,
        _ => false,
    }
}

/// Whether a string may end in the block: at a quote that does not stand after a single backslash,
/// as those in code do. Without a branch, so that many bytes are looked at in one instruction.
fn may_end(window: &[u8; WINDOW_BYTES]) -> bool {
    let mut found = false;
    for ((second, first), byte) in window.iter().zip(&window[1..]).zip(&window[2..]) {
        found |= (*byte == b'"') & !((*first == b'\\') & (*second != b'\\'));
    }
    found
}

fn near_quote(near: &[u8; NEAR_BYTES]) -> Option<usize> {
    let (words, _) = near.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let found = zeros(u64::from_le_bytes(*word) ^ (EACH * u64::from(b'"')));
        if found != 0 {
            return Some(number * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    None
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
    let word = match rest.first()? {
        b'n' => &b"null"[..],
        b't' => b"true",
        b'f' => b"false",
        _ => b"",
    };
    if !word.is_empty() {
        return rest.starts_with(word).then_some(at + word.len());
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
    fn ends_of_long_strings() {
        for (inside, expected) in [
            ("a", true),
            (r#"\""#, true),
            (r"\\", true),
            (r#"\\\""#, true),
            (r#"ab\\\"\n\"é"#, true),
            (r#"\\""#, false),
            (r#"a""#, false),
        ] {
            for (before, after) in (0..70).flat_map(|before| [(before, 0), (before, 90)]) {
                let inside = format!("{}{inside}", "x".repeat(before));
                let text = format!("\"{inside}{}\",\"\"", "y".repeat(after));
                let end = inside.len() + after + 2;
                let is_whole = string_end(text.as_bytes(), 0) == Some(end);
                assert_eq!(is_whole, expected, "{text}");
                assert_eq!(
                    string_end(&text.as_bytes()[..end - 1], 0).is_none(),
                    expected,
                    "{text}"
                );
            }
            let text = format!("\"{}\"", inside.repeat(100));
            assert_eq!(string_end(text.as_bytes(), 0) == Some(text.len()), expected, "{text}");
        }
    }

    #[test]
    fn ends_of_plain_strings() {
        for (text, expected) in [
            (r#""": 1,"a":2   "#, Some(2)),
            (r#""key":"value", "other""#, Some(5)),
            (r#""a longer key":"value""#, Some(14)),
            (r#""a\"b":"value", "other""#, None),
            (r#""a\\":"value", "other""#, None),
            (r#""key""#, None),
            ("\"a key that is longer than nearly all others are\":1", None),
        ] {
            assert_eq!(plain_string_end(text.as_bytes(), 0), expected, "{text}");
        }
    }

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
