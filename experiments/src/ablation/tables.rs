//! The tables as text.

use super::study::{Ablation, ArmFigures, StudyFigures};
use crate::figures::Figures;
use crate::table::{Table, numbers, words};

/// What the figures stand on, in a few sentences.
pub fn basis(ablation: &Ablation) -> String {
    let last = ablation.first_seed.wrapping_add(ablation.episodes.saturating_sub(1) as u64);
    format!(
        "{} episodes of each arm, seeds {} to {last}, on {}; all arms meet the same starts, goals and noise. \
         Intervals are 95 % bootstrap intervals. Differences are to the settings as configured (*), episode by \
         episode. Episodes are planned together; the time of a plan is its share of the batch.",
        ablation.episodes, ablation.first_seed, ablation.device
    )
}

/// An arm's label, with a star where it is the configuration itself.
pub fn starred(arm: &ArmFigures) -> String {
    if arm.configured { format!("{} *", arm.label) } else { arm.label.clone() }
}

/// The arms of a table: the study's own, after the configuration itself where it is none of them.
pub fn rows<'a>(ablation: &'a Ablation, study: &'a StudyFigures) -> Vec<&'a ArmFigures> {
    let own = (!study.arms.iter().any(|arm| arm.configured)).then_some(&ablation.configured);
    own.into_iter().chain(&study.arms).collect()
}

/// Headings after the arm's.
pub fn headings() -> [&'static str; 8] {
    let [score, iqm, difference, stayed, arrived, steps] = Figures::HEADINGS;
    [score, iqm, difference, stayed, arrived, steps, "rows", "ms per plan"]
}

/// Cells after the arm's.
pub fn cells(figures: &Figures) -> [String; 8] {
    let [score, iqm, difference, stayed, arrived, steps] = figures.cells();
    let rows = figures.planning.map_or("-".into(), |planning| planning.rows.to_string());
    let ms = figures.ms_per_plan().map_or("-".into(), |ms| format!("{ms:.2}"));
    [score, iqm, difference, stayed, arrived, steps, rows, ms]
}

/// All tables, one below the other, with what they stand on.
pub fn text(ablation: &Ablation) -> String {
    let mut text = format!("{}\n{}\n", ablation.environment, basis(ablation));
    for study in &ablation.studies {
        text += &format!("\n{}", study.name);
        if let Some(about) = &study.about {
            text += &format!(": {about}");
        }
        let [a, b, c, d, e, f, g, h] = headings().map(numbers);
        let mut table = Table::new([words(&study.axis), a, b, c, d, e, f, g, h]);
        for arm in rows(ablation, study) {
            let [a, b, c, d, e, f, g, h] = cells(&arm.figures);
            table.row([starred(arm), a, b, c, d, e, f, g, h]);
        }
        text += &format!("\n\n{table}");
    }
    text
}
