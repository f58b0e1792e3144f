//! Where two settings differ, in words.

use serde::Serialize;
use serde_json::Value;

/// The settings below `name` that differ, with both values: `train.batch (64 then, 128 now), train.seed (0 then, 1 now)`. Empty where
/// they are the same, or cannot be written as JSON.
pub fn differences<T: Serialize>(name: &str, found: &T, wanted: &T) -> String {
    let mut differ = Vec::new();
    if let (Ok(found), Ok(wanted)) = (serde_json::to_value(found), serde_json::to_value(wanted)) {
        list(name, &found, &wanted, &mut differ);
    }
    differ.join(", ")
}

fn list(key: &str, found: &Value, wanted: &Value, differ: &mut Vec<String>) {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            for (name, value) in found {
                list(&format!("{key}.{name}"), value, wanted.get(name).unwrap_or(&Value::Null), differ);
            }
        }
        _ if found != wanted => differ.push(format!("{key} ({found} then, {wanted} now)")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_named() {
        let of =
            |batch: usize, low: f64| serde_json::json!({ "batch": batch, "deep": { "low": low, "same": 1 } });
        assert_eq!(
            differences("train", &of(1, 0.5), &of(2, 0.0)),
            "train.batch (1 then, 2 now), train.deep.low (0.5 then, 0.0 now)"
        );
        assert_eq!(differences("train", &of(1, 0.5), &of(1, 0.5)), "");
    }
}
