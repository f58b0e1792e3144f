//! Results of the same settings on adjacent seeds become one.

use std::path::{Path, PathBuf};

use super::{PROTOCOL, Planning, Record, Results, read};
use crate::failure::Failure;

/// Parts of one evaluation, in any order.
#[derive(Default)]
pub struct Merge {
    parts: Vec<(PathBuf, Results)>,
}

impl Merge {
    /// Reads a part.
    ///
    /// # Errors
    /// [`Failure`] for a folder without results, with damaged ones, or with some that were never finished.
    pub fn add(&mut self, folder: &Path) -> Result<(), Failure> {
        let shown = folder.display();
        let Some(results) = read(folder)? else {
            return Err(Failure::refused(format!(
                "{shown} holds no {PROTOCOL}: run its part with `eval --shard`"
            )));
        };
        if let Some((environment, variant)) = results.unsound.first() {
            return Err(Failure::refused(format!(
                "{shown}: the episodes of `{variant}` in {environment} are not those that the protocol seals: run its part again"
            )));
        }
        self.parts.push((folder.to_owned(), results));
        Ok(())
    }

    /// All episodes in the order of their seeds.
    ///
    /// # Errors
    /// [`Failure`] for parts that overlap, leave a gap, or were made by other settings or commits, naming both.
    pub fn finish(mut self) -> Result<Results, Failure> {
        self.parts.sort_by_key(|(_, part)| part.first_seed);
        let mut parts = self.parts.into_iter();
        let Some((first, mut whole)) = parts.next() else {
            return Err(Failure::refused("there is nothing to merge: name what `eval --shard` wrote"));
        };
        let mut last = first.clone();
        for (folder, part) in parts {
            let due = whole.first_seed.wrapping_add(whole.episodes as u64);
            if part.first_seed != due {
                let what = if part.first_seed > due {
                    format!("episodes {due} to {} are in neither", part.first_seed - 1)
                } else {
                    format!("both have episode {}", part.first_seed)
                };
                return Err(unlike(
                    &last,
                    &folder,
                    &what,
                    "run the part that is missing, and name every part once",
                ));
            }
            whole.append(&first, &folder, part)?;
            last = folder;
        }
        Ok(whole)
    }
}

impl Results {
    fn append(&mut self, first: &Path, folder: &Path, part: Self) -> Result<(), Failure> {
        let refuse = |what: &str| {
            Err(unlike(first, folder, what, "run both with the same options and the same program"))
        };
        if self.ends != part.ends || self.layout != part.layout {
            return refuse("they have other environments, variants or places");
        }
        let named = |of: &Self| of.records.iter().map(Record::key).collect::<std::collections::BTreeSet<_>>();
        if named(self) != named(&part) {
            return refuse("they have other variants: one of them was not finished");
        }
        for record in part.records {
            let own = |own: &&mut Record| own.key() == record.key();
            let Some(own) = self.records.iter_mut().find(own) else { continue };
            if (&own.made, &own.commit, &own.same_as) != (&record.made, &record.commit, &record.same_as) {
                return refuse(&format!(
                    "`{}` in {} has other settings or is of another commit",
                    own.variant, own.made.environment
                ));
            }
            own.planning = match (own.planning, record.planning) {
                (Some(own), Some(more)) => Some(own.with(more)),
                (own, more) => own.or(more),
            };
            // Times are of single plans: those of one part say nothing of the whole.
            own.times = None;
            own.episodes.extend(record.episodes);
            own.foretold.extend(record.foretold);
        }
        self.episodes += part.episodes;
        Ok(())
    }
}

impl Record {
    fn key(&self) -> (String, String) {
        (self.made.environment.clone(), self.variant.clone())
    }
}

impl Planning {
    /// Of both together.
    fn with(self, more: Self) -> Self {
        let plans = self.plans + more.plans;
        let seconds = self.plans as f64 * self.seconds_per_plan + more.plans as f64 * more.seconds_per_plan;
        Self { plans, rows: self.rows.max(more.rows), seconds_per_plan: seconds / (plans.max(1)) as f64 }
    }
}

fn unlike(first: &Path, folder: &Path, what: &str, remedy: &str) -> Failure {
    Failure::refused(format!(
        "{} and {} do not belong together: {what}; {remedy}",
        first.display(),
        folder.display()
    ))
}
