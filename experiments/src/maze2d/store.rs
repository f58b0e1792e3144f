//! The files of the benchmark: one per maze, planner and executor, and the report.

use super::planners::Row;

pub use crate::scored::{Planning, Scored, planning_of, read, write};

/// Folder of the files.
const FOLDER: &str = "cells/";
/// The report; also what marks a folder as this command's where nothing has been scored in it.
pub const REPORT: &str = "report.html";

/// Whether a file of this name is written by this command and no other.
pub fn is_ours(name: &str) -> bool {
    name.starts_with(FOLDER) || name == REPORT
}

/// Name of the file.
pub fn file_name(environment: &str, row: &Row) -> String {
    match row.plans() {
        true => format!("{FOLDER}{environment}/{}--{}.json", row.planner, row.executor),
        false => format!("{FOLDER}{environment}/{}.json", row.planner),
    }
}
