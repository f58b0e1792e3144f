//! Episodes as lines of text. Numbers are written with as many digits as give the same number back: places, which an episode has to
//! single precision ([`Episode::goal`]), with few.

use super::{Beginning, Episode};

/// The columns that all have.
pub const HEADER: &str = "environment,variant,seed,start,goal,return,score,return_if_stayed,score_if_stayed,success,steps_to_arrival,plans";

/// The columns behind them, in files with episodes of numbered tasks.
pub const NUMBERED: &str = ",task,chances";

/// The line of an episode. Entries of a vector are separated by spaces; what there is not is left empty. What
/// goes with numbered tasks stands behind the rest, so that lines of benchmarks without numbers are what they were.
pub fn line(environment: &str, variant: &str, episode: &Episode) -> String {
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let fields = [
        quoted(environment),
        quoted(variant),
        episode.seed.to_string(),
        match &episode.start {
            Beginning::Observation(entries) => vector(entries),
            Beginning::Hash(hash) => hash.clone(),
        },
        episode.goal.as_deref().map_or(String::new(), vector),
        episode.episode_return.to_string(),
        number(episode.score),
        episode.return_if_stayed.to_string(),
        number(episode.score_if_stayed),
        u8::from(episode.success).to_string(),
        episode.steps_to_arrival.map_or(String::new(), |steps| steps.to_string()),
        episode.plans.to_string(),
    ];
    let numbered = episode.task.map_or(String::new(), |task| {
        format!(",{task},{}", episode.chances.map_or(String::new(), |chances| chances.to_string()))
    });
    fields.join(",") + &numbered
}

/// A place as it is written.
pub(super) fn vector(entries: &[f64]) -> String {
    entries.iter().map(|&entry| place(entry)).collect::<Vec<_>>().join(" ")
}

/// An entry of a place by as few digits as give it back.
fn place(entry: f64) -> String {
    let short = entry as f32;
    if f64::from(short).to_bits() == entry.to_bits() { short.to_string() } else { entry.to_string() }
}

/// Environment, variant and episode of a line that [`line()`] wrote; `Err` says what is wrong with it.
pub fn parse(text: &str) -> Result<(String, String, Episode), String> {
    let mut fields = split(text)?;
    let numbered = if fields.len() > 12 { fields.split_off(12) } else { vec![String::new(); 2] };
    let [task, chances] = <[String; 2]>::try_from(numbered)
        .map_err(|more| format!("{} fields instead of 12 or 14", 12 + more.len()))?;
    let [environment, variant, seed, start, goal, total, score, stayed, score_stayed, success, steps, plans] =
        <[String; 12]>::try_from(fields).map_err(|fields| format!("{} fields instead of 12", fields.len()))?;
    let episode = Episode {
        seed: number("seed", &seed)?,
        task: optional("task", &task, number)?,
        chances: optional("chances", &chances, number)?,
        start: match Beginning::hash_in(&start) {
            Some(hash) => hash,
            None => Beginning::Observation(places("start", &start)?),
        },
        goal: optional("goal", &goal, places)?,
        episode_return: number("return", &total)?,
        score: optional("score", &score, number)?,
        return_if_stayed: number("return_if_stayed", &stayed)?,
        score_if_stayed: optional("score_if_stayed", &score_stayed, number)?,
        success: number::<u8>("success", &success)? == 1,
        steps_to_arrival: optional("steps_to_arrival", &steps, number)?,
        plans: number("plans", &plans)?,
    };
    Ok((environment, variant, episode))
}

pub(super) fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} is `{text}`"))
}

fn optional<T>(
    name: &str,
    text: &str,
    read: impl Fn(&str, &str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if text.is_empty() { Ok(None) } else { read(name, text).map(Some) }
}

fn places(name: &str, text: &str) -> Result<Vec<f64>, String> {
    let entry = |entry: &str| {
        let short: f32 = number(name, entry)?;
        // Files of earlier versions have more digits, and their seals are of these.
        if short.to_string() == entry { Ok(f64::from(short)) } else { number(name, entry) }
    };
    text.split_whitespace().map(entry).collect()
}

pub(super) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

pub(super) fn split(line: &str) -> Result<Vec<String>, String> {
    let (mut fields, mut inside) = (vec![String::new()], false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        let last = fields.len() - 1;
        match letter {
            '"' if inside && letters.peek() == Some(&'"') => {
                letters.next();
                fields[last].push('"');
            }
            '"' => inside = !inside,
            ',' if !inside => fields.push(String::new()),
            letter => fields[last].push(letter),
        }
    }
    if inside { Err("a quote is not closed".into()) } else { Ok(fields) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{ProptestConfig, any, prop, proptest};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn every_bit_comes_back(
            seed in any::<u64>(),
            start in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL, 0..9),
            goal in prop::option::of(prop::collection::vec(-1e3..1e3f32, 1..3)),
            returns in prop::array::uniform2(-1e9..1e9f64),
            scores in prop::array::uniform2(prop::option::of(-1e3..1e3f64)),
            numbers in prop::array::uniform3(prop::option::of(any::<usize>())),
            variant in "[ -~]*",
        ) {
            let [steps, task, chances] = numbers;
            let chances = chances.filter(|_| task.is_some());
            let exact = |places: Vec<f32>| places.into_iter().map(f64::from).collect::<Vec<_>>();
            let (start, goal) = (Beginning::new(&exact(start)), goal.map(exact));
            let episode = Episode {
                seed, task, chances, start, goal, episode_return: returns[0], score: scores[0], return_if_stayed: returns[1],
                score_if_stayed: scores[1], success: steps.is_some(), steps_to_arrival: steps, plans: 3,
            };
            let (environment, name, found) = parse(&line("maze, a", &variant, &episode)).unwrap();
            assert_eq!((environment.as_str(), name), ("maze, a", variant));
            match (&found.start, &episode.start) {
                (Beginning::Observation(found), Beginning::Observation(start)) => {
                    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(found), bits(start));
                }
                (Beginning::Hash(found), Beginning::Hash(hash)) => assert_eq!(found, hash),
                other => panic!("{other:?}"),
            }
            assert_eq!(found, episode);
            // Beside episodes of numbered tasks, one without has an empty field.
            let beside = line("maze, a", "b", &episode) + if task.is_none() { ",," } else { "" };
            assert_eq!(parse(&beside).unwrap().2, episode);
        }
    }

    /// Their seals are of lines with all digits.
    #[test]
    fn lines_of_earlier_versions_are_written_as_they_were() {
        let old = "a,b,3,0.0036580198542095132 0.1,0.23781388872359108 -2,1,,1,,1,5,2";
        let (environment, variant, episode) = parse(old).unwrap();
        assert_eq!(line(&environment, &variant, &episode), old);
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        let good = line("a", "b", &Episode::default());
        for (bad, says) in [
            (good.replacen("a,b,0", "a,b,x", 1), "seed is `x`"),
            ("1,2".to_owned(), "2 fields"),
            (format!("{good},x,"), "task is `x`"),
            (format!("{good},1,x"), "chances is `x`"),
            (format!("{good},1"), "13 fields"),
            (good.replacen('b', "\"b", 1), "quote"),
        ] {
            let error = parse(&bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }
}
