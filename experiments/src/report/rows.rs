//! Variants as rows: one table of one environment, or one table of each measure for many.

use super::figures::{Measure, PLANNING, Sheet, cell};
use crate::resolve::short;
use crate::results::Layout;
use crate::table::{Table, numbers, words};

/// The tables; empty where everything that is there was varied.
pub fn text(sheet: &Sheet<'_>) -> String {
    let names = shown(sheet);
    let environments = &sheet.results.layout.environments;
    if names.is_empty() {
        return String::new();
    }
    match environments.as_slice() {
        [one] => single(sheet, one, &names),
        many => {
            let tables: Vec<String> = sheet
                .measures()
                .map(|measure| format!("{}\n\n{}", measure.title, table(sheet, many, &names, measure)))
                .collect();
            tables.join("\n")
        }
    }
}

/// Names of the rows. Where settings were varied, the baseline stands in their tables.
pub fn shown<'a>(sheet: &Sheet<'a>) -> Vec<&'a str> {
    shown_of(&sheet.results.layout)
}

/// The same of results without figures.
pub fn shown_of(layout: &Layout) -> Vec<&str> {
    let names: Vec<&str> = layout.rows.iter().map(|row| row.variant.as_str()).collect();
    if !layout.groups.is_empty() && names == [layout.baseline.as_str()] { Vec::new() } else { names }
}

/// A row's name, with a star where it is the baseline.
pub fn starred(sheet: &Sheet<'_>, name: &str) -> String {
    if name == sheet.results.layout.baseline { format!("{name} *") } else { name.to_owned() }
}

fn single(sheet: &Sheet<'_>, environment: &str, names: &[&str]) -> String {
    let measures = || sheet.measures().chain(&PLANNING);
    let columns = [words("variant")].into_iter().chain(measures().map(|measure| numbers(measure.column)));
    let mut table = Table::new(columns.collect::<Vec<_>>());
    for name in names {
        let Some(figures) = sheet.get(environment, name) else { continue };
        let cells = measures().map(|measure| cell(measure, figures));
        table.row([starred(sheet, name)].into_iter().chain(cells).collect::<Vec<_>>());
    }
    format!("{}\n\n{table}", short(environment))
}

fn table(sheet: &Sheet<'_>, environments: &[String], names: &[&str], measure: &Measure) -> Table {
    let columns = environments.iter().map(|id| numbers(&short(id)));
    let mut table = Table::new([words("variant")].into_iter().chain(columns).collect::<Vec<_>>());
    for name in names {
        let text = |id: &String| sheet.get(id, name).map_or("-".into(), |figures| cell(measure, figures));
        let cells = environments.iter().map(text);
        table.row([starred(sheet, name)].into_iter().chain(cells).collect::<Vec<_>>());
    }
    table
}
