//! What the stories share: the fake provider, the outlay process, the recorded exchanges.
