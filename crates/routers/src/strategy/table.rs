//! Tables that deal things out to experts, drawn once and never learned.

use std::{cmp::Reverse, collections::BinaryHeap};

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// k distinct experts for each of `count` things, row by row. The things are shuffled and dealt out in
/// rounds of E: each round gives every expert one thing as its first choice, and choice `j` is the
/// first moved by the round's `j`-th distinct offset, so every choice is balanced, for any E.
pub(super) fn dealt(seed: u64, count: usize, k: usize, experts: usize) -> Vec<i32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut things: Vec<usize> = (0..count).collect();
    things.shuffle(&mut rng);
    let mut offsets: Vec<usize> = (1..experts).collect();
    let mut table = vec![0; count * k];
    for (rank, thing) in things.into_iter().enumerate() {
        if rank % experts == 0 {
            offsets.shuffle(&mut rng);
        }
        let first = rank % experts;
        for choice in 0..k {
            let offset = if choice == 0 { 0 } else { offsets[choice - 1] };
            table[thing * k + choice] = ((first + offset) % experts) as i32;
        }
    }
    table
}

/// k distinct experts for each thing, row by row, so that the summed counts of experts are as even as
/// a greedy rule makes them: the most frequent thing first, each of its k copies to the emptiest
/// expert that it does not have yet. Equals are told apart by the seed alone. A count of 0 weighs as
/// 1, or all things that were never counted would go to one expert.
pub(super) fn balanced(seed: u64, counts: &[u64], k: usize, experts: usize) -> Vec<i32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut things: Vec<usize> = (0..counts.len()).collect();
    things.shuffle(&mut rng);
    things.sort_by_key(|&thing| Reverse(counts[thing]));
    // The emptiest expert on top; among the emptiest, one at random.
    let mut emptiest: BinaryHeap<_> = (0..experts)
        .map(|expert| Reverse((0u64, rng.random::<u64>(), expert)))
        .collect();
    let mut table = vec![0; counts.len() * k];
    for thing in things {
        // Taken out before any goes back: the k experts of a thing are distinct.
        let taken: Vec<_> = (0..k).filter_map(|_| emptiest.pop()).collect();
        for (choice, Reverse((load, _, expert))) in taken.into_iter().enumerate() {
            table[thing * k + choice] = expert as i32;
            let load = load + counts[thing].max(1);
            emptiest.push(Reverse((load, rng.random(), expert)));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_distinct(table: &[i32], k: usize) {
        for row in table.chunks(k) {
            let mut sorted = row.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), k, "{row:?}");
        }
    }

    fn loads(table: &[i32], counts: &[u64], k: usize, experts: usize) -> Vec<u64> {
        let mut loads = vec![0; experts];
        for (row, count) in table.chunks(k).zip(counts) {
            for &expert in row {
                loads[expert as usize] += count;
            }
        }
        loads
    }

    #[test]
    fn every_choice_deals_each_expert_the_same_number_of_things() {
        for (count, k, experts) in [(64, 2, 8), (120, 3, 60), (97, 4, 4), (9, 2, 3)] {
            let table = dealt(0, count, k, experts);
            for choice in 0..k {
                let mut load = vec![0usize; experts];
                table
                    .iter()
                    .skip(choice)
                    .step_by(k)
                    .for_each(|&expert| load[expert as usize] += 1);
                // Whole rounds are exactly even; the last, partial one adds at most one.
                let even = count / experts;
                assert!(load.iter().all(|&n| n == even || n == even + 1), "{load:?}");
            }
        }
    }

    #[test]
    fn the_choices_of_a_thing_are_distinct() {
        for (k, experts) in [(1, 1), (2, 2), (2, 8), (8, 8), (5, 97)] {
            assert_distinct(&dealt(3, 200, k, experts), k);
            let zipf: Vec<u64> = (1..=200).map(|rank| 10_000 / rank).collect();
            assert_distinct(&balanced(3, &zipf, k, experts), k);
        }
    }

    /// Shares .5 .3 .1 .1: the first fills one expert, the other three together the other.
    #[test]
    fn counts_are_balanced_and_not_ids() {
        for seed in 0..20 {
            let counts = [3, 1, 5, 1];
            let table = balanced(seed, &counts, 1, 2);
            assert_eq!(loads(&table, &counts, 1, 2), [5, 5], "{table:?}");
        }
    }

    /// Counts 4 3 2 1, E = 3, k = 2: 4 to two experts (4 4 0); 3 to the third and one of them (7 4 3);
    /// 2 to the emptier two (7 6 5); 1 to the emptier two again (7 7 6).
    #[test]
    fn every_copy_goes_to_the_emptiest_expert_that_the_id_does_not_have() {
        for seed in 0..20 {
            let counts = [4, 3, 2, 1];
            let mut loads = loads(&balanced(seed, &counts, 2, 3), &counts, 2, 3);
            loads.sort_unstable();
            assert_eq!(loads, [6, 7, 7]);
        }
    }

    #[test]
    fn things_that_were_never_counted_are_spread_too() {
        let table = balanced(1, &[0; 40], 1, 8);
        assert_eq!(loads(&table, &[1; 40], 1, 8), [5; 8]);
    }

    #[test]
    fn the_seed_decides_between_equals() {
        let table = |seed| balanced(seed, &[1; 40], 2, 8);
        assert_eq!(table(1), table(1));
        assert_ne!(table(1), table(2));
    }
}
