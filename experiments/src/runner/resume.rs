//! What of an earlier run stands for what is asked now.

use super::{Agenda, Job};
use crate::canonical::canonical;
use crate::failure::Failure;
use crate::results::{COMMIT, Made, Record, Results};

impl Agenda {
    /// Takes over what is there: what stands for what is asked, what nobody asked for, and, until its successor is
    /// there, what is to be scored again.
    pub(super) fn compare(&mut self, earlier: Results, any_commit: bool) -> Result<(), Failure> {
        let (mut others, mut commits) = (0, Vec::new());
        for record in earlier.records {
            let here = |job: &&mut Job| job.made.environment == record.made.environment;
            for job in self.jobs.iter_mut().filter(here).filter(|job| job.same_as.is_none()) {
                if record.same_as.is_some() || !same(&record.made, &job.made)? {
                    others += usize::from(job.name == record.variant && record.same_as.is_none());
                } else if any_commit || record.commit == COMMIT {
                    job.kept = true;
                    let (variant, made) = (job.name.clone(), job.made.clone());
                    self.results.put(Record { variant, made, ..record.clone() });
                } else if !commits.contains(&record.commit) {
                    commits.push(record.commit.clone());
                }
            }
            let stands = |name: &String| {
                let own = |job: &&Job| job.name == *name && job.made.environment == record.made.environment;
                self.jobs.iter().find(own).is_some_and(|job| job.kept)
            };
            let replaced =
                |job: &Job| job.is_named_as(&record) && job.same_as.as_ref().map_or(job.kept, stands);
            if !self.jobs.iter().any(replaced) {
                self.results.put(record);
            }
        }
        // What was the same as something that is scored again stands by itself.
        let known: Vec<(String, Made)> =
            self.results.records.iter().map(|record| (record.variant.clone(), record.made.clone())).collect();
        for record in &mut self.results.records {
            record.same_as = record
                .same_as
                .take()
                .filter(|name| known.iter().any(|(own, made)| own == name && *made == record.made));
        }
        if others > 0 {
            self.notes.push(format!("{others} variants were made by other settings and are scored again"));
        }
        if !commits.is_empty() {
            self.notes.push(format!(
                "variants made by commit {} are scored again by {COMMIT} (--any-commit keeps them)",
                commits.join(", ")
            ));
        }
        Ok(())
    }
}

impl Job {
    fn is_named_as(&self, record: &Record) -> bool {
        self.name == record.variant && self.made.environment == record.made.environment
    }
}

/// Whether a record stands for what is asked. Both have been through text.
fn same(found: &Made, asked: &Made) -> Result<bool, Failure> {
    let settings = canonical(&asked.settings)?;
    Ok(*found == Made { settings, ..asked.clone() } || found == asked)
}
