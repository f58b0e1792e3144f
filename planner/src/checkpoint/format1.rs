//! Manifests of format 1, brought to the names and sections of format 2.
//!
//! They hold no settings of planning: what is filled in are this version's defaults. What a checkpoint of that format
//! was scored with lies beside it as a configuration, and is laid over these by whoever knows configurations.

use serde_json::{Value, json};

use crate::PlanConfig;

/// The manifest in the present format; anything else comes back as it was.
pub(super) fn upgrade(mut manifest: Value) -> Value {
    if manifest.get("format") != Some(&json!(1)) {
        return manifest;
    }
    let environment = &manifest["environment"];
    let entries = environment.get("goal_indices").cloned().unwrap_or_else(|| json!([]));
    let radius = environment.get("goal_radius").and_then(Value::as_f64);
    let task = match radius {
        Some(radius) => json!({ "kind": "goal", "entries": entries, "radius": radius }),
        None => json!({ "kind": "none" }),
    };
    let mut plan = PlanConfig::default();
    if manifest.get("support").is_none_or(Value::is_null) {
        plan.rank.ood_penalty = 0.0;
    }
    if let Value::Object(fields) = &mut manifest {
        fields.insert("format".into(), json!(super::FORMAT));
        fields.insert("plan".into(), json!(plan));
        fields.insert("control".into(), Value::Null);
        fields.insert("task".into(), task);
    }
    manifest
}
