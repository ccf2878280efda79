//! outlay-host
