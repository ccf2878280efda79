//! Whole lines of a file, without ever holding more than one of them.

use std::io::{BufRead, Result};

/// Longer lines are no entries of a log that anybody writes.
const LINE_MAX: usize = 64 << 20;

/// What the lines of a file came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    /// Bytes of whole lines.
    pub(super) bytes: u64,
    /// Lines that are too long to be looked at.
    pub(super) too_long: u64,
}

/// Calls `line` with each whole line, without its end. What follows the last end goes to `rest`: it may
/// be half a line, or the last of a file that ends without.
pub(super) fn each_line(
    reader: &mut impl BufRead,
    mut line: impl FnMut(&[u8]),
    rest: impl FnOnce(&[u8]),
) -> Result<Walked> {
    let mut walked = Walked::default();
    // The beginning of a line that lies across the reader's buffers.
    let mut begun: Vec<u8> = Vec::new();
    let mut begun_bytes: u64 = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let read = buffer.len();
        let mut left = buffer;
        while let Some(end) = memchr::memchr(b'\n', left) {
            let (head, tail) = left.split_at(end);
            if begun_bytes == 0 {
                line(head);
            } else if begun_bytes <= LINE_MAX as u64 {
                begun.extend_from_slice(head);
                line(&begun);
            } else {
                walked.too_long += 1;
            }
            walked.bytes += begun_bytes + end as u64 + 1;
            begun.clear();
            begun_bytes = 0;
            left = tail.get(1..).unwrap_or_default();
        }
        begun_bytes += left.len() as u64;
        if begun_bytes <= LINE_MAX as u64 {
            begun.extend_from_slice(left);
        } else {
            begun = Vec::new();
        }
        reader.consume(read);
    }
    if begun_bytes > LINE_MAX as u64 {
        walked.too_long += 1;
    } else if begun_bytes > 0 {
        rest(&begun);
    }
    Ok(walked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    #[test]
    fn lines_are_whole_whatever_the_buffer() {
        for (text, lines, rest, bytes) in [
            ("", &[][..], "", 0),
            ("one\ntwo\n", &["one", "two"], "", 8),
            ("one\r\n\nthree", &["one\r", ""], "three", 6),
            ("half", &[], "half", 0),
        ] {
            for capacity in [1, 2, 3, 100] {
                let mut reader = BufReader::with_capacity(capacity, text.as_bytes());
                let (mut seen, mut left) = (Vec::new(), String::new());
                let walked = each_line(
                    &mut reader,
                    |line| seen.push(String::from_utf8_lossy(line).into_owned()),
                    |rest| left = String::from_utf8_lossy(rest).into_owned(),
                )
                .unwrap();
                assert_eq!(seen, lines, "{text:?} {capacity}");
                assert_eq!((left.as_str(), walked.bytes), (rest, bytes), "{text:?} {capacity}");
            }
        }
    }

    #[test]
    fn a_line_without_end_is_not_held() {
        let long = std::io::Read::chain(
            std::io::Read::take(std::io::repeat(b'x'), LINE_MAX as u64 + 5),
            &b"\nshort\n"[..],
        );
        let mut seen = Vec::new();
        let walked = each_line(
            &mut BufReader::with_capacity(1 << 20, long),
            |line| seen.push(line.len()),
            |_| {},
        )
        .unwrap();
        assert_eq!((seen, walked.too_long), (vec![5], 1));
        assert_eq!(walked.bytes, LINE_MAX as u64 + 5 + 1 + 6);
    }
}
