//! Holds what was written against the default: do the keys exist, do the types fit.

use serde_json::Value;

use super::{Entry, Leaf, Origin, SettingsError, renamed};

/// Checks one entry, tables recursively, and appends its leaves.
pub(super) fn check(default: &Value, entry: &Entry, leaves: &mut Vec<Leaf>) -> Result<(), SettingsError> {
    let known = find(default, entry)?;
    let (Some(Value::Object(fields)), toml::Value::Table(table)) = (known, &entry.value) else {
        // What was a value and is a table now.
        if let (Some(Value::Object(_)), Some(error)) = (known, renamed::refusal(entry)) {
            return Err(error);
        }
        let value = convert(known.unwrap_or(&Value::Null), entry)?;
        leaves.push(Leaf { key: entry.key.clone(), value, origin: entry.origin.clone() });
        return Ok(());
    };
    if fields.is_empty() && table.is_empty() {
        return Ok(());
    }
    for (name, value) in table {
        let mut key = entry.key.clone();
        key.push(name.clone());
        check(default, &Entry { key, value: value.clone(), origin: entry.origin.clone() }, leaves)?;
    }
    Ok(())
}

/// The default at the entry's key; `None` below an open map or an unset option.
fn find<'a>(default: &'a Value, entry: &Entry) -> Result<Option<&'a Value>, SettingsError> {
    let mut here = default;
    for (depth, part) in entry.key.iter().enumerate() {
        here = match here {
            Value::Object(fields) if depth > 0 && fields.is_empty() => return Ok(None),
            Value::Object(fields) => match fields.get(part) {
                Some(field) => field,
                None => return Err(unknown(default, here, entry, &entry.key[..depth])),
            },
            Value::Null => return Ok(None),
            _ => return Err(unknown(default, here, entry, &entry.key[..depth])),
        };
    }
    Ok(Some(here))
}

fn unknown(default: &Value, here: &Value, entry: &Entry, above: &[String]) -> SettingsError {
    if let Some(error) = renamed::refusal(entry) {
        return error;
    }
    let key = entry.key.join(".");
    let mut known = Vec::new();
    list_keys(default, "", &mut known);
    let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let nearness = |candidate: &String| {
        let whole = strsim::normalized_damerau_levenshtein(&key, candidate);
        // A key written without its section is a slip as common as a typing error.
        whole.max(0.95 * strsim::normalized_damerau_levenshtein(&last(&key), &last(candidate)))
    };
    let nearest = known
        .iter()
        .map(|candidate| (nearness(candidate), candidate))
        .max_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(left.1)));
    let hint = match (nearest, here) {
        (Some((nearness, candidate)), _) if nearness >= 0.6 => format!("did you mean `{candidate}`?"),
        (_, Value::Object(fields)) => {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            let place =
                if above.is_empty() { "settings".to_owned() } else { format!("`{}`", above.join(".")) };
            format!("{place} has: {}", names.join(", "))
        }
        _ => format!("`{}` is a single value", above.join(".")),
    };
    SettingsError::UnknownKey { key, origin: entry.origin.clone(), hint }
}

/// Every dotted key below a value, tables after what is in them.
pub(super) fn list_keys(value: &Value, prefix: &str, keys: &mut Vec<String>) {
    let Value::Object(fields) = value else { return };
    for (name, field) in fields {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        list_keys(field, &key, keys);
        keys.push(key);
    }
}

/// Turns a written value into JSON of the known value's type.
fn convert(known: &Value, entry: &Entry) -> Result<Value, SettingsError> {
    let wrong = || SettingsError::WrongType {
        key: entry.key.join("."),
        origin: entry.origin.clone(),
        expected: describe(known),
        given: describe_toml(&entry.value),
    };
    if let (Value::String(_), Origin::Flag(text)) = (known, &entry.origin)
        && !matches!(entry.value, toml::Value::String(_) | toml::Value::Array(_) | toml::Value::Table(_))
    {
        // `--set name=42` for a setting of words: on the command line quotes are easily forgotten.
        let raw = text.split_once('=').map_or("", |(_, value)| value.trim());
        return Ok(Value::String(raw.to_owned()));
    }
    let value = to_json(&entry.value).ok_or_else(wrong)?;
    fits(known, &value).then_some(value).ok_or_else(wrong)
}

/// Whether `value` may stand where the default is `known`. An unset option and an empty array say nothing.
fn fits(known: &Value, value: &Value) -> bool {
    match (known, value) {
        (Value::Null, _) => true,
        (Value::Number(known), Value::Number(value)) => known.is_f64() || !value.is_f64(),
        // A setting that is chosen by the program unless it is given.
        (Value::String(word), Value::Array(_)) => word == "auto",
        (Value::Array(known), Value::Array(values)) => {
            // Arrays of mixed types are tuples; their elements are left to the struct.
            let uniform = known.windows(2).all(|pair| fits(&pair[0], &pair[1]) && fits(&pair[1], &pair[0]));
            match known.first() {
                Some(first) if uniform => values.iter().all(|value| fits(first, value)),
                _ => true,
            }
        }
        (Value::Bool(_), Value::Bool(_))
        | (Value::String(_), Value::String(_))
        | (Value::Object(_), Value::Object(_)) => true,
        _ => false,
    }
}

/// JSON has no infinities, NaN or dates; nor has any setting.
fn to_json(value: &toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::String(text.clone()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::Number(serde_json::Number::from_f64(*number)?),
        toml::Value::Boolean(flag) => Value::Bool(*flag),
        toml::Value::Datetime(_) => return None,
        toml::Value::Array(values) => Value::Array(values.iter().map(to_json).collect::<Option<_>>()?),
        toml::Value::Table(table) => Value::Object(
            table.iter().map(|(key, value)| Some((key.clone(), to_json(value)?))).collect::<Option<_>>()?,
        ),
    })
}

fn describe(known: &Value) -> String {
    match known {
        Value::Null => "a finite number, text, a truth value, an array or a table".to_owned(),
        Value::Bool(flag) => format!("a truth value (such as {flag})"),
        Value::Number(number) if number.is_f64() => format!("a finite number (such as {number})"),
        Value::Number(number) => format!("a whole number (such as {number})"),
        Value::String(text) => format!("text (such as {text:?})"),
        Value::Array(_) => format!("an array (such as {known})"),
        Value::Object(_) => "a table".to_owned(),
    }
}

fn describe_toml(value: &toml::Value) -> String {
    let kind = match value {
        toml::Value::String(_) => "the text",
        toml::Value::Integer(_) => "the whole number",
        toml::Value::Float(_) => "the number",
        toml::Value::Boolean(_) => "the truth value",
        toml::Value::Datetime(_) => "the date",
        toml::Value::Array(_) => "the array",
        toml::Value::Table(_) => "the table",
    };
    format!("{kind} {value}")
}
