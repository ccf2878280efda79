//! Who pastes on an X display.

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt, CreateWindowAux, WindowClass};
use x11rb::rust_connection::RustConnection;

/// What is pasted on this display (`:5`); `None` where nobody has copied a text.
///
/// # Panics
/// When the display cannot be reached.
#[must_use]
pub fn pasted(display: &str) -> Option<String> {
    let (x, screen) = x11rb::connect(Some(display)).unwrap();
    let root = x.setup().roots[screen].root;
    let window = x.generate_id().unwrap();
    let aux = CreateWindowAux::new();
    x.create_window(0, window, root, 0, 0, 1, 1, 0, WindowClass::INPUT_ONLY, 0, &aux).unwrap();
    let (clipboard, text) = (atom(&x, b"CLIPBOARD"), atom(&x, b"UTF8_STRING"));
    let place = atom(&x, b"OUTLAY_TEST");
    x.convert_selection(window, clipboard, text, place, x11rb::CURRENT_TIME).unwrap();
    x.flush().unwrap();
    loop {
        if let Event::SelectionNotify(told) = x.wait_for_event().unwrap() {
            if told.property == u32::from(AtomEnum::NONE) {
                return None;
            }
            let any = u32::from(AtomEnum::ANY);
            let copied = x.get_property(true, window, place, any, 0, 4096).unwrap();
            return Some(String::from_utf8(copied.reply().unwrap().value).unwrap());
        }
    }
}

fn atom(x: &RustConnection, name: &[u8]) -> Atom {
    x.intern_atom(false, name).unwrap().reply().unwrap().atom
}
