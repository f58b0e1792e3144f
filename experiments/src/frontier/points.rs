//! The points: the configuration itself, and what makes it faster or more careful.

use crate::arms::Arm;
use crate::failure::Failure;
use crate::maze2d::names::unknown;

/// The configuration itself; the others are it with a few settings changed.
pub const CONFIGURED: &str = "as-configured";

/// Name and settings, roughly from fast to slow. Points that an environment's own configuration already is are
/// left out, as is a name whose settings another point has.
const POINTS: [(&str, &[&str]); 15] = [
    (CONFIGURED, &[]),
    ("levels-3", &["plan.levels=3"]),
    ("levels-4", &["plan.levels=4"]),
    ("levels-6", &["plan.levels=6"]),
    ("levels-12", &["plan.levels=12"]),
    ("levels-20", &["plan.levels=20"]),
    ("warm-start", &["plan.warm_start=0.5"]),
    ("ddim", &["plan.solver=ddim"]),
    ("dpm-2m", &["plan.solver=dpm-2m"]),
    ("mcg-1", &["plan.completions=1"]),
    ("mcg-4", &["plan.completions=4"]),
    ("samples-1", &["plan.samples=1"]),
    ("samples-2", &["plan.samples=2"]),
    ("samples-4", &["plan.samples=4"]),
    ("careful", &["plan.levels=20", "plan.completions=4", "plan.samples=4"]),
];

/// The points asked for, in the program's order, the configuration itself first.
///
/// # Errors
/// [`Failure`] for a point that there is not, with the nearest there is.
pub fn select(names: Option<&[String]>) -> Result<Vec<Arm>, Failure> {
    let known: Vec<&str> = POINTS.iter().map(|(name, _)| *name).collect();
    if let Some(typed) = names.into_iter().flatten().find(|typed| !known.contains(&typed.as_str())) {
        return Err(unknown("--points", "point", typed, &known));
    }
    let wanted =
        |name: &str| name == CONFIGURED || names.is_none_or(|names| names.iter().any(|typed| typed == name));
    Ok(POINTS
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, settings)| Arm::new(name, settings))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;
    use crate::settings;

    #[test]
    fn every_point_is_a_configuration() {
        let points = select(None).unwrap();
        assert_eq!(points.len(), POINTS.len());
        for point in points {
            settings::load::<Configuration>(None, &point.settings).unwrap();
        }
    }

    #[test]
    fn the_configuration_itself_is_always_there_and_first() {
        let names = |typed: &[&str]| -> Vec<String> {
            let typed: Vec<String> = typed.iter().map(|name| (*name).to_owned()).collect();
            select(Some(&typed)).unwrap().into_iter().map(|arm| arm.label).collect()
        };
        assert_eq!(names(&["samples-4", "levels-3"]), [CONFIGURED, "levels-3", "samples-4"]);
        let error = select(Some(&["level-3".to_owned()])).unwrap_err().to_string();
        assert!(error.contains("did you mean `levels-3`?"), "{error}");
    }
}
