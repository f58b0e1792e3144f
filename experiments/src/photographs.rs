//! Photographs of episodes as files, for environments that bring a photographer. Where nothing can be photographed on this machine,
//! that is said once, and everything else goes on.

use std::collections::BTreeMap;

use forethought_agent::EpisodeRecord;
use forethought_envs::picture::{Photographer, Picture};
use forethought_envs::{EnvError, EnvSpec, SharedTask, photographer};

use crate::console;
use crate::picture::{GAP, Photographed};

/// Pixels of a photograph of one episode.
const LARGE: [usize; 2] = [480, 400];
/// Pixels of a photograph among those of many.
const SMALL: [usize; 2] = [240, 200];

/// A finished file: its name, and what is in it.
pub type File = (String, Vec<u8>);

/// Photographers by environment, each made when it is first asked for.
pub struct Studio {
    size: [usize; 2],
    /// None where the environment brings none, or where it has failed.
    photographers: BTreeMap<String, Option<Box<dyn Photographer>>>,
}

impl Studio {
    /// For single episodes.
    pub fn large() -> Self {
        Self { size: LARGE, photographers: BTreeMap::new() }
    }

    /// For many at a glance.
    pub fn small() -> Self {
        Self { size: SMALL, ..Self::large() }
    }

    /// An episode as `episodeMARK.png`, a strip, and `movingMARK.png`, which is animated, and plan number `plan` (from 0, if there is
    /// one) with its outcomes as `planMARK.png`. Empty where nothing can be photographed.
    pub fn episode(
        &mut self,
        spec: &EnvSpec,
        record: &EpisodeRecord,
        plan: Option<usize>,
        mark: &str,
        task: impl FnOnce() -> Result<SharedTask, EnvError>,
    ) -> Vec<File> {
        self.pictured(&spec.id, |photographer| {
            let task = task()?;
            let mut drawn = Photographed::new(photographer, &*task);
            let mut files = vec![(format!("episode{mark}.png"), drawn.strip(record)?.png()?)];
            if let Some(picture) = plan.map(|plan| drawn.plan(record, plan)).transpose()?.flatten() {
                files.push((format!("plan{mark}.png"), picture.png()?));
            }
            files.push((format!("moving{mark}.png"), drawn.film(record, spec.step_seconds)?));
            Ok(files)
        })
    }

    /// Several episodes as strips, one below the other, in `NAME.png`, and the first of them animated in `NAME--moving.png`. `task` is
    /// asked for that of a record. Empty where nothing can be photographed.
    pub fn overview(
        &mut self,
        spec: &EnvSpec,
        records: &[EpisodeRecord],
        name: &str,
        task: impl Fn(&EpisodeRecord) -> Result<SharedTask, EnvError>,
    ) -> Vec<File> {
        self.pictured(&spec.id, |photographer| {
            let mut strips: Vec<Picture> = Vec::with_capacity(records.len());
            for record in records {
                strips.push(Photographed::new(photographer, &*task(record)?).strip(record)?);
            }
            let mut files = vec![(format!("{name}.png"), Picture::column(&strips, GAP)?.png()?)];
            if let Some(first) = records.first() {
                let film = Photographed::new(photographer, &*task(first)?).film(first, spec.step_seconds)?;
                files.push((format!("{name}--moving.png"), film));
            }
            Ok(files)
        })
    }

    /// What a photographer makes; nothing where there is none, and after one that has failed, which is said.
    fn pictured(
        &mut self,
        id: &str,
        draw: impl FnOnce(&mut dyn Photographer) -> Result<Vec<File>, EnvError>,
    ) -> Vec<File> {
        if !self.photographers.contains_key(id) {
            let made = photographer(id, self.size).unwrap_or_else(|error| {
                said(id, &error);
                None
            });
            self.photographers.insert(id.to_owned(), made);
        }
        let Some(Some(photographer)) = self.photographers.get_mut(id) else { return Vec::new() };
        draw(photographer.as_mut()).unwrap_or_else(|error| {
            said(id, &error);
            self.photographers.insert(id.to_owned(), None);
            Vec::new()
        })
    }
}

/// Says that there are no photographs, and why.
fn said(id: &str, error: &EnvError) {
    console::note(format_args!("no photographs of {id}, all else is there: {error}"));
}

#[cfg(test)]
mod tests;
