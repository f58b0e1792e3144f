//! End-to-end tests of the workspace live in `tests/tests`; this library holds only the examples of pages.

/// The example in the README, compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The example on the page about real time.
#[cfg(doctest)]
#[doc = include_str!("../../agent/REALTIME.md")]
pub struct RealTime;
