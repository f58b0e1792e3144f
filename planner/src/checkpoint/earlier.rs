//! Manifests of formats 1 and 2, brought to the names and sections of the present one.
//!
//! Those of format 1 hold no settings of planning: what is filled in are this version's defaults. What a checkpoint of
//! that format was scored with lies beside it as a configuration, and is laid over these by whoever knows configurations.
//! Those of format 2 are of networks whose tokens have one level for decisions and outcomes.

use serde_json::{Map, Value, json};

use crate::PlanConfig;

/// Whether a manifest says that it is of the first format.
pub(super) fn is_first(manifest: &Value) -> bool {
    manifest.get("format") == Some(&json!(1))
}

/// The manifest in the present format; anything else comes back as it was.
///
/// # Errors
/// For one that says it is of the first format and holds what only later ones do: filling in would change it.
pub(super) fn upgrade(mut manifest: Value) -> Result<Value, serde_json::Error> {
    if is_first(&manifest) {
        manifest = of_first(manifest)?;
    }
    if manifest.get("format") == Some(&json!(2)) {
        manifest = of_second(manifest)?;
    }
    Ok(manifest)
}

/// Refuses a manifest that holds what its format does not have.
fn without(manifest: &Value, format: u32, later: &[&str]) -> Result<(), serde_json::Error> {
    match later.iter().find(|at| manifest.pointer(at).is_some()) {
        None => Ok(()),
        Some(later) => {
            let name = later.rsplit('/').next().unwrap_or_default();
            let problem =
                format!("it says format {format} and holds `{name}`, which that format does not have");
            Err(serde::de::Error::custom(problem))
        }
    }
}

/// From format 2 to 3: one level for all of a token, and no rows of levels that tell its parts apart.
fn of_second(mut manifest: Value) -> Result<Value, serde_json::Error> {
    let shares = ["imagine", "act", "infer_actions"];
    without(&manifest, 2, &["/dynamics", "/model/level_blocks", "/layout/level_blocks"])?;
    without(&manifest, 2, &shares.map(|share| format!("/train/{share}")).each_ref().map(String::as_str))?;
    if let Some(model) = object(&mut manifest, "/model") {
        model.insert("level_blocks".into(), json!(0));
    }
    if let Some(train) = object(&mut manifest, "/train") {
        shares.iter().for_each(|share| drop(train.insert((*share).into(), json!(0.0))));
    }
    if let Value::Object(fields) = &mut manifest {
        fields.insert("format".into(), json!(3));
    }
    Ok(manifest)
}

/// From format 1 to 2.
fn of_first(mut manifest: Value) -> Result<Value, serde_json::Error> {
    without(&manifest, 1, &["/plan", "/control", "/task"])?;
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
        fields.insert("format".into(), json!(2));
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
