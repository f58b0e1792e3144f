//! Reads `--set key=value`.

use super::{Entry, Origin, SettingsError};

/// Splits at the first `=`; the value is TOML, or else a bare string.
pub(super) fn parse(text: &str) -> Result<Entry, SettingsError> {
    let refuse = |reason: &str| SettingsError::Override { text: text.to_owned(), reason: reason.to_owned() };
    let (key, value) = text.split_once('=').ok_or_else(|| refuse("there is no `=`"))?;
    let key: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
    if key.iter().any(String::is_empty) {
        return Err(refuse("a part of the key is empty"));
    }
    let value = parse_value(value.trim()).map_err(|message| refuse(&message))?;
    Ok(Entry { key, value, origin: Origin::Flag(text.to_owned()) })
}

fn parse_value(text: &str) -> Result<toml::Value, String> {
    if text.is_empty() {
        return Err("the value is empty (an empty string is '\"\"')".to_owned());
    }
    let document = toml::from_str::<toml::Table>(&format!("value = {text}"));
    match document {
        // More than one key means that the text held a line break and a second setting.
        Ok(mut table) if table.len() == 1 => table.remove("value").ok_or_else(|| "no value".to_owned()),
        Ok(_) => Err("the value holds more than one setting".to_owned()),
        // A quote or bracket at the start says that TOML was meant; silence about its fault would store
        // the brackets themselves as a string.
        Err(error) if text.starts_with(['"', '\'', '[', '{']) => {
            Err(format!("the value is not valid TOML ({})", error.message()))
        }
        Err(_) => Ok(toml::Value::String(text.to_owned())),
    }
}
