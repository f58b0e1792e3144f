//! Dependencies point one way: no part of a crate uses another that uses it.
//!
//! A part is a file or folder directly under a crate's `src`, with everything below it. What only tests use does not
//! count.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// For each part, the parts that it names after `crate::`.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The names that directly follow `crate::`, those in braces included.
fn named(code: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            names.insert(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && (c.is_alphanumeric() || c == '_') => {
                    names.insert(word(&group[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    names
}

fn uses(source: &Path) -> Uses {
    let mut paths = Vec::new();
    files(source, &mut paths);
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let mut of_tests = BTreeSet::new();
    for path in &paths {
        for rest in read(path).split("#[cfg(test)]\nmod ").skip(1) {
            let name = rest.split([';', ' ']).next().unwrap();
            of_tests.insert(path.with_extension("").join(name).with_extension("rs"));
        }
    }
    let part = |path: &Path| {
        let first = path.strip_prefix(source).unwrap().components().next().unwrap();
        Path::new(first.as_os_str()).with_extension("").display().to_string()
    };
    let parts: BTreeSet<String> = paths.iter().map(|path| part(path)).collect();
    let mut uses = Uses::new();
    for path in paths.iter().filter(|path| !of_tests.contains(*path) && !path.ends_with("src/lib.rs")) {
        let text = read(path);
        let code = text.split("#[cfg(test)]").next().unwrap();
        let code: String =
            code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
        let own = part(path);
        let others = named(&code).into_iter().filter(|name| *name != own && parts.contains(name));
        uses.entry(own.clone()).or_default().extend(others);
    }
    uses
}

/// A way from a part back to itself.
fn circle(uses: &Uses) -> Option<Vec<String>> {
    fn back(uses: &Uses, way: &mut Vec<String>, seen: &mut BTreeSet<String>) -> bool {
        let here = way.last().unwrap().clone();
        for next in uses.get(&here).into_iter().flatten() {
            if *next == way[0] {
                return true;
            }
            if seen.insert(next.clone()) {
                way.push(next.clone());
                if back(uses, way, seen) {
                    return true;
                }
                way.pop();
            }
        }
        false
    }
    uses.keys().find_map(|part| {
        let mut way = vec![part.clone()];
        back(uses, &mut way, &mut BTreeSet::new()).then_some(way)
    })
}

#[test]
fn no_part_of_a_crate_uses_another_that_uses_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for name in ["envs", "policies", "planner", "agent", "experiments"] {
        let uses = uses(&root.join(name).join("src"));
        assert!(uses.values().any(|others| !others.is_empty()), "{name}: nothing was read");
        assert_eq!(circle(&uses), None, "{name}");
    }
}

#[test]
fn a_circle_is_found_and_uses_are_read() {
    let code = "use crate::{a::{b, c}, d};\nuse crate::e::F; pub(in crate::g) fn f() {}";
    assert_eq!(named(code).into_iter().collect::<Vec<_>>(), ["a", "d", "e", "g"]);
    let of = |pairs: &[(&str, &str)]| {
        let mut uses = Uses::new();
        for (from, to) in pairs {
            uses.entry((*from).into()).or_default().insert((*to).into());
        }
        uses
    };
    assert_eq!(circle(&of(&[("a", "b"), ("a", "c"), ("b", "c")])), None);
    let found = circle(&of(&[("a", "b"), ("b", "c"), ("c", "b")])).unwrap();
    assert_eq!(found, ["b", "c"]);
}
