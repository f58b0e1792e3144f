//! What the environments promise.
