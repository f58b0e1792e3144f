//! What can be wrong with settings, said so that the user can put it right.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a TOML file.
    File(PathBuf),
    /// On the command line; the text after `--set`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Flag(text) => write!(f, "`--set {text}`"),
        }
    }
}

/// Why settings were refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not valid TOML: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What the parser said, with the line.
        message: String,
    },
    /// An override is not of the form `key=value`.
    #[error("`--set {text}`: {reason}; write it as --set key=value, for example --set train.steps=5000")]
    Override {
        /// The text after `--set`.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No setting has this name.
    #[error("unknown setting `{key}` in {origin}; {hint}")]
    UnknownKey {
        /// The dotted key.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// The nearest known name, or the names there are.
        hint: String,
    },
    /// An earlier version knew the setting.
    #[error("setting `{key}` in {origin} {remedy}")]
    Renamed {
        /// The dotted key.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// What it is called now, or what came of it.
        remedy: String,
    },
    /// The value has the wrong type.
    #[error("setting `{key}` in {origin} must be {expected}, not {given}")]
    WrongType {
        /// The dotted key.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// The type of the default, with the default as an example.
        expected: String,
        /// The type and text of what was written.
        given: String,
    },
    /// The type fits but the struct refuses the value.
    #[error("setting `{key}` in {origin} was refused: {message}")]
    Refused {
        /// The dotted key.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// Why.
        message: String,
    },
    /// Each value alone is accepted, but not all of them together.
    #[error("these settings do not go together: {message}")]
    RefusedTogether {
        /// Why.
        message: String,
    },
    /// The settings have no TOML form.
    #[error("cannot render the configuration: {message}")]
    Render {
        /// Why.
        message: String,
    },
}
