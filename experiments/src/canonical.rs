//! Settings in the one form in which they are kept and compared.

use serde::Serialize;
use serde_json::Value;

/// Settings as they are compared: through text, so that both sides are rounded alike, and without what is unset.
///
/// # Errors
/// Those of rendering.
pub fn canonical<T: Serialize + ?Sized>(settings: &T) -> Result<Value, serde_json::Error> {
    fn set(value: Value) -> Value {
        match value {
            Value::Object(fields) => {
                let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
                Value::Object(kept.map(|(name, value)| (name, set(value))).collect())
            }
            other => other,
        }
    }
    Ok(set(serde_json::from_str(&serde_json::to_string(settings)?)?))
}
