//! A part of an evaluation's episodes: what one of many processes or machines scores.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::failure::Failure;
use crate::scoring::Episodes;

/// What the folder of all parts is called, behind the name of the folder that they are merged into.
pub const PARTS: &str = "-shards";

/// Which part, as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `2/4`: the second of four.
    Part(Shard),
    /// `auto/4`: the one of four that the scheduler's array says; `auto`: of as many as the array has.
    Array(Option<usize>),
}

/// Part `number` of `of`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    of: usize,
}

impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form =
            || format!("`{text}` is no part: give its number and how many there are, such as 2/4, or auto/4");
        let count = |digits: &str| digits.parse::<usize>().ok().filter(|&count| count > 0).ok_or_else(form);
        match text.split_once('/') {
            None if text == "auto" => Ok(Self::Array(None)),
            None => Err(form()),
            Some(("auto", of)) => Ok(Self::Array(Some(count(of)?))),
            Some((number, of)) => Shard::new(count(number)?, count(of)?).map(Self::Part),
        }
    }
}

impl Asked {
    /// Which part that is, where `variable` looks up what a scheduler says of the process: Slurm's job array
    /// (`SLURM_ARRAY_TASK_ID`, `_MIN`, `_STEP`, `_COUNT`) or Kubernetes' indexed job (`JOB_COMPLETION_INDEX`).
    ///
    /// # Errors
    /// [`Failure`] where no scheduler says, or says what cannot be.
    pub fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> Result<Shard, Failure> {
        let of = match self {
            Self::Part(shard) => return Ok(shard),
            Self::Array(of) => of,
        };
        let number = |name: &str| -> Result<Option<usize>, Failure> {
            let Some(text) = variable(name) else { return Ok(None) };
            let parsed = text.trim().parse().map(Some);
            parsed.map_err(|_| {
                Failure::refused(format!(
                    "{name} is `{text}`, which is no number: name the part, such as --shard 2/4"
                ))
            })
        };
        let (index, counted) = if let Some(id) = number("SLURM_ARRAY_TASK_ID")? {
            let first = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(1);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            (id.saturating_sub(first) / step, number("SLURM_ARRAY_TASK_COUNT")?)
        } else if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            (index, None)
        } else {
            return Err(Failure::refused(
                "--shard auto takes the part from SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX, and neither is set: run it as a job \
                 array, or name the part, such as --shard 2/4",
            ));
        };
        if let Some((of, tasks)) = of.zip(counted).filter(|(of, tasks)| of != tasks) {
            return Err(Failure::refused(format!(
                "the job array has {tasks} tasks, and one of {of} parts is asked for: name the part, such as --shard 2/{of}"
            )));
        }
        let Some(of) = of.or(counted) else {
            return Err(Failure::refused(
                "the scheduler does not say of how many parts this is one: give it, such as --shard auto/4",
            ));
        };
        Shard::new(index + 1, of).map_err(Failure::refused)
    }
}

impl Shard {
    fn new(number: usize, of: usize) -> Result<Self, String> {
        if (1..=of).contains(&number) {
            return Ok(Self { number, of });
        }
        Err(format!("there is no part {number} of {of}: parts are counted from 1"))
    }

    /// Its episodes: all parts together are `all`, in order, and differ by one episode at most.
    ///
    /// # Errors
    /// [`Failure`] for more parts than episodes.
    pub fn of(self, all: Episodes) -> Result<Episodes, Failure> {
        if self.of > all.count {
            let (of, count) = (self.of, all.count);
            return Err(Failure::refused(format!(
                "{count} episodes have no {of} parts: give fewer, or more --episodes"
            )));
        }
        let up_to = |number: usize| (all.count as u128 * number as u128 / self.of as u128) as usize;
        let (begin, end) = (up_to(self.number - 1), up_to(self.number));
        Ok(Episodes {
            first_seed: all.first_seed.wrapping_add(begin as u64),
            count: end - begin,
            before: all.before + begin,
        })
    }

    /// Its folder, where all parts together are to come into `whole`.
    pub fn folder(self, whole: &Path) -> PathBuf {
        parts(whole).join(format!("{}-of-{}", self.number, self.of))
    }
}

/// Folder of the parts of `whole`.
pub fn parts(whole: &Path) -> PathBuf {
    let mut name = whole.as_os_str().to_owned();
    name.push(PARTS);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn parts_are_all_episodes_once_and_in_order(count in 1usize..2000, of in 1usize..50, first_seed in 0u64..1000) {
            let of = of.min(count);
            let all = Episodes { first_seed, count, before: 0 };
            let parts: Vec<Episodes> = (1..=of).map(|number| Shard { number, of }.of(all).unwrap()).collect();
            let seeds: Vec<u64> = parts.iter().flat_map(|part| part.seeds()).collect();
            prop_assert_eq!(seeds, all.seeds());
            let least = parts.iter().map(|part| part.count).min().unwrap();
            for part in parts {
                let before: Vec<u64> = (first_seed..part.first_seed).collect();
                prop_assert_eq!(part.seeds_before(), before);
                assert!(part.count - least <= 1);
            }
        }
    }

    #[test]
    fn schedulers_say_which_part_it_is() {
        let says = |asked: &str, variables: &[(&str, &str)]| {
            let look = |name: &str| {
                variables.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
            };
            asked.parse::<Asked>().unwrap().resolve(look).map_err(|error| error.to_string())
        };
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_MIN", "3"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        assert_eq!(says("auto", &slurm), Ok(Shard { number: 3, of: 4 }));
        assert!(says("auto/5", &slurm).unwrap_err().contains("--shard 2/5"));
        assert_eq!(says("auto/5", &[("JOB_COMPLETION_INDEX", "0")]), Ok(Shard { number: 1, of: 5 }));
        assert_eq!(says("2/4", &slurm), Ok(Shard { number: 2, of: 4 }));
        assert!(says("auto", &[]).unwrap_err().contains("SLURM_ARRAY_TASK_ID"));
        assert!(says("auto", &[("JOB_COMPLETION_INDEX", "0")]).unwrap_err().contains("auto/4"));
        assert!(says("auto/2", &[("JOB_COMPLETION_INDEX", "2")]).unwrap_err().contains("no part 3 of 2"));
        assert!(says("auto/2", &[("JOB_COMPLETION_INDEX", "x")]).unwrap_err().contains("`x`"));
        for bad in ["", "3", "0/4", "5/4", "1/0", "a/4", "auto/0", "auto/x", "1/2/3"] {
            assert!(bad.parse::<Asked>().is_err(), "{bad}");
        }
    }
}
