//! Settings that had another name in an earlier version, or are gone: refused with what to write instead.

use super::{Entry, Origin, SettingsError};

/// Earlier key, and the present one.
const RENAMED: [(&str, &str); 31] = [
    ("plan.levels", "plan.sampler.steps"),
    ("plan.solver", "plan.sampler.solver"),
    ("plan.matrix.kind", "plan.sampler.schedule"),
    ("plan.matrix.uncertainty", "plan.sampler.uncertainty_scale"),
    ("plan.settle", "plan.sampler.clean_tokens"),
    ("plan.stabilization", "plan.sampler.stabilization_level"),
    ("plan.guidance", "plan.guidance.scale"),
    ("plan.guidance_floor", "plan.guidance.end"),
    ("plan.completions", "plan.guidance.mc_samples"),
    ("plan.tie", "plan.guidance.start_weight"),
    ("plan.horizons", "plan.horizon.lengths"),
    ("plan.hasten", "plan.horizon.shrink"),
    ("plan.hold", "plan.horizon.terminal_chunks"),
    ("plan.samples", "plan.rank.candidates"),
    ("plan.support", "plan.rank.ood_penalty"),
    ("plan.goal_token", "plan.goal_conditioning"),
    ("executor.name", "control.controller"),
    ("rollout.replan_every", "control.execution_horizon"),
    ("executor.position_gain", "control.pd.position_gain"),
    ("executor.velocity_gain", "control.pd.velocity_gain"),
    ("executor.acceleration", "control.path.acceleration"),
    ("executor.speed", "control.path.speed"),
    ("executor.damping", "control.path.damping"),
    ("executor.smoothing", "control.path.smoothing"),
    ("model.frame_stack", "model.frames_per_token"),
    ("model.position_spread", "model.position_scale"),
    ("model.network.waves", "model.network.fourier_features"),
    ("train.final_rate", "train.min_lr_ratio"),
    ("train.clip", "train.grad_clip_norm"),
    ("train.known_state", "train.context_dropout"),
    ("train.no_goal", "train.condition_dropout"),
];

/// Earlier key, and what came of it.
const GONE: [(&str, &str); 12] = [
    ("plan.tolerance", "the task's own radius says what counts as there"),
    ("plan.unvisited", "it gained nothing"),
    ("plan.unvisited_width", "it gained nothing"),
    ("plan.objective", "the task says what is maximised: `task.kind`"),
    ("plan.guide_shown", "plans that are shown the goal are guided at the goal alone"),
    ("plan.likelihood", "it gained nothing; `plan.rank.ood_penalty` charges plans that leave the data"),
    ("plan.acceptable", "it gained nothing"),
    ("plan.warm_slope", "it gained nothing"),
    ("plan.reach", "the task scores how near a frame is"),
    ("executor.step", "the environment says how long a step takes"),
    ("executor.positions", "the data's features say which entries are positions"),
    ("executor.velocities", "the data's features say which entries are velocities"),
];

/// Settings of an earlier version under their present names, those that are gone left out.
pub(super) fn upgrade(table: &toml::Table) -> toml::Table {
    let mut leaves = Vec::new();
    flatten("", table, &mut leaves);
    let mut upgraded = toml::Table::new();
    for (key, value) in leaves {
        if GONE.iter().any(|(old, _)| *old == key) {
            continue;
        }
        let value = match (key.as_str(), &value) {
            ("plan.horizons", toml::Value::Array(lengths)) if lengths.is_empty() => "auto".into(),
            // To twelve digits, since 1 - 0.9 is not 0.1.
            ("train.known_state", toml::Value::Float(kept)) => (((1.0 - kept) * 1e12).round() / 1e12).into(),
            _ => value,
        };
        let present = RENAMED.iter().find(|(old, _)| *old == key).map_or(key.as_str(), |(_, new)| new);
        put(&mut upgraded, present, value);
    }
    upgraded
}

fn flatten(prefix: &str, table: &toml::Table, leaves: &mut Vec<(String, toml::Value)>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(below) => flatten(&key, below, leaves),
            value => leaves.push((key, value.clone())),
        }
    }
}

fn put(table: &mut toml::Table, key: &str, value: toml::Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((first, rest)) => {
            let below = table.entry(first).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(below) = below {
                put(below, rest, value);
            }
        }
    }
}

/// Why an entry that no setting answers to is refused, where an earlier version knew it. A table is searched for
/// the first key that was known.
pub(super) fn refusal(entry: &Entry) -> Option<SettingsError> {
    let key = entry.key.join(".");
    if let Some(error) = named(&key, &entry.origin) {
        return Some(error);
    }
    let toml::Value::Table(table) = &entry.value else { return None };
    table.iter().find_map(|(name, value)| {
        let mut key = entry.key.clone();
        key.push(name.clone());
        refusal(&Entry { key, value: value.clone(), origin: entry.origin.clone() })
    })
}

fn named(key: &str, origin: &Origin) -> Option<SettingsError> {
    let of =
        |table: &[(&'static str, &'static str)]| table.iter().find(|(old, _)| *old == key).map(|row| row.1);
    let remedy = match (of(&RENAMED), of(&GONE)) {
        // A share of what is kept became one of what is dropped.
        (Some(new), _) if key == "train.known_state" => format!("is now called `{new}`, and is one minus it"),
        (Some(new), _) => format!("is now called `{new}`"),
        (None, Some(why)) => format!("is gone: {why}; leave it out"),
        (None, None) => return None,
    };
    Some(SettingsError::Renamed { key: key.to_owned(), origin: origin.clone(), remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, value: &str) -> Entry {
        let value = toml::from_str::<toml::Table>(&format!("value = {value}")).unwrap();
        let key = key.split('.').map(str::to_owned).collect();
        Entry { key, value: value["value"].clone(), origin: Origin::Flag("x".into()) }
    }

    #[test]
    fn earlier_names_are_answered_with_the_present_ones() {
        let says = |key: &str, value: &str| refusal(&entry(key, value)).map(|error| error.to_string());
        assert!(says("plan.levels", "3").unwrap().contains("`plan.sampler.steps`"));
        assert!(
            says("plan.matrix", "{ uncertainty = 1 }").unwrap().contains("`plan.sampler.uncertainty_scale`")
        );
        assert!(says("executor", "{ smoothing = 0.9 }").unwrap().contains("`control.path.smoothing`"));
        assert!(says("plan.acceptable", "1").unwrap().contains("leave it out"));
        let dropout = says("train.known_state", "0.9").unwrap();
        assert!(dropout.contains("`train.context_dropout`, and is one minus it"), "{dropout}");
        assert_eq!(says("plan.nothing", "1"), None);
    }

    #[test]
    fn settings_of_an_earlier_version_are_found_under_their_names() {
        let old = "environment = \"x\"\n[plan]\nlevels = 6\nhorizons = []\nguidance = 5.0\nreach = 4.0\n\
                   [plan.matrix]\nkind = \"trapezoid\"\n[rollout]\nreplan_every = 3\n[train]\nknown_state = 0.75\n";
        let new = upgrade(&toml::from_str(old).unwrap());
        assert_eq!(new["plan"]["sampler"]["steps"].as_integer(), Some(6));
        assert_eq!(new["plan"]["sampler"]["schedule"].as_str(), Some("trapezoid"));
        assert_eq!(new["plan"]["horizon"]["lengths"].as_str(), Some("auto"));
        assert_eq!(new["plan"]["guidance"]["scale"].as_float(), Some(5.0));
        assert_eq!(new["control"]["execution_horizon"].as_integer(), Some(3));
        assert_eq!(new["train"]["context_dropout"].as_float(), Some(0.25));
        assert_eq!((new["environment"].as_str(), new["plan"].get("reach")), (Some("x"), None));
    }

    #[test]
    fn no_key_has_two_meanings() {
        let mut old: Vec<&str> = RENAMED.iter().chain(&GONE).map(|row| row.0).collect();
        old.sort_unstable();
        let count = old.len();
        old.dedup();
        assert_eq!(old.len(), count);
    }
}
