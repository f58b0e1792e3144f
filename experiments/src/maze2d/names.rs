//! Names that the user typed, against those there are.

use crate::failure::Failure;

/// Refuses a name, with the nearest of `known`.
pub fn unknown(option: &str, what: &str, typed: &str, known: &[&str]) -> Failure {
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&typed.to_lowercase(), name), name))
        .max_by(|left, right| left.0.total_cmp(&right.0).then(right.1.cmp(left.1)));
    let hint = match nearest {
        Some((similarity, name)) if similarity >= 0.75 => format!(" (did you mean `{name}`?)"),
        _ => String::new(),
    };
    Failure::refused(format!("{option}: unknown {what} `{typed}`{hint}; there are: {}", known.join(", ")))
}

/// An environment's name as people say it, without the version.
pub fn short(id: &str) -> &str {
    id.strip_suffix("-v1").unwrap_or(id)
}
