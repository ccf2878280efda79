//! Content encodings undone as bytes arrive: gzip, deflate, brotli, zstd, and stacks of them.
//!
//! The client gets the encoded bytes as they are; this reads a copy. Bytes that cannot be decoded
//! never fail a call: the decoder says so once and the usage is then unknown.

use std::fmt;
use std::io::{self, Write};

/// The most that one piece of input may unfold to: a bomb is given up, not unpacked.
const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Input is taken in pieces of this size, so that ordinary large chunks stay below the bound.
const PIECE_BYTES: usize = 64 * 1024;

/// An incremental decoder for one body.
#[derive(Debug)]
pub struct Decoder {
    /// The encoding applied last comes first.
    stages: Vec<Stage>,
    is_broken: bool,
}

/// The bytes are not what their content-encoding says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the body cannot be decoded as its content-encoding says: send it again without compression"
)]
pub struct DecodeError;

impl Decoder {
    /// For the value of a `content-encoding` header; absent means plain bytes. An encoding that is
    /// not known makes every [`feed`](Decoder::feed) fail.
    #[must_use]
    pub fn new(content_encoding: Option<&str>) -> Decoder {
        let mut decoder = Decoder { stages: Vec::new(), is_broken: false };
        for name in content_encoding.unwrap_or_default().split(',').rev() {
            match Stage::named(name.trim()) {
                Ok(Some(stage)) => decoder.stages.push(stage),
                Ok(None) => {}
                Err(DecodeError) => decoder.is_broken = true,
            }
        }
        decoder
    }

    /// Decodes on, calling `see` with what comes out (possibly nothing yet).
    ///
    /// # Errors
    /// When the bytes are not what the header said; every later call fails too.
    pub fn feed(&mut self, chunk: &[u8], mut see: impl FnMut(&[u8])) -> Result<(), DecodeError> {
        if self.is_broken {
            return Err(DecodeError);
        }
        if self.stages.is_empty() {
            see(chunk);
            return Ok(());
        }
        for piece in chunk.chunks(PIECE_BYTES) {
            let mut bytes = piece.to_vec();
            for stage in &mut self.stages {
                bytes = stage.decode(&bytes).map_err(|_| {
                    self.is_broken = true;
                    DecodeError
                })?;
            }
            see(&bytes);
        }
        Ok(())
    }
}

/// Decodes a whole body, which may come out at most `bytes_max` long.
///
/// # Errors
/// When the bytes are not what the header says, or more than `bytes_max` come out.
pub fn decode_whole(
    content_encoding: Option<&str>,
    body: &[u8],
    bytes_max: usize,
) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = Vec::new();
    let mut is_too_long = false;
    Decoder::new(content_encoding).feed(body, |bytes| {
        is_too_long |= decoded.len() + bytes.len() > bytes_max;
        if !is_too_long {
            decoded.extend_from_slice(bytes);
        }
    })?;
    if is_too_long { Err(DecodeError) } else { Ok(decoded) }
}

enum Stage {
    /// Not a byte seen yet: `gzip` or `deflate` whose first bytes tell what it really is.
    Undecided(Named, Vec<u8>),
    Plain,
    Gzip(Box<flate2::write::MultiGzDecoder<Sink>>),
    Zlib(Box<flate2::write::ZlibDecoder<Sink>>),
    Deflate(Box<flate2::write::DeflateDecoder<Sink>>),
    Brotli(Box<brotli::DecompressorWriter<Sink>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Sink>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Gzip,
    Deflate,
    Zstd,
}

impl Stage {
    fn named(name: &str) -> Result<Option<Stage>, DecodeError> {
        Ok(Some(match name.to_ascii_lowercase().as_str() {
            "" | "identity" => return Ok(None),
            "gzip" | "x-gzip" => Stage::Undecided(Named::Gzip, Vec::new()),
            "deflate" => Stage::Undecided(Named::Deflate, Vec::new()),
            "zstd" => Stage::Undecided(Named::Zstd, Vec::new()),
            "br" => Stage::Brotli(Box::new(brotli::DecompressorWriter::new(Sink::default(), 4096))),
            _ => return Err(DecodeError),
        }))
    }

    fn decode(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let held;
        let mut bytes = bytes;
        if let Stage::Undecided(named, start) = self {
            start.extend_from_slice(bytes);
            if start.len() < 4 {
                return Ok(Vec::new());
            }
            let named = *named;
            held = std::mem::take(start);
            bytes = &held;
            *self = Stage::decided(named, bytes)?;
        }
        match self {
            Stage::Undecided(..) => Ok(Vec::new()),
            Stage::Plain => Ok(bytes.to_vec()),
            Stage::Gzip(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()?;
                Ok(decoder.get_mut().take())
            }
            Stage::Zlib(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()?;
                Ok(decoder.get_mut().take())
            }
            Stage::Deflate(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()?;
                Ok(decoder.get_mut().take())
            }
            Stage::Brotli(decoder) => {
                decoder.write_all(bytes)?;
                Ok(decoder.get_mut().take())
            }
            Stage::Zstd(decoder) => {
                decoder.write_all(bytes)?;
                decoder.flush()?;
                Ok(decoder.get_mut().take())
            }
        }
    }

    /// What the first bytes say. Some gateways decode a body and leave its header standing, and
    /// `deflate` means zlib to some and raw deflate to others.
    fn decided(named: Named, start: &[u8]) -> io::Result<Stage> {
        let is_zlib =
            start[0] & 0x0f == 8 && u16::from_be_bytes([start[0], start[1]]).is_multiple_of(31);
        let is_text = matches!(start[0], b'{' | b'[' | b'd' | b'e' | b':' | b' ' | b'\n' | b'\r');
        Ok(match named {
            Named::Gzip if start.starts_with(&[0x1f, 0x8b]) => {
                Stage::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Sink::default())))
            }
            Named::Zstd if !is_text => {
                Stage::Zstd(Box::new(zstd::stream::write::Decoder::new(Sink::default())?))
            }
            Named::Deflate if is_zlib => {
                Stage::Zlib(Box::new(flate2::write::ZlibDecoder::new(Sink::default())))
            }
            Named::Deflate => {
                Stage::Deflate(Box::new(flate2::write::DeflateDecoder::new(Sink::default())))
            }
            _ if is_text => Stage::Plain,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Undecided(..) => "Undecided",
            Stage::Plain => "Plain",
            Stage::Gzip(_) => "Gzip",
            Stage::Zlib(_) => "Zlib",
            Stage::Deflate(_) => "Deflate",
            Stage::Brotli(_) => "Brotli",
            Stage::Zstd(_) => "Zstd",
        })
    }
}

/// Where decoders write: refuses more than the bound between two takes.
#[derive(Default)]
struct Sink(Vec<u8>);

impl Sink {
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > OUTPUT_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `bytes` in the encodings of a header, for tests.
    pub(crate) fn encoded(content_encoding: &str, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for name in content_encoding.split(',').map(str::trim) {
            bytes = match name {
                "gzip" => {
                    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                    encoder.write_all(&bytes).unwrap();
                    encoder.finish().unwrap()
                }
                "deflate" => {
                    let mut encoder =
                        flate2::write::ZlibEncoder::new(Vec::new(), Default::default());
                    encoder.write_all(&bytes).unwrap();
                    encoder.finish().unwrap()
                }
                "deflate raw" => {
                    let mut encoder =
                        flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
                    encoder.write_all(&bytes).unwrap();
                    encoder.finish().unwrap()
                }
                "br" => {
                    let mut out = Vec::new();
                    brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(&bytes).unwrap();
                    out
                }
                "zstd" => zstd::encode_all(&bytes[..], 3).unwrap(),
                _ => bytes,
            };
        }
        bytes
    }

    fn decoded(header: &str, body: &[u8], size: usize) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        let mut decoder = Decoder::new(Some(header));
        for chunk in body.chunks(size) {
            decoder.feed(chunk, |bytes| out.extend_from_slice(bytes))?;
        }
        Ok(out)
    }

    #[test]
    fn every_encoding_in_every_chunking() {
        let text = "data: {\"usage\": {\"prompt_tokens\": 12}}\n\n".repeat(300);
        for (header, really) in [
            ("gzip", "gzip"),
            ("X-GZIP", "gzip"),
            ("deflate", "deflate"),
            ("deflate", "deflate raw"),
            ("br", "br"),
            ("zstd", "zstd"),
            ("gzip, br", "gzip, br"),
            ("identity", ""),
            ("", ""),
            ("gzip", ""),
            ("zstd", ""),
        ] {
            let body = encoded(really, text.as_bytes());
            for size in [1, 7, 4096, body.len()] {
                let out = decoded(header, &body, size);
                let out = out.map(|out| out == text.as_bytes());
                assert_eq!(out, Ok(true), "{header} as {really} by {size}");
            }
        }
    }

    #[test]
    fn what_cannot_be_decoded() {
        for (header, body) in
            [("gzip", &b"\0\x01\x02\x03\x04"[..]), ("rot13", b"abc"), ("zstd", b"\0\0\0\0\0\0\0\0")]
        {
            assert_eq!(decoded(header, body, 3), Err(DecodeError), "{header}");
        }
        let bomb = encoded("gzip", &vec![0; 100_000]);
        for (bytes_max, expected) in [(99_999, Err(DecodeError)), (100_000, Ok(100_000))] {
            let whole = decode_whole(Some("gzip"), &bomb, bytes_max);
            assert_eq!(whole.map(|whole| whole.len()), expected);
        }
    }

    #[test]
    fn what_arrived_before_a_cut_is_decoded() {
        let text = (0..5000).map(|n| format!("line {n} ")).collect::<String>();
        for header in ["gzip", "deflate", "br", "zstd"] {
            let body = encoded(header, text.as_bytes());
            let half = decoded(header, &body[..body.len() - 5], 512).unwrap();
            assert!(text.as_bytes().starts_with(&half), "{header}");
        }
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(
            header in "(gzip|deflate|br|zstd)(,(gzip|deflate|br|zstd))?",
            body in proptest::collection::vec(any::<u8>(), 0..200),
            size in 1..50_usize
        ) {
            let _ = decoded(&header, &body, size);
        }
    }
}
