//! Episodes of a program, kept as they come: a program may end in the middle, and its episodes may take hours.

use forethought_agent::{EpisodeRecord, run_policy};
use forethought_envs::{EnvSpec, file_name};
use sha2::{Digest, Sha256};

use crate::canonical::canonical;
use crate::failure::Failure;
use crate::output::OutputDir;
use crate::program::{Launch, Program};
use crate::progress;
use crate::resolve::file_stem;
use crate::results::{COMMIT, Episode, Made, UNFINISHED, episode_line, parse_episode};
use crate::scoring::{self, Starts};

/// Seconds between two writes: a fast program would else wait for the disk.
const EVERY_S: f64 = 2.0;

/// Episodes of a program: those that an earlier run left, and the records of those played now.
///
/// # Errors
/// Those of the program and the environment; what was finished before is kept.
pub(super) fn play(
    launch: &Launch,
    made: &Made,
    (spec, starts, out): (&EnvSpec, &Starts<'_>, &OutputDir),
    told: &mut dyn FnMut(usize),
) -> Result<(Vec<Episode>, Vec<EpisodeRecord>), Failure> {
    let mut kept = Unfinished::open(out, made, launch.name(), starts)?;
    let earlier = kept.episodes.clone();
    let rest = starts.seeds.get(earlier.len()..).unwrap_or_default();
    let Some(&first_seed) = rest.first() else { return Ok((earlier, Vec::new())) };
    let mut environment = starts.ends.make(&spec.id)?;
    let mut program = Program::start(launch, spec, starts.ends, first_seed)?;
    let mut records = Vec::with_capacity(rest.len());
    let all = || -> Result<(), Failure> {
        // A line too many is found when the next episode begins, at the latest: until then the last one may be wrong.
        let mut last: Option<Episode> = None;
        for &seed in rest {
            let begun = program.episodes_begun();
            let played = run_policy(&mut program, environment.as_mut(), &[seed], None, &mut |_, _| true);
            if program.episodes_begun() > begun {
                kept.add(last.take());
            }
            let record = match played {
                Ok(mut played) => played.pop(),
                Err(error) => return Err(error.into()),
            };
            if let Some(record) = record {
                last = Some(scoring::episode(&record, spec, starts.ends)?);
                records.push(record);
            }
            told(earlier.len() + records.len());
            kept.write_now_and_then()?;
            program.stop_where_asked()?;
        }
        program.finish()?;
        kept.add(last);
        Ok(())
    };
    if let Err(error) = all() {
        kept.write()?;
        return Err(match kept.episodes.len() {
            0 => error,
            count => error.with(&format!(
                "; {count} of {} episodes are kept, and the same command goes on from there",
                starts.seeds.len()
            )),
        });
    }
    Ok((earlier, records))
}

/// Where the episodes of a variant stand until all are there.
fn name_of(made: &Made, variant: &str) -> String {
    format!("{UNFINISHED}{}--{}.csv", file_name(&made.environment), file_stem(variant))
}

/// Removes what [`play`] kept, once the results hold it.
///
/// # Errors
/// Those of the folder.
pub(super) fn done(out: &OutputDir, made: &Made, variant: &str) -> Result<(), Failure> {
    Ok(out.remove(&name_of(made, variant))?)
}

struct Unfinished<'a> {
    out: &'a OutputDir,
    name: String,
    /// The first line: what made them. Episodes of anything else are not taken over.
    head: String,
    made: &'a Made,
    variant: &'a str,
    episodes: Vec<Episode>,
    written: usize,
    at: f64,
}

impl<'a> Unfinished<'a> {
    fn open(
        out: &'a OutputDir,
        made: &'a Made,
        variant: &'a str,
        starts: &Starts<'_>,
    ) -> Result<Self, Failure> {
        let seeds = starts.seeds;
        let identity =
            format!("{COMMIT} {} {} {:?}", canonical(made)?, canonical(starts.ends)?, seeds.first());
        let hash: String = Sha256::digest(identity).iter().map(|byte| format!("{byte:02x}")).collect();
        let (name, head) = (name_of(made, variant), format!("# {hash}"));
        let text = out.own_text(&name).unwrap_or_default();
        let mut lines = text.lines();
        let same = lines.next() == Some(head.as_str());
        // What cannot be read, or is of other seeds, is played again.
        let episodes: Vec<Episode> = lines
            .map_while(|line| parse_episode(line).ok())
            .zip(seeds)
            .map_while(|((_, _, episode), &seed)| (same && episode.seed == seed).then_some(episode))
            .collect();
        let written = episodes.len();
        Ok(Self { out, name, head, made, variant, episodes, written, at: progress::clock() })
    }

    fn add(&mut self, episode: Option<Episode>) {
        self.episodes.extend(episode);
    }

    fn write_now_and_then(&mut self) -> Result<(), Failure> {
        if progress::clock() - self.at < EVERY_S { Ok(()) } else { self.write() }
    }

    fn write(&mut self) -> Result<(), Failure> {
        if self.written < self.episodes.len() {
            let lines =
                self.episodes.iter().map(|one| episode_line(&self.made.environment, self.variant, one));
            let text: Vec<String> = [self.head.clone()].into_iter().chain(lines).collect();
            self.out.write_text(&self.name, &(text.join("\n") + "\n"))?;
            self.written = self.episodes.len();
        }
        self.at = progress::clock();
        Ok(())
    }
}
