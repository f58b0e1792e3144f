//! Learned policies as rows beside the others.

use std::path::PathBuf;

use forethought_envs::make;
use forethought_policies::learned::LearnedPolicy;

use super::Variant;
use crate::failure::Failure;
use crate::suite::Source;

/// A row for each folder of a learned policy, named after the policy, and after its folder as well where there are several.
///
/// # Errors
/// [`Failure`] for a folder that holds none, is damaged, or whose policy was trained for none of the environments.
pub fn learned(folders: &[PathBuf], environments: &[String]) -> Result<Vec<Variant>, Failure> {
    let mut rows = Vec::new();
    for (at, folder) in folders.iter().enumerate() {
        // The same once more has nothing to add, and no name of its own.
        if folders.iter().take(at).any(|before| before == folder) {
            continue;
        }
        let mut refused = None;
        let mut found = None;
        for id in environments {
            match LearnedPolicy::load(folder, make(id)?.spec()) {
                Ok(policy) => {
                    found = Some(policy);
                    break;
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let policy = match (found, refused) {
            (Some(policy), _) => policy,
            (None, Some(error)) => return Err(error.into()),
            (None, None) => continue,
        };
        let manifest = policy.manifest();
        let name = manifest.policy.clone();
        rows.push(Variant {
            name: if folders.len() > 1 { format!("{}: {name}", folder.display()) } else { name.clone() },
            about: format!(
                "{name}, learned from {} transitions in {} steps",
                manifest.transitions, manifest.steps
            ),
            planner: name,
            source: Source::Policy,
            controller: None,
            set: Vec::new(),
            checkpoint: Some(folder.clone()),
            program: None,
            only: Vec::new(),
            row: true,
        });
    }
    Ok(rows)
}
