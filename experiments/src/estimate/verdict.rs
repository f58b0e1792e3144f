//! What to make of estimates, in a few sentences.

use forethought_policies::off_policy::{Estimate, Interval, LINEAR_FQE, NETWORK_FQE, WDR};

use super::Told;

/// Whether the estimate that there is most reason to read should be believed, and how it compares with what acted in the data.
///
/// That is the weighted doubly robust one, which ranked and covered best in the project's trials (RESULTS.md, "Values from data
/// alone"); without it the first of the others.
pub(super) fn verdict(estimates: &[Told], behaviour: Option<&Estimate>) -> String {
    let of = |method: &str| estimates.iter().find(|told| told.estimate.method == method);
    let Some(read) = of(WDR).or_else(|| estimates.first()) else {
        return "No method has a value: the data hold nothing like what the policy does.".into();
    };
    let Estimate { method, interval, diagnosis, .. } = &read.estimate;
    let apart = of(LINEAR_FQE).filter(|other| !overlap(&other.estimate.interval, interval));
    let fitted = [LINEAR_FQE, NETWORK_FQE].contains(&method.as_str());
    let mut said = match (&read.warning, apart) {
        (Some(warning), _) => warning.clone(),
        (None, Some(_)) => {
            format!("Do not rely on this: {method} and {LINEAR_FQE} disagree by more than their intervals.")
        }
        (None, None) => {
            let effective = diagnosis.effective_episodes.map(|count| format!(", which count as {count:.0}"));
            let outside = diagnosis
                .outside_share
                .map(|share| format!(", and {:.0} % of its actions are unlike them", 100.0 * share));
            format!(
                "Nothing in the data speaks against it ({method}): {} episodes{}{}.",
                diagnosis.episodes,
                effective.unwrap_or_default(),
                outside.unwrap_or_default()
            )
        }
    };
    if fitted && read.warning.is_none() {
        said += " Fitted values alone: in this project's trials 63 to 91 of 100 such intervals held the truth, where 95 should have; \
                 --noise adds methods that can tell more.";
    }
    // What is not believed is not compared.
    if let Some(data) = behaviour.filter(|_| read.warning.is_none() && apart.is_none()) {
        said += match (interval.low > data.interval.high, interval.high < data.interval.low) {
            (true, _) => " By its interval the policy earns more than what acted in the data.",
            (_, true) => " By its interval the policy earns less than what acted in the data.",
            _ => " Whether the policy earns more than what acted in the data is not told.",
        };
    }
    said
}

fn overlap(left: &Interval, right: &Interval) -> bool {
    left.low <= right.high && right.low <= left.high
}

#[cfg(test)]
mod tests {
    use forethought_policies::off_policy::Diagnosis;

    use super::*;

    fn told(method: &str, low: f64, high: f64, outside: f64) -> Told {
        let diagnosis = Diagnosis { episodes: 200, outside_share: Some(outside), ..Diagnosis::default() };
        let interval = Interval { low, high };
        let estimate = Estimate { method: method.into(), value: 0.5 * (low + high), interval, diagnosis };
        Told { warning: estimate.diagnosis.warning(), estimate }
    }

    #[test]
    fn a_verdict_is_of_the_method_that_is_trusted_most() {
        let data = told("data", 1.0, 2.0, 0.0).estimate;
        let say = |estimates: &[Told]| verdict(estimates, Some(&data));
        let sound = say(&[told(LINEAR_FQE, 2.0, 4.0, 0.01), told(WDR, 2.5, 3.0, 0.01)]);
        assert!(
            sound.contains("Nothing") && sound.contains(WDR) && sound.contains("earns more than"),
            "{sound}"
        );
        let apart = say(&[told(LINEAR_FQE, 2.0, 2.4, 0.01), told(WDR, 2.5, 3.0, 0.01)]);
        assert!(apart.contains("Do not rely") && apart.contains("disagree"), "{apart}");
        let unlike = say(&[told(LINEAR_FQE, 0.0, 0.4, 0.6)]);
        assert!(
            unlike.contains("Do not rely") && unlike.contains("60 %") && !unlike.contains("earns"),
            "{unlike}"
        );
        let alone = say(&[told(LINEAR_FQE, 1.0, 2.4, 0.01)]);
        assert!(alone.contains("63 to 91") && alone.contains("is not told"), "{alone}");
        assert!(say(&[]).contains("No method has a value"));
    }
}
