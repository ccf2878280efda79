//! outlay-wire
