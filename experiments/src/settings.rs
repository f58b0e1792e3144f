//! From what the user wrote to what it means.
//!
//! A configuration is a plain struct with `Serialize + Deserialize + Default`. What the user wrote, a TOML
//! file and then `--set key=value` overrides, is laid over the default, leaf by leaf; whatever is unknown or
//! of the wrong type is refused with the key, where it was written, and what would have been right.
//!
//! The default decides which keys exist:
//! - **Optional settings** must appear in the default's serialised form. `Option<T>` with default `None` does
//!   (serde renders it as null), unless it carries `skip_serializing_if`; any value is then accepted for it
//!   here and checked by the struct. TOML has no null, so an option whose default is `Some` cannot be unset:
//!   let optional settings default to `None`, or give them a word such as `"auto"`.
//! - A map whose default is empty is open: it takes any key.
//! - An enum with data has only the keys of its default variant; prefer a plain enum beside flat settings.
//! - Numbers are finite; arrays are replaced as a whole.

use std::path::{Path, PathBuf};

use forethought_envs::files::read_text;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

mod error;
mod flag;
mod meaning;
mod renamed;
mod schema;

pub use error::{Origin, SettingsError};
pub use meaning::{Meaning, learned_meanings, meanings};

/// Bytes of a configuration at most.
const MOST_BYTES: u64 = 1 << 20;

/// One setting as written, with where it was written.
#[derive(Clone, Debug)]
struct Entry {
    key: Vec<String>,
    value: toml::Value,
    origin: Origin,
}

/// TOML text that is laid over what stands below it.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What messages call it: the file's path.
    pub name: PathBuf,
    /// The text.
    pub text: String,
}

impl Layer {
    /// Reads a file.
    ///
    /// # Errors
    /// [`SettingsError::Read`].
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = read_text(path, MOST_BYTES)
            .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
        Ok(Self { name: path.to_owned(), text })
    }

    /// The same for settings that an earlier version wrote: those that have another name now are found under it, those
    /// that are gone are left out.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`] for what is no TOML.
    pub fn of_an_earlier_version(&self) -> Result<Self, SettingsError> {
        Ok(Self { name: self.name.clone(), text: render(&renamed::upgrade(&self.tables()?))? })
    }

    /// What it says, by table.
    ///
    /// # Errors
    /// [`SettingsError::Syntax`] for what is no TOML.
    pub fn tables(&self) -> Result<toml::Table, SettingsError> {
        toml::from_str(&self.text).map_err(|error| SettingsError::Syntax {
            path: self.name.clone(),
            message: error.to_string().trim_end().to_owned(),
        })
    }

    /// The text of a top-level key, where the layer has it.
    pub fn word(&self, key: &str) -> Option<String> {
        let table: toml::Table = toml::from_str(&self.text).ok()?;
        table.get(key)?.as_str().map(str::to_owned)
    }
}

/// Resolves `T` from its default, layers of TOML, and overrides of the form `key=value`, in this order (later
/// wins). Keys are dotted (`model.width`); values are TOML, and a bare word is a string.
///
/// # Errors
/// A layer that is no TOML, an override without `=`, an unknown or renamed key, a value of the wrong type, or one
/// that `T` itself refuses. Ranges are `T`'s business.
pub fn load<T>(layers: &[Layer], overrides: &[String]) -> Result<T, SettingsError>
where
    T: Serialize + DeserializeOwned + Default,
{
    let mut entries = Vec::new();
    for layer in layers {
        entries.extend(file_entries(&layer.name, &layer.text)?);
    }
    for text in overrides {
        entries.push(flag::parse(text)?);
    }
    resolve(&entries)
}

/// Renders resolved settings as TOML that [`load`] reads back to the same value. Unset options are left out.
///
/// # Errors
/// [`SettingsError::Render`].
pub fn render<T: Serialize>(settings: &T) -> Result<String, SettingsError> {
    toml::to_string_pretty(settings).map_err(|error| SettingsError::Render { message: error.to_string() })
}

fn file_entries(path: &Path, text: &str) -> Result<Vec<Entry>, SettingsError> {
    let table: toml::Table = toml::from_str(text).map_err(|error| SettingsError::Syntax {
        path: path.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })?;
    let origin = Origin::File(PathBuf::from(path));
    let entry = |(key, value)| Entry { key: vec![key], value, origin: origin.clone() };
    Ok(table.into_iter().map(entry).collect())
}

fn resolve<T>(entries: &[Entry]) -> Result<T, SettingsError>
where
    T: Serialize + DeserializeOwned + Default,
{
    let default = serde_json::to_value(T::default())
        .map_err(|error| SettingsError::Render { message: error.to_string() })?;
    let mut leaves = Vec::new();
    for entry in entries {
        schema::check(&default, entry, &mut leaves)?;
    }
    let mut resolved = default.clone();
    for leaf in &leaves {
        place(&mut resolved, &leaf.key, leaf.value.clone());
    }
    serde_json::from_value(resolved).map_err(|error| blame::<T>(&default, leaves, &error))
}

/// A checked setting in JSON form.
#[derive(Clone, Debug)]
struct Leaf {
    key: Vec<String>,
    value: Value,
    origin: Origin,
}

/// serde names no key in its error, so the culprit is the setting that fails when it alone is changed.
fn blame<T: DeserializeOwned>(
    default: &Value,
    leaves: Vec<Leaf>,
    together: &serde_json::Error,
) -> SettingsError {
    for leaf in leaves {
        let mut alone = default.clone();
        place(&mut alone, &leaf.key, leaf.value);
        if let Err(error) = serde_json::from_value::<T>(alone) {
            let message = error.to_string();
            return SettingsError::Refused { key: leaf.key.join("."), origin: leaf.origin, message };
        }
    }
    SettingsError::RefusedTogether { message: together.to_string() }
}

/// Puts `value` at `key`, making the objects on the way.
fn place(tree: &mut Value, key: &[String], value: Value) {
    let Some((first, rest)) = key.split_first() else {
        *tree = value;
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    if let Value::Object(map) = tree {
        place(map.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

#[cfg(test)]
mod tests;
