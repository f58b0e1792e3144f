//! What a suite of environments is to the registry.

use crate::{Entry, EnvError};

/// A family of environments with names of its own.
pub(crate) trait Suite: Sync {
    /// Every name with a line about it.
    fn names(&self) -> Vec<(String, String)>;

    /// How names that stand for more than those are written; empty where there are none.
    fn also(&self) -> &'static str;

    /// The environment of a name; `None` where the name is not of this suite.
    fn entry(&self, id: &str) -> Option<Result<Entry, EnvError>>;

    /// The name that something typed stands for, files read; `None` where it is not of this suite.
    fn resolve(&self, typed: &str) -> Option<Result<String, EnvError>>;
}
