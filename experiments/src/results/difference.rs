//! Settings as what they change of others: a hundred variants of one configuration need not repeat it.
//!
//! Both sides are [canonical](crate::canonical::canonical): without nulls, which stand here for what is not there.

use serde_json::{Map, Value};

/// What `settings` change of `base`, by dotted key; null is what they do not have.
pub fn of(base: &Value, settings: &Value) -> Map<String, Value> {
    let mut changes = Map::new();
    compare(base, settings, "", &mut changes);
    changes
}

fn compare(base: &Value, settings: &Value, key: &str, changes: &mut Map<String, Value>) {
    let (Value::Object(old), Value::Object(new)) = (base, settings) else {
        if base != settings {
            changes.insert(key.to_owned(), settings.clone());
        }
        return;
    };
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    for (name, value) in new {
        compare(old.get(name).unwrap_or(&Value::Null), value, &below(name), changes);
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        changes.insert(below(name), Value::Null);
    }
}

/// `base` with these changes.
pub fn apply(base: &Value, changes: &Map<String, Value>) -> Value {
    let mut settings = base.clone();
    for (key, value) in changes {
        place(&mut settings, key, value);
    }
    settings
}

fn place(settings: &mut Value, key: &str, value: &Value) {
    if !settings.is_object() {
        *settings = Value::Object(Map::new());
    }
    let Value::Object(fields) = settings else { return };
    match key.split_once('.') {
        Some((name, rest)) => place(fields.entry(name).or_insert(Value::Null), rest, value),
        None if value.is_null() => {
            fields.remove(key);
        }
        None => {
            fields.insert(key.to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn changes_lead_from_one_to_the_other() {
        let base =
            json!({ "plan": { "a": 1, "b": [1, 2], "c": { "kind": "x", "slope": 0.4 } }, "rest": "word" });
        let other =
            json!({ "plan": { "a": 1, "b": [3], "c": { "kind": "y" }, "d": { "e": true } }, "rest": "word" });
        let changes = of(&base, &other);
        let keys: Vec<&str> = changes.keys().map(String::as_str).collect();
        assert_eq!(keys, ["plan.b", "plan.c.kind", "plan.c.slope", "plan.d"]);
        assert_eq!(apply(&base, &changes), other);
        assert_eq!(apply(&other, &of(&other, &base)), base);
        assert!(of(&base, &base).is_empty());
    }
}
