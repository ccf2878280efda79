//! outlay-proxy
