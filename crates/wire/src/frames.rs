//! Where the events of a stream end, without taking them out of it.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// Finds the ends of a stream's pieces: of server-sent events, or of the elements of one JSON array.
#[derive(Debug)]
pub(crate) enum Frames {
    Events(EventEnds),
    Elements(ElementEnds),
}

impl Frames {
    /// How many of `bytes` it takes to the end of the piece that they continue; `None` where they
    /// do not reach it, and are then all taken into account.
    pub(crate) fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Frames::Events(ends) => ends.next_end(bytes),
            Frames::Elements(ends) => ends.next_end(bytes),
        }
    }

    /// The name and the data of one whole piece. There is no data in comments, blank lines and the
    /// end of an array.
    pub(crate) fn read<'a>(&self, frame: &'a [u8]) -> (&'a str, Cow<'a, [u8]>) {
        match self {
            Frames::Events(_) => event(frame),
            Frames::Elements(_) => ("", Cow::Borrowed(element(frame))),
        }
    }
}

/// An event ends with a blank line; lines end with LF, CRLF or CR.
#[derive(Debug, Default)]
pub(crate) struct EventEnds {
    is_in_line: bool,
    after_cr: AfterCr,
}

/// What a LF belongs to that may follow a CR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AfterCr {
    #[default]
    Nothing,
    Line,
    /// It is a piece of its own, so that it need not wait for the next event.
    Event,
}

impl EventEnds {
    /// See [`Frames::next_end`].
    pub(crate) fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        if !bytes.is_empty() {
            let after_cr = std::mem::take(&mut self.after_cr);
            if bytes[0] == b'\n' && after_cr == AfterCr::Event {
                return Some(1);
            }
            at = usize::from(bytes[0] == b'\n' && after_cr == AfterCr::Line);
        }
        while let Some(length) = memchr2(b'\n', b'\r', &bytes[at..]) {
            let is_blank = length == 0 && !self.is_in_line;
            at += length + 1;
            if bytes[at - 1] == b'\r' {
                match bytes.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None if is_blank => self.after_cr = AfterCr::Event,
                    None => self.after_cr = AfterCr::Line,
                }
            }
            self.is_in_line = false;
            if is_blank {
                return Some(at);
            }
        }
        self.is_in_line |= at < bytes.len();
        None
    }
}

/// An element ends with its last brace; the array's own end is a piece of its own.
#[derive(Debug, Default)]
pub(crate) struct ElementEnds {
    depth: u64,
    is_in_string: bool,
    is_escaped: bool,
    is_over: bool,
}

impl ElementEnds {
    /// See [`Frames::next_end`].
    pub(crate) fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.is_over {
            return Some(bytes.len()).filter(|length| *length > 0);
        }
        let mut at = 0;
        while at < bytes.len() {
            if self.is_in_string {
                if std::mem::take(&mut self.is_escaped) {
                    at += 1;
                    continue;
                }
                at += memchr2(b'"', b'\\', &bytes[at..])?;
                self.is_escaped = bytes[at] == b'\\';
                self.is_in_string = self.is_escaped;
                at += 1;
                continue;
            }
            let byte = bytes[at];
            at += 1;
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_over = self.depth == 0;
                    if self.depth <= 1 {
                        return Some(at);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Whether the array has been closed.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }
}

/// The element in a piece, without what joins it to the one before.
pub(crate) fn element(frame: &[u8]) -> &[u8] {
    let is_joint = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'[' | b',' | b']');
    let start = frame.iter().position(|byte| !is_joint(byte)).unwrap_or(frame.len());
    &frame[start..]
}

fn event(frame: &[u8]) -> (&str, Cow<'_, [u8]>) {
    let mut name = "";
    let mut data: Option<Cow<'_, [u8]>> = None;
    let mut rest = frame.strip_prefix("\u{feff}".as_bytes()).unwrap_or(frame);
    while !rest.is_empty() {
        let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        let colon = memchr(b':', line).unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => match &mut data {
                None => data = Some(Cow::Borrowed(value)),
                Some(data) => {
                    data.to_mut().push(b'\n');
                    data.to_mut().extend_from_slice(value);
                }
            },
            b"event" => name = std::str::from_utf8(value).unwrap_or_default(),
            _ => {}
        }
    }
    (name, data.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(frames: fn() -> Frames, bytes: &[u8], size: usize) -> Vec<String> {
        let mut frames = frames();
        let mut found = vec![String::new()];
        for mut chunk in bytes.chunks(size) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            while let Some(end) = frames.next_end(chunk) {
                found.last_mut().unwrap().push_str(&text(&chunk[..end]));
                found.push(String::new());
                chunk = &chunk[end..];
            }
            found.last_mut().unwrap().push_str(&text(chunk));
        }
        found
    }

    #[test]
    fn ends_of_events() {
        let events = || Frames::Events(EventEnds::default());
        for (stream, expected) in [
            ("data: a\n\ndata: b\n\nx", vec!["data: a\n\n", "data: b\n\n", "x"]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", vec!["data: a\r\n\r\n", "data: b\r\n\r\n", ""]),
            ("data: a\r\rdata: b", vec!["data: a\r\r", "data: b"]),
            (": c\n\n\ndata", vec![": c\n\n", "\n", "data"]),
        ] {
            assert_eq!(pieces(events, stream.as_bytes(), 1000), expected, "{stream:?}");
            let by_byte = pieces(events, stream.as_bytes(), 1);
            assert_eq!(by_byte.concat(), stream);
            // A LF that comes late is a piece of its own.
            let texts =
                |pieces: &[String]| pieces.iter().filter(|piece| !piece.trim().is_empty()).count();
            let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(texts(&by_byte), texts(&expected), "{stream:?} byte by byte");
        }
    }

    #[test]
    fn ends_of_elements() {
        let elements = || Frames::Elements(ElementEnds::default());
        for (stream, expected) in [
            ("[{\"a\":[1]}\n,\n{}]\n", vec!["[{\"a\":[1]}", "\n,\n{}", "]", "\n", ""]),
            ("[{\"a\":\"}\\\"]\"},{", vec!["[{\"a\":\"}\\\"]\"}", ",{"]),
            ("[]", vec!["[]", ""]),
            ("", vec![""]),
        ] {
            for size in [1000, 1] {
                assert_eq!(
                    pieces(elements, stream.as_bytes(), size),
                    expected,
                    "{stream:?} {size}"
                );
            }
        }
    }

    #[test]
    fn data_of_pieces() {
        let events = Frames::Events(EventEnds::default());
        let elements = Frames::Elements(ElementEnds::default());
        for (frames, frame, name, data) in [
            (&events, "event: x\ndata: {}\n\n", "x", "{}"),
            (&events, "\ndata:a\r\nid: 3\r\ndata: b\r\n\r\n", "", "a\nb"),
            (&events, ": ping\n\n", "", ""),
            (&elements, "[{}", "", "{}"),
            (&elements, "\r\n,\r\n{\"a\":[]}", "", "{\"a\":[]}"),
            (&elements, "\n]", "", ""),
        ] {
            let (read_name, read_data) = frames.read(frame.as_bytes());
            assert_eq!((read_name, &read_data[..]), (name, data.as_bytes()), "{frame:?}");
        }
    }
}
