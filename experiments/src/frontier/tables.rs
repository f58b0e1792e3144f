//! The table as text.

use super::plot::Curve;
use crate::figures::Figures;
use crate::table::{Table, numbers, words};

/// The table, with what it stands on.
pub fn text(curve: &Curve) -> String {
    let last = curve.first_seed.wrapping_add(curve.episodes.saturating_sub(1) as u64);
    let mut text = format!(
        "{}: {} episodes a point, seeds {} to {last}; plans timed one at a time on {} ({}, {} threads)\n\
         *: the settings as configured; |: no other point replans faster and scores higher\n\
         load: load average while timed; beside other work plans take longer\n\n",
        curve.environment, curve.episodes, curve.first_seed, curve.device, curve.processor, curve.threads
    );
    let [a, b, c, d, e, f] = Figures::columns();
    let mut table = Table::new([
        words("point"),
        words(""),
        numbers("replan, ms"),
        numbers("first plan, ms"),
        numbers("rows, replan / first"),
        numbers("load"),
        a,
        b,
        c,
        d,
        e,
        f,
    ]);
    for point in &curve.points {
        let mark = match (point.configured, point.on_front) {
            (true, true) => "*|",
            (true, false) => "*",
            (false, true) => "|",
            (false, false) => "",
        };
        let ms = |ms: Option<f64>| ms.map_or("-".into(), |ms| format!("{ms:.2}"));
        let rows = [point.times.replan, point.times.cold];
        let rows = rows.map(|time| time.map_or("-".into(), |time| format!("{:.1}", time.rows)));
        let load = point.times.load.map_or("-".into(), |load| format!("{load:.1}"));
        let [a, b, c, d, e, f] = point.figures.cells();
        let (replan, cold) = (ms(point.replan_ms()), ms(point.cold_ms()));
        table.row([point.name.clone(), mark.into(), replan, cold, rows.join(" / "), load, a, b, c, d, e, f]);
    }
    text += &table.to_string();
    for (method, score) in &curve.marks.published {
        text += &format!("\npublished, not measured here: {method}: {score:.1}");
    }
    if let Some(reference) = &curve.marks.reference {
        text += &format!(
            "\nthe reference implementation's guided plan of the large maze: {:.0} ms ({}, results of `bench speed`)",
            reference.ms, reference.processor
        );
    }
    text.trim_end().to_owned() + "\n"
}
