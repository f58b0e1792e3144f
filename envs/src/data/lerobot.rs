//! Reading LeRobot's data sets: a folder of Parquet files that hold all frames one after another.

use std::path::{Path, PathBuf};

use super::episodes::{ending, metadata};
use super::json_file::read_json;
use super::lerobot_info::Info;
use super::parquet_file::{Budget, ParquetFile};
use super::parts::{Chosen, side_by_side};
use super::reader::{DataReader, ReadOptions, Source};
use super::{DataDescription, Dataset};
use crate::EnvError;

const INFO: &str = "meta/info.json";
/// Files of frames and of episodes, at most: more are no data set, and each is opened.
const MOST_FILES: usize = 1 << 20;
/// Time stamps may be off from the frame rate by this share of a frame.
const STAMP_SLACK: f64 = 0.1;

/// `meta/info.json`, `meta/episodes/*/*.parquet` and `data/*/*.parquet`, of versions 2 and 3.
///
/// A frame holds what was seen and what was then done; what the last action of an episode led to is not recorded.
pub(super) struct LeRobot;

impl DataReader for LeRobot {
    fn name(&self) -> &'static str {
        "LeRobot"
    }

    fn recognises(&self, source: &Source) -> bool {
        source.is_folder() && source.path().join(INFO).is_file()
    }

    fn read(&self, source: Source, options: &ReadOptions) -> Result<Dataset, EnvError> {
        let home = source.path();
        let path = home.join(INFO);
        let refuse = |problem: String| EnvError::Data { path: path.clone(), problem };
        let info: Info = read_json(&path)?;
        info.check().map_err(refuse)?;
        let mut notes = Vec::new();
        let mut chosen = Chosen::of(info.parts(), options.observations.as_deref()).map_err(refuse)?;
        notes.extend(chosen.note.take());
        let mut budget = Budget::new(options.max_bytes);
        let mut frames = Frames::default();
        for path in files(&home.join("data"))? {
            frames.add(&mut ParquetFile::open(&path, &mut budget)?, &info, &chosen, &mut budget)?;
        }
        let (found, said) = (frames.episode.len() as u64, info.total_frames);
        if found != said {
            return Err(refuse(format!(
                "it says {said} frames, and the files in `data` hold {found}: a file is missing or left over; download \
                 the data set again"
            )));
        }
        let ends = frames.ends(&mut notes);
        if ends.len() as u64 != info.total_episodes {
            notes.push(format!(
                "{INFO} says {} episodes, the frames are of {}",
                info.total_episodes,
                ends.len()
            ));
        }
        let kept = home.join("meta/episodes");
        if kept.is_dir() {
            frames.compare(&kept, &mut budget)?;
        }
        frames.note_times(info.fps, &mut notes);
        let description = DataDescription {
            step_seconds: Some(info.fps.recip()),
            features: info.features(&chosen),
            ..DataDescription::default()
        };
        let dims = [chosen.width(), info.action_width()];
        Ok(frames.finish(dims, &ends, description, notes, options))
    }
}

/// All frames so far.
#[derive(Default)]
struct Frames {
    observations: Vec<f32>,
    actions: Vec<f32>,
    rewards: Option<Vec<f32>>,
    done: Option<Vec<bool>>,
    episode: Vec<f64>,
    frame: Vec<f64>,
    stamps: Vec<f64>,
    files: usize,
}

impl Frames {
    /// Adds the frames of a file.
    fn add(
        &mut self,
        file: &mut ParquetFile,
        info: &Info,
        chosen: &Chosen,
        budget: &mut Budget,
    ) -> Result<(), EnvError> {
        let mut column = |file: &mut ParquetFile, key: &str| {
            let found = file.column(key, budget)?;
            found.ok_or_else(|| {
                file.error(format!("column `{key}` is missing: download or convert the data set again"))
            })
        };
        let episode = column(file, "episode_index")?;
        let frame = column(file, "frame_index")?;
        let rows = episode.len();
        let stamps = file.column("timestamp", budget)?.unwrap_or_default();
        let uneven = |file: &ParquetFile, key: &str| {
            file.error(format!(
                "column `{key}` has not {rows} rows as the others: download the data set again"
            ))
        };
        if frame.len() != rows {
            return Err(uneven(file, "frame_index"));
        }
        let mut wide = |file: &mut ParquetFile, key: &str, width: usize| {
            match file.vectors(key, budget)? {
            None => Err(file.error(format!(
                "column `{key}` is missing, which {INFO} describes: download the data set again, or leave it out there"
            ))),
            Some((_, found)) if found != width => Err(file.error(format!(
                "column `{key}` holds {found} numbers a row, and {INFO} says {width}: download the data set again"
            ))),
            Some((values, _)) if values.len() != rows.saturating_mul(width) => Err(uneven(file, key)),
            Some((values, _)) => Ok(values),
        }
        };
        let mut seen = Vec::new();
        for (key, width) in &chosen.parts {
            seen.push((wide(file, key, *width)?, *width));
        }
        self.observations.append(&mut side_by_side(seen).unwrap_or_default());
        self.actions.append(&mut wide(file, "action", info.action_width())?);
        let rewards = file.vectors("next.reward", budget)?.map(|(values, _)| values);
        let done = file.flags("next.done", budget)?;
        if rewards.as_ref().is_some_and(|rewards| rewards.len() != rows)
            || done.as_ref().is_some_and(|done| done.len() != rows)
        {
            return Err(uneven(file, "next.reward` or `next.done"));
        }
        // What not all files have, none has.
        self.rewards = joined(self.rewards.take(), rewards, self.files);
        self.done = joined(self.done.take(), done, self.files);
        self.files += 1;
        self.episode.extend(episode);
        self.frame.extend(frame);
        self.stamps.extend(stamps);
        Ok(())
    }

    /// One past the last frame of each run of frames that follow one another.
    fn ends(&self, notes: &mut Vec<String>) -> Vec<usize> {
        let (mut ends, mut gaps) = (Vec::new(), 0);
        let rows = self.episode.len();
        for row in 1..=rows {
            // Exact: these are whole numbers.
            #[allow(clippy::float_cmp)]
            let (other, gap) = match (self.episode.get(row), self.frame.get(row)) {
                (Some(episode), Some(frame)) => {
                    (*episode != self.episode[row - 1], *frame != self.frame[row - 1] + 1.0)
                }
                _ => (true, false),
            };
            if other || gap {
                ends.push(row);
                gaps += usize::from(!other);
            }
        }
        if gaps > 0 {
            notes.push(format!("{gaps} episodes lack frames in between and are taken as two"));
        }
        ends
    }

    /// Holds the episodes that `meta/episodes` lists against the frames.
    fn compare(&self, kept: &Path, budget: &mut Budget) -> Result<(), EnvError> {
        let mut counts = std::collections::HashMap::new();
        // Run by run: an episode has thousands of frames.
        #[allow(clippy::float_cmp)]
        for run in self.episode.chunk_by(|one, next| one == next) {
            *counts.entry(run.first().map_or(0, |episode| episode.to_bits())).or_insert(0usize) += run.len();
        }
        for path in files(kept)? {
            let mut file = ParquetFile::open(&path, budget)?;
            let (Some(episodes), Some(lengths)) =
                (file.column("episode_index", budget)?, file.column("length", budget)?)
            else {
                continue;
            };
            for (episode, said) in episodes.iter().zip(lengths) {
                let found = counts.get(&episode.to_bits()).copied().unwrap_or(0);
                // Exact: these are whole numbers.
                #[allow(clippy::float_cmp)]
                if said != found as f64 {
                    return Err(file.error(format!(
                        "it says that episode {episode} has {said} frames, and the files in `data` hold {found}: \
                         download the data set again"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Notes where time stamps are not those of the frame rate, which a step is taken for.
    fn note_times(&self, fps: f64, notes: &mut Vec<String>) {
        let uneven = self.stamps.windows(2).zip(self.frame.windows(2)).filter(|(stamps, frame)| {
            let steps = frame[1] - frame[0];
            steps > 0.0 && ((stamps[1] - stamps[0]) * fps - steps).abs() > STAMP_SLACK * steps
        });
        let count = uneven.count();
        if count > 0 && self.stamps.len() == self.frame.len() {
            notes.push(format!(
                "{count} frames are not 1/{fps} s after the one before, and are taken as if they were"
            ));
        }
    }

    fn finish(
        self,
        dims: [usize; 2],
        ends: &[usize],
        description: DataDescription,
        mut notes: Vec<String>,
        options: &ReadOptions,
    ) -> Dataset {
        let mut data = Dataset::of_rows("", dims, self.observations, self.actions);
        let (mut start, mut early) = (0, 0);
        for end in ends {
            let done = self.done.as_ref().and_then(|done| done.get(start..*end)).unwrap_or_default();
            let (terminal, before) = ending(done);
            early += before;
            let flags = if terminal { &mut data.terminals } else { &mut data.timeouts };
            if let Some(last) = flags.get_mut(end - 1) {
                *last = true;
            }
            start = *end;
        }
        if early > 0 {
            notes.push(format!(
                "{early} frames before the last of their episodes are marked done; episodes go on to their ends"
            ));
        }
        let rewarded = self.rewards.is_some();
        data.rewards = self.rewards.unwrap_or(data.rewards);
        data.env_id = options.env_id.clone().unwrap_or_default();
        data.metadata = metadata(description, notes, rewarded, options);
        data
    }
}

/// What files before and this one hold of a column that may be left out.
fn joined<T>(before: Option<Vec<T>>, more: Option<Vec<T>>, files: usize) -> Option<Vec<T>> {
    match (before, more) {
        (None, more) if files == 0 => more,
        (Some(mut before), Some(mut more)) => {
            before.append(&mut more);
            Some(before)
        }
        _ => None,
    }
}

/// A name by its number: `file-1000` comes after `file-999`.
fn by_number(path: &Path) -> (String, Option<u64>, PathBuf) {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let before = stem.trim_end_matches(|letter: char| letter.is_ascii_digit());
    (before.into(), stem[before.len()..].parse().ok(), path.into())
}

/// The Parquet files in the folders of a folder, in the order of their numbers, which is that of their frames.
fn files(folder: &Path) -> Result<Vec<PathBuf>, EnvError> {
    let refuse = |problem: &str| EnvError::Data { path: folder.into(), problem: problem.into() };
    let entries = |folder: &Path| -> Result<Vec<PathBuf>, EnvError> {
        let io = |source| EnvError::Io { path: folder.into(), source };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(io)?.take(MOST_FILES) {
            found.push(entry.map_err(io)?.path());
        }
        found.sort_by_cached_key(|path| by_number(path));
        Ok(found)
    };
    if !folder.is_dir() {
        return Err(refuse("the folder is missing: download the data set again"));
    }
    let mut found = Vec::new();
    for chunk in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let ours = |path: &PathBuf| path.extension().is_some_and(|end| end == "parquet");
        found.extend(entries(&chunk)?.into_iter().filter(ours));
        if found.len() > MOST_FILES {
            return Err(refuse("it holds more files than any data set: name another folder"));
        }
    }
    if found.is_empty() {
        return Err(refuse(
            "it holds no Parquet files (`chunk-000/file-000.parquet`): download the data set again",
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two episodes of three and two frames.
    fn frames() -> Frames {
        Frames {
            observations: vec![0.0, 1.0, 2.0, 3.0, 4.0],
            actions: vec![0.5; 5],
            rewards: Some(vec![1.0; 5]),
            done: Some(vec![false, false, true, false, false]),
            episode: vec![0.0, 0.0, 0.0, 1.0, 1.0],
            frame: vec![0.0, 1.0, 2.0, 0.0, 1.0],
            stamps: vec![0.0, 0.1, 0.2, 0.0, 0.1],
            files: 1,
        }
    }

    fn data(frames: Frames) -> Dataset {
        let mut notes = Vec::new();
        let ends = frames.ends(&mut notes);
        frames.note_times(10.0, &mut notes);
        let data = frames.finish([1, 1], &ends, DataDescription::default(), notes, &ReadOptions::default());
        data.check().unwrap();
        data
    }

    #[test]
    fn episodes_end_where_their_number_changes_or_frames_are_missing() {
        let whole = data(frames());
        assert_eq!(whole.terminals, [false, false, true, false, false]);
        assert_eq!(whole.timeouts, [false, false, false, false, true]);
        assert!(whole.metadata.notes.is_empty(), "{:?}", whole.metadata.notes);
        let mut lost = frames();
        (lost.frame[4], lost.stamps[4]) = (3.0, 0.3);
        let lost = data(lost);
        assert_eq!(lost.timeouts, [false, false, false, true, true]);
        assert!(lost.metadata.notes[0].starts_with("1 episodes lack frames"), "{:?}", lost.metadata.notes);
    }

    #[test]
    fn frames_that_come_late_and_flags_in_between_are_told() {
        let mut late = frames();
        late.stamps[1] = 0.15;
        late.done = Some(vec![true, false, true, false, true]);
        let late = data(late);
        assert_eq!(late.terminals, [false, false, true, false, true]);
        let notes = late.metadata.notes.join("; ");
        assert!(
            notes.contains("2 frames are not 1/10 s") && notes.contains("1 frames before the last"),
            "{notes}"
        );
    }

    #[test]
    fn files_come_in_the_order_of_their_numbers() {
        let home = tempfile::tempdir().unwrap();
        let wanted = [
            "chunk-999/file-000.parquet",
            "chunk-999/file-999.parquet",
            "chunk-999/file-1000.parquet",
            "chunk-1000/episode_000002.parquet",
        ];
        for name in wanted.iter().rev().chain(&["chunk-999/file-1.txt"]) {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(files(home.path()).unwrap(), wanted.map(|name| home.path().join(name)));
    }

    #[test]
    fn what_not_all_files_have_none_has() {
        assert_eq!(joined(None, Some(vec![1]), 0), Some(vec![1]));
        assert_eq!(joined(Some(vec![1]), Some(vec![2]), 1), Some(vec![1, 2]));
        assert_eq!(joined(Some(vec![1]), None, 1), None);
        assert_eq!(joined(None, Some(vec![2]), 1), None);
    }
}
