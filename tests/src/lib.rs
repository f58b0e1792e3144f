//! End-to-end tests of the workspace live in `tests/tests`; this library holds only the README's example.

/// The example in the README, compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
