//! Taking turns: every round each contender gives one sample.

use std::{thread, time::Duration};

use metrics::statistics;

/// How often, and with which pauses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    /// Rounds that do not count.
    pub(crate) warmup: usize,
    /// Rounds that count.
    pub(crate) samples: usize,
    /// Between two samples, so that the threads of who was just timed are asleep: OpenMP's wait
    /// for the next task actively for some milliseconds.
    pub(crate) pause: Duration,
}

/// Somebody who can be timed.
pub(crate) trait Contender {
    /// One sample in seconds, or why there will be none any more.
    fn sample(&mut self) -> Result<f64, String>;
}

/// The samples of one contender, or why it has none.
pub(crate) type Samples = Result<Vec<f64>, String>;

/// Plays the rounds. The order is turned round every time, so that nobody always follows the same
/// neighbour. Who fails leaves the game.
pub(crate) fn play(contenders: &mut [&mut dyn Contender], rounds: Rounds) -> Vec<Samples> {
    let mut taken: Vec<Samples> = contenders.iter().map(|_| Ok(Vec::new())).collect();
    for round in 0..rounds.warmup + rounds.samples {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for number in order {
            let Ok(samples) = &mut taken[number] else {
                continue;
            };
            thread::sleep(rounds.pause);
            match contenders[number].sample() {
                Ok(seconds) if round >= rounds.warmup => samples.push(seconds),
                Ok(_) => {}
                Err(reason) => taken[number] = Err(reason),
            }
        }
    }
    taken
}

/// The middle and the edges of some samples, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) p10: f64,
    pub(crate) p90: f64,
}

impl Spread {
    /// `None` without samples.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        Some(Self {
            median: statistics::median(samples)?,
            p10: statistics::quantile(samples, 0.1)?,
            p90: statistics::quantile(samples, 0.9)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Writes down when it is asked; fails after a number of samples.
    struct Scripted<'a> {
        name: char,
        log: &'a RefCell<String>,
        given: usize,
        most: usize,
    }

    impl Contender for Scripted<'_> {
        fn sample(&mut self) -> Result<f64, String> {
            self.log.borrow_mut().push(self.name);
            self.given += 1;
            if self.given > self.most {
                return Err("broke down".to_owned());
            }
            Ok(self.given as f64)
        }
    }

    fn played(most: usize) -> (String, Vec<Samples>) {
        let log = RefCell::new(String::new());
        let contender = |name, most| Scripted {
            name,
            log: &log,
            given: 0,
            most,
        };
        let (mut a, mut b) = (contender('a', 99), contender('b', most));
        let rounds = Rounds {
            warmup: 1,
            samples: 3,
            pause: Duration::ZERO,
        };
        let samples = play(&mut [&mut a, &mut b], rounds);
        (log.take(), samples)
    }

    #[test]
    fn turns_alternate_and_warm_up_does_not_count() {
        let (log, samples) = played(99);
        assert_eq!(log, "abbaabba");
        assert_eq!(samples, [Ok(vec![2.0, 3.0, 4.0]), Ok(vec![2.0, 3.0, 4.0])]);
    }

    #[test]
    fn who_fails_is_not_asked_again_and_the_others_go_on() {
        let (log, samples) = played(2);
        assert_eq!(log, "abbaaba");
        assert_eq!(samples[0].as_ref().map(Vec::len), Ok(3));
        assert_eq!(samples[1], Err("broke down".to_owned()));
    }

    #[test]
    fn the_spread_is_interpolated_between_samples() {
        // Positions 0.1 * 4 = 0.4 and 0.9 * 4 = 3.6 of 1, 2, 3, 4, 10.
        let spread = Spread::of(&[10.0, 2.0, 4.0, 1.0, 3.0]).expect("samples");
        assert_eq!(spread.median, 3.0);
        assert!((spread.p10 - 1.4).abs() < 1e-12);
        assert!((spread.p90 - 7.6).abs() < 1e-12);
        assert_eq!(Spread::of(&[]), None);
    }
}
