//! Texts that are continued, and how likely they are, by a model of bigrams.

mod common;

use std::num::NonZeroUsize;

use burn::tensor::Device;
use common::Bigrams;
use kernels::Precision;
use lm::{
    CausalLm, Continuation, Ending, GenerationConfig, LmError, LmLimits, OptionsOf, SamplingConfig,
    TokenBatch, check_batch, generate, log_likelihoods, score_options, search, window_losses,
    write_all,
};

/// 0 is followed by 1, 1 by 2 and 2 by 0, each with odds of 2 : 1 : 1.
fn ring() -> Bigrams {
    let two = 2f32.ln();
    let table = [[0.0, two, 0.0], [0.0, 0.0, two], [two, 0.0, 0.0]];
    Bigrams::of(table, &Device::flex())
}

#[test]
fn texts_go_on_until_their_ends() {
    let model = ring();
    let prompts = [vec![0], vec![0, 1, 2, 0], vec![1]];
    let config = GenerationConfig::greedy(4);
    let written = generate(&model, &prompts, &config).expect("prompts");
    let written = written.finish().expect("numbers");
    let ids: Vec<&[u32]> = written.iter().map(|text| &text.ids[..]).collect();
    // Of six positions the second has two left, so that three tokens are written.
    assert_eq!(ids, [&[1, 2, 0, 1][..], &[1, 2, 0], &[2, 0, 1, 2]]);
    let endings = written.iter().map(|text| text.ending);
    assert!(endings.eq([Ending::Length, Ending::Positions, Ending::Length]));

    let config = GenerationConfig {
        stop_ids: vec![0],
        ..config
    };
    let mut generation = generate(&model, &prompts, &config).expect("prompts");
    let steps: Vec<_> = generation.by_ref().map(|step| step.expect("ids")).collect();
    // What ends a text is not shown.
    assert_eq!(
        steps,
        [[Some(1), Some(1), Some(2)], [Some(2), Some(2), None]]
    );
    assert!(
        generation
            .endings()
            .all(|ending| ending == Some(Ending::Stop))
    );
}

#[test]
fn draws_are_those_of_a_prompts_own_stream() {
    let model = ring();
    let config = GenerationConfig {
        sampling: SamplingConfig {
            temperature: 1.0,
            ..SamplingConfig::greedy()
        },
        ..GenerationConfig::greedy(5)
    };
    let written = |prompts: &[Vec<u32>]| {
        let written = generate(&model, prompts, &config)
            .expect("prompts")
            .finish();
        written.expect("numbers")
    };
    let alone = written(&[vec![0]]);
    let among = written(&[vec![0], vec![2, 0], vec![1]]);
    assert_eq!(alone[0], among[0], "whoever else is in the batch");
}

#[test]
fn logits_that_are_no_numbers_are_an_error() {
    let model = Bigrams::of([[0.0, 1.0], [f32::NAN, 0.0]], &Device::flex());
    let config = GenerationConfig::greedy(4);
    let mut generation = generate(&model, &[vec![0]], &config).expect("a prompt");
    assert_eq!(generation.next(), Some(Ok(vec![Some(1)])));
    let expected = LmError::Logits {
        text: "prompt 0".to_owned(),
        token: 1,
    };
    assert_eq!(generation.next(), Some(Err(expected)));
}

#[test]
fn likelihoods_by_hand() {
    let model = ring();
    // 1/2 * 1/2, then 1/4, then 1/2 * 1/4 * 1/2.
    let all: [(&[u32], &[u32], f64, bool); 3] = [
        (&[0], &[1, 2], 4.0, true),
        (&[2, 0], &[2], 4.0, false),
        (&[1], &[2, 1, 2], 16.0, false),
    ];
    let texts = all.map(|(context, ids, ..)| Continuation { context, ids });
    for batch in 1..=3 {
        let found = log_likelihoods(&model, &texts, batch, Precision::F32).expect("they fit");
        for (found, (.., odds, is_greedy)) in found.iter().zip(all) {
            let expected = -odds.ln();
            assert!((found.log_likelihood - expected).abs() < 1e-6, "{found:?}");
            assert_eq!(found.is_greedy, is_greedy);
        }
    }
    let refusals: [(&[u32], &[u32], [&str; 2]); 4] = [
        (&[], &[1], ["context 1", "no tokens"]),
        (&[1], &[], ["continuation 1", "no tokens"]),
        (&[1], &[3], ["continuation 1", "below 3"]),
        (&[0, 1, 2, 0], &[1, 2, 0, 1], ["text 1", "7 tokens"]),
    ];
    for (context, ids, words) in refusals {
        let texts = [texts[0], Continuation { context, ids }];
        let refused = log_likelihoods(&model, &texts, 2, Precision::F32).expect_err("refused");
        for word in words {
            assert!(refused.to_string().contains(word), "{refused}");
        }
    }
}

#[test]
fn losses_of_windows_by_hand() {
    let model = ring();
    let batch = TokenBatch {
        inputs: vec![0, 1, 2, 2],
        targets: vec![1, 2, 1, 0],
        counted: None,
        texts: None,
        rows: 2,
        length: 2,
    };
    let nats = |odds: [f64; 2]| odds.map(f64::ln);
    for (counted, expected) in [
        (None, nats([2.0, 8f64.sqrt()])),
        (Some(vec![false, true, true, false]), nats([2.0, 4.0])),
        (Some(vec![false; 4]), [0.0; 2]),
    ] {
        let batch = TokenBatch {
            counted,
            ..batch.clone()
        };
        let found = window_losses(&model, &batch, Precision::F32).expect("they fit");
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        }
    }
    let unknown = TokenBatch {
        targets: vec![1, 2, 1, 3],
        ..batch
    };
    let refused = window_losses(&model, &unknown, Precision::F32).expect_err("refused");
    assert!(refused.to_string().contains("window 1"), "{refused}");
}

#[test]
fn options_are_scored_by_sum_and_by_mean() {
    let model = ring();
    // Each token's odds are hand-worked in `losses_of_windows_by_hand`: of 1 behind 0 it is 1/2.
    let texts: [&[Vec<u32>]; 2] = [&[vec![1], vec![2], vec![1, 2]], &[vec![0]]];
    let asked = texts.map(|options| OptionsOf {
        context: &[2, 0],
        options,
    });
    let scores = score_options(&model, &asked, 2, Precision::F32).expect("they fit");
    assert_eq!(scores.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1]);
    for (scores, options) in scores.iter().zip(texts) {
        for (score, ids) in scores.iter().zip(options) {
            let alone = Continuation {
                context: &[2, 0],
                ids,
            };
            let alone = log_likelihoods(&model, &[alone], 1, Precision::F32).expect("it fits");
            assert_eq!(score.log_likelihood, alone[0].log_likelihood);
            assert_eq!(score.tokens, ids.len());
        }
    }
    let first = scores[0][0];
    assert!((first.log_likelihood + 2f64.ln()).abs() < 1e-6, "{first:?}");
    let two = scores[0][2];
    assert_eq!(two.mean(), two.log_likelihood / 2.0);
}

#[test]
fn many_prompts_are_written_behind_in_their_order() {
    let model = ring();
    let config = GenerationConfig::greedy(2);
    let prompts = [vec![0], vec![1, 2, 0], vec![1], vec![2, 1], vec![2]];
    for beams in [NonZeroUsize::MIN, TWO] {
        let written = write_all(&model, &prompts, 2, beams, &config).expect("they fit");
        for (prompt, written) in prompts.iter().zip(written) {
            let alone = std::slice::from_ref(prompt);
            let alone = write_all(&model, alone, 1, beams, &config).expect("it fits");
            assert_eq!(written, alone[0]);
        }
    }
}

const TWO: NonZeroUsize = NonZeroUsize::new(2).expect("it is not 0");

#[test]
fn beams_find_what_the_likeliest_token_leads_away_from() {
    // After 0 comes 1 in half of all cases, 2 in four of ten and the end, 3, in one; after 1 anything, and after 2 the
    // end in nine of ten.
    let odds = [
        [1e-9f32, 0.5, 0.4, 0.1],
        [0.25; 4],
        [0.04, 0.03, 0.03, 0.9],
        [0.25; 4],
    ];
    let model = Bigrams::of(odds.map(|row| row.map(f32::ln)), &Device::flex());
    let config = GenerationConfig {
        stop_ids: vec![3],
        ..GenerationConfig::greedy(2)
    };
    let prompts = [vec![0], vec![1, 2, 0], vec![2]];
    let greedy = search(&model, &prompts, NonZeroUsize::MIN, &config).expect("they fit");
    let plain = generate(&model, &prompts, &config).expect("they fit");
    assert_eq!(greedy, plain.finish().expect("numbers"));
    assert_eq!(
        (&greedy[0].ids[..], greedy[0].ending),
        (&[1, 0][..], Ending::Length)
    );
    // 0.4 * 0.9 is more than 0.5 * 0.25, and the end at once, of 0.1, is not among the first two.
    let found = search(&model, &prompts, TWO, &config).expect("they fit");
    for found in &found[..2] {
        assert_eq!((&found.ids[..], found.ending), (&[2][..], Ending::Stop));
    }
    assert_eq!(
        (&found[2].ids[..], found[2].ending),
        (&[][..], Ending::Stop)
    );

    // Of six positions five are taken: two tokens can be written.
    let config = GenerationConfig::greedy(9);
    let found = search(&model, &[vec![1, 1, 1, 1, 2]], TWO, &config).expect("it fits");
    assert_eq!(
        (found[0].ids.len(), found[0].ending),
        (2, Ending::Positions)
    );
    let nothing = search(&model, &prompts, TWO, &GenerationConfig::greedy(0)).expect("they fit");
    assert!(
        nothing
            .iter()
            .all(|text| text.ids.is_empty() && text.ending == Ending::Length)
    );
}

#[test]
fn beams_on_logits_that_are_no_numbers_are_an_error() {
    let model = Bigrams::of([[0.0, 1.0], [f32::NAN, 0.0]], &Device::flex());
    let expected = LmError::Logits {
        text: "prompt 0".to_owned(),
        token: 1,
    };
    let found = search(&model, &[vec![0]], TWO, &GenerationConfig::greedy(4));
    assert_eq!(found, Err(expected));
}

#[test]
fn a_batch_that_a_model_cannot_read_is_refused() {
    let model = ring();
    let mut batch = TokenBatch {
        inputs: vec![0, 1, 2, 2],
        targets: vec![1, 2, 1, 0],
        counted: None,
        texts: Some(vec![0, 1, 1, 1]),
        rows: 2,
        length: 2,
    };
    let limits = model.limits();
    check_batch(&batch, limits).expect("it pads");
    let plain = LmLimits {
        pads: false,
        ..limits
    };
    let refused = check_batch(&batch, plain).expect_err("refused");
    assert_eq!(refused, LmError::Pads);
    batch.texts = None;
    check_batch(&batch, plain).expect("nothing is padded");
    assert_eq!(batch.num_counted(), 4);
}
