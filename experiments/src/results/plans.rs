//! What was foretold in episodes, as lines of text.

use super::Foretold;
use super::csv::{number, quoted, split};

/// The columns.
pub const HEADER: &str = "environment,variant,seed,chance,plans,as_planned";

/// The line of the plans of an episode that were given one chance.
pub fn line(environment: &str, variant: &str, foretold: &Foretold) -> String {
    let Foretold { seed, chance, plans, as_planned } = foretold;
    format!("{},{},{seed},{chance},{plans},{as_planned}", quoted(environment), quoted(variant))
}

/// Environment, variant and content of a line that [`line`] wrote; `Err` says what is wrong with it.
pub fn parse(text: &str) -> Result<(String, String, Foretold), String> {
    let [environment, variant, seed, chance, plans, as_planned] = <[String; 6]>::try_from(split(text)?)
        .map_err(|fields| format!("{} fields instead of 6", fields.len()))?;
    let foretold = Foretold {
        seed: number("seed", &seed)?,
        chance: number("chance", &chance)?,
        plans: number("plans", &plans)?,
        as_planned: number("as_planned", &as_planned)?,
    };
    if !(0.0..=1.0).contains(&foretold.chance) {
        return Err(format!("chance is `{chance}`"));
    }
    if foretold.as_planned > foretold.plans {
        return Err(format!("{as_planned} of {plans} plans"));
    }
    Ok((environment, variant, foretold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_comes_back() {
        for chance in [0.0, 1.0, 0.0625, 1.0 / 3.0, 0.1 + 0.2] {
            let foretold = Foretold { seed: u64::MAX, chance, plans: 9, as_planned: 7 };
            let found = parse(&line("maze, a", "plan \"b\"", &foretold)).unwrap();
            assert_eq!(found, ("maze, a".to_owned(), "plan \"b\"".to_owned(), foretold));
        }
    }

    #[test]
    fn what_is_wrong_with_a_line_is_said() {
        for (bad, says) in [
            ("a,b,1,0.5,2", "5 fields"),
            ("a,b,-1,0.5,2,1", "seed is `-1`"),
            ("a,b,1,NaN,2,1", "chance is `NaN`"),
            ("a,b,1,1.5,2,1", "chance is `1.5`"),
            ("a,b,1,0.5,2,3", "3 of 2 plans"),
            ("a,\"b,1,0.5,2,3", "quote"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(says), "{bad}: {error}");
        }
    }
}
