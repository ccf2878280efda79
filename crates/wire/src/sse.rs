//! Server-sent events, read as they arrive.

/// The largest event that is kept; the data of a larger one is dropped and reported as such.
const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// An incremental reader of an event stream: lines end with LF, CRLF or CR, a byte-order mark may
/// come first, comments are skipped, several `data` lines are joined by LF.
#[derive(Debug, Default)]
pub struct SseReader {
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    is_oversized: bool,
    after_cr: bool,
    is_started: bool,
}

/// One event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// Its `event` field, empty where it has none.
    pub name: &'a str,
    /// Its `data`; empty where it was too large to keep.
    pub data: &'a [u8],
    /// Whether the data was dropped for its size.
    pub is_oversized: bool,
}

impl SseReader {
    /// A reader at the start of a stream.
    #[must_use]
    pub fn new() -> SseReader {
        SseReader::default()
    }

    /// Reads on, calling `see` with every event that `chunk` completes.
    pub fn feed(&mut self, chunk: &[u8], mut see: impl FnMut(SseEvent<'_>)) {
        let mut rest = chunk;
        if self.after_cr && !rest.is_empty() {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            self.after_cr = false;
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            if self.line.is_empty() {
                self.end_line(&rest[..end], &mut see);
            } else {
                self.keep(&rest[..end]);
                let line = std::mem::take(&mut self.line);
                self.end_line(&line, &mut see);
                self.line = line;
                self.line.clear();
            }
            let is_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if is_cr {
                match rest.split_first() {
                    Some((b'\n', after)) => rest = after,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
        }
        self.keep(rest);
    }

    /// The stream is over: an event that no blank line ended counts all the same, for some
    /// providers leave the last one out.
    pub fn finish(mut self, mut see: impl FnMut(SseEvent<'_>)) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.end_line(&line, &mut see);
        }
        self.end_event(&mut see);
    }

    fn keep(&mut self, part: &[u8]) {
        if self.line.len() + part.len() > EVENT_BYTES_MAX {
            self.is_oversized = true;
            self.line.truncate(16);
        } else if !self.is_oversized || self.line.len() < 16 {
            self.line.extend_from_slice(part);
        }
    }

    fn end_line(&mut self, line: &[u8], see: &mut impl FnMut(SseEvent<'_>)) {
        let line = match self.is_started {
            true => line,
            false => line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line),
        };
        self.is_started = true;
        if line.is_empty() {
            self.end_event(see);
            return;
        }
        let colon = memchr::memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => self.add_data(value),
            b"event" => {
                self.name.clear();
                self.name.extend_from_slice(&value[..value.len().min(128)]);
            }
            _ => {}
        }
    }

    fn add_data(&mut self, value: &[u8]) {
        if self.data.len() + value.len() >= EVENT_BYTES_MAX {
            self.is_oversized = true;
        }
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        if self.is_oversized {
            self.data.clear();
        } else {
            self.data.extend_from_slice(value);
        }
    }

    fn end_event(&mut self, see: &mut impl FnMut(SseEvent<'_>)) {
        if self.has_data {
            let name = std::str::from_utf8(&self.name).unwrap_or_default();
            see(SseEvent { name, data: &self.data, is_oversized: self.is_oversized });
        }
        self.name.clear();
        self.data.clear();
        self.has_data = false;
        self.is_oversized = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        let mut see = |event: SseEvent<'_>| {
            seen.push((event.name.to_owned(), String::from_utf8_lossy(event.data).into_owned()));
        };
        let mut reader = SseReader::new();
        for chunk in chunks {
            reader.feed(chunk, &mut see);
        }
        reader.finish(&mut see);
        seen
    }

    #[test]
    fn framing() {
        for (stream, expected) in [
            ("data: a\n\ndata: b\n\n", vec![("", "a"), ("", "b")]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", vec![("", "a"), ("", "b")]),
            ("data: a\r\rdata: b\r\r", vec![("", "a"), ("", "b")]),
            ("\u{feff}data: a\n\n", vec![("", "a")]),
            (": ping\n\nevent: x\ndata:a\ndata:  b\nid: 1\n\n", vec![("x", "a\n b")]),
            ("event: x\n\ndata: a\n\n", vec![("", "a")]),
            ("data\n\n", vec![("", "")]),
            ("data: a", vec![("", "a")]),
            ("data: a\n", vec![("", "a")]),
            ("\n\n\n", vec![]),
            ("nonsense\n\n", vec![]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(name, data)| (name.to_owned(), data.to_owned()))
                .collect();
            assert_eq!(events([stream.as_bytes()]), expected, "{stream:?}");
            assert_eq!(events(stream.as_bytes().chunks(1)), expected, "{stream:?} byte by byte");
        }
    }

    #[test]
    fn a_giant_event_is_dropped_and_the_next_one_read() {
        let mut reader = SseReader::new();
        let mut seen = Vec::new();
        let mut see = |event: SseEvent<'_>| seen.push((event.data.len(), event.is_oversized));
        reader.feed(b"data: ", &mut see);
        let block = vec![b'x'; 8 * 1024 * 1024];
        for _ in 0..10 {
            reader.feed(&block, &mut see);
        }
        reader.feed(b"\n\ndata: next\n\n", &mut see);
        assert_eq!(seen, [(0, true), (4, false)]);
        assert!(reader.line.capacity() <= EVENT_BYTES_MAX * 2);
    }

    proptest! {
        #[test]
        fn chunking_makes_no_difference(
            stream in "(data|event|id|:|x)?[ :]{0,2}[a\r\n]{0,3}([\r\n]|data: .){0,8}",
            size in 1..7_usize
        ) {
            prop_assert_eq!(events([stream.as_bytes()]), events(stream.as_bytes().chunks(size)));
        }
    }
}
