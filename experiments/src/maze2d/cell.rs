//! A column of the table: one maze, and what the project ships for it.

use std::path::PathBuf;

use forethought_envs::{EnvSpec, make};

use super::MAZES;
use super::names::{short, unknown};
use crate::failure::Failure;
use crate::resolve;

/// One maze.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its environment.
    pub spec: EnvSpec,
    /// Whether a checkpoint and a configuration come with it.
    pub shipped: bool,
}

impl Cell {
    fn new(id: &str, find: &dyn Fn(&str, &str) -> Option<PathBuf>) -> Result<Self, Failure> {
        let shipped = find("checkpoints", "").is_some() && find("configs", ".toml").is_some();
        Ok(Self { spec: make(id)?.spec().clone(), shipped })
    }
}

/// The cells asked for, in the table's order; `quick` stands for the umaze ones.
///
/// # Errors
/// [`Failure`] for a maze that is not in the benchmark, with the nearest that is.
pub fn select_cells(only: Option<&[String]>, quick: bool) -> Result<Vec<Cell>, Failure> {
    let known = MAZES.map(short);
    for typed in only.into_iter().flatten() {
        if !known.contains(&short(typed)) {
            return Err(unknown("--only", "maze", typed, &known));
        }
    }
    let wanted = |id: &&str| match only {
        Some(names) => names.iter().any(|name| short(name) == short(id)),
        None => !quick || id.contains("-umaze-"),
    };
    MAZES
        .into_iter()
        .filter(wanted)
        .map(|id| Cell::new(id, &|folder, extension| resolve::shipped_for(id, folder, extension)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(only: Option<&[&str]>, quick: bool) -> Vec<String> {
        let only = only.map(|names| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        select_cells(only.as_deref(), quick).unwrap().into_iter().map(|cell| cell.spec.id).collect()
    }

    #[test]
    fn cells_come_in_the_order_of_the_table_whatever_was_typed() {
        assert_eq!(ids(None, false), MAZES);
        assert_eq!(ids(None, true), ["maze2d-umaze-v1", "multi2d-umaze-v1"]);
        let both = ["multi2d-large", "maze2d-umaze-v1", "multi2d-large"];
        assert_eq!(ids(Some(&both), true), ["maze2d-umaze-v1", "multi2d-large-v1"]);
    }

    #[test]
    fn a_cell_needs_both_checkpoint_and_configuration() {
        let only = |present: &'static str| {
            move |folder: &str, _: &str| (present.contains(folder)).then(|| PathBuf::from("x"))
        };
        for (present, shipped) in [("checkpoints configs", true), ("checkpoints", false), ("configs", false)]
        {
            assert_eq!(Cell::new("maze2d-medium-v1", &only(present)).unwrap().shipped, shipped, "{present}");
        }
    }
}
