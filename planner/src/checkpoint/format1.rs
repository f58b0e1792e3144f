//! Manifests of format 1, brought to the names and sections of format 2.
//!
//! They hold no settings of planning: what is filled in are this version's defaults. What a checkpoint of that format
//! was scored with lies beside it as a configuration, and is laid over these by whoever knows configurations.

use serde_json::{Map, Value, json};

use crate::PlanConfig;

/// Whether a manifest says that it is of this format.
pub(super) fn is_first(manifest: &Value) -> bool {
    manifest.get("format") == Some(&json!(1))
}

/// The manifest in the present format; anything else comes back as it was.
///
/// # Errors
/// For one that says it is of the first format and holds what only later ones do: filling in would change it.
pub(super) fn upgrade(mut manifest: Value) -> Result<Value, serde_json::Error> {
    if !is_first(&manifest) {
        return Ok(manifest);
    }
    if let Some(later) = ["plan", "control", "task"].iter().find(|name| manifest.get(**name).is_some()) {
        let problem = format!("it says format 1 and holds `{later}`, which that format does not have");
        return Err(serde::de::Error::custom(problem));
    }
    present_names(&mut manifest);
    rename(&mut manifest, "/environment", &[("goal_indices", "condition")]);
    let environment = manifest.get("environment");
    let of = |name: &str| environment.and_then(|environment| environment.get(name));
    let entries = of("condition").cloned().unwrap_or_else(|| json!([]));
    let radius = of("goal_radius").and_then(Value::as_f64);
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
    Ok(manifest)
}

/// Settings of layout, model and training under their present names.
fn present_names(manifest: &mut Value) {
    rename(manifest, "/layout", &[("frame_stack", "frames_per_token"), ("goal_indices", "condition")]);
    rename(manifest, "/model", &[("frame_stack", "frames_per_token"), ("position_spread", "position_scale")]);
    rename(manifest, "/model/network", &[("waves", "fourier_features")]);
    rename(
        manifest,
        "/train",
        &[("final_rate", "min_lr_ratio"), ("clip", "grad_clip_norm"), ("no_goal", "condition_dropout")],
    );
    if let Some(train) = object(manifest, "/train")
        && let Some(known) = train.remove("known_state")
    {
        // A share of what is kept became one of what is dropped; to twelve digits, since 1 - 0.9 is not 0.1.
        let dropout = known.as_f64().map(|known| ((1.0 - known) * 1e12).round() / 1e12);
        train.insert("context_dropout".into(), dropout.map_or(known, |dropout| json!(dropout)));
    }
}

fn object<'a>(manifest: &'a mut Value, at: &str) -> Option<&'a mut Map<String, Value>> {
    manifest.pointer_mut(at).and_then(Value::as_object_mut)
}

fn rename(manifest: &mut Value, at: &str, names: &[(&str, &str)]) {
    let Some(table) = object(manifest, at) else { return };
    for (old, new) in names {
        if let Some(value) = table.remove(*old) {
            table.insert((*new).into(), value);
        }
    }
}
