//! What a command prints: text, tables and JSON, on a terminal or through a pipe.

use std::fmt::Display;
use std::io::{BufWriter, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::look::Look;
use crate::table::Table;

/// Where a command prints to.
pub(crate) struct Out {
    writer: Box<dyn Write>,
    look: Look,
}

impl Out {
    /// Standard output.
    pub(crate) fn stdout() -> Out {
        Out { writer: Box::new(BufWriter::new(std::io::stdout())), look: Look::of_stdout() }
    }

    /// What the reader's end is like.
    pub(crate) fn look(&self) -> Look {
        self.look
    }

    /// One line.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        Ok(writeln!(self.writer, "{text}")?)
    }

    /// A line for each, where there are any.
    pub(crate) fn lines<T: Display>(
        &mut self,
        texts: impl IntoIterator<Item = T>,
    ) -> Result<(), Failure> {
        texts.into_iter().try_for_each(|text| self.line(text))
    }

    /// A table; nothing where it has no rows.
    pub(crate) fn table(&mut self, table: &Table) -> Result<(), Failure> {
        Ok(self.writer.write_all(table.render(self.look).as_bytes())?)
    }

    /// A JSON document: on one line for programs, spread out for people.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        let written = if self.look.is_terminal {
            serde_json::to_writer_pretty(&mut self.writer, document)
        } else {
            serde_json::to_writer(&mut self.writer, document)
        };
        written.map_err(std::io::Error::from)?;
        self.line("")
    }

    /// For what writes by itself.
    pub(crate) fn writer(&mut self) -> &mut dyn Write {
        &mut self.writer
    }

    /// Hands everything on. A command that goes on for long does so after each piece.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.writer.flush()?)
    }
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out").field("look", &self.look).finish_non_exhaustive()
    }
}

/// What `print` prints, as text; for tests.
#[cfg(test)]
pub(crate) fn printed(look: Look, print: impl FnOnce(&mut Out) -> Result<(), Failure>) -> String {
    #[derive(Clone, Default)]
    struct Memory(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);
    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let memory = Memory::default();
    print(&mut Out { writer: Box::new(memory.clone()), look }).unwrap();
    let bytes = memory.0.borrow().clone();
    String::from_utf8(bytes).unwrap()
}
