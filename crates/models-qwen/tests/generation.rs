//! The texts that the reference implementation writes, and how likely it finds one.

use std::{fs, num::NonZeroUsize, path::Path};

use burn::tensor::{Device, Int, Tensor, TensorData};
use corpora::PretrainedTokenizer;
use kernels::Precision;
use lm::{
    CausalLm, Continuation, Ending, GenerationConfig, LmInput, SamplingConfig, TokenBatch,
    generate, log_likelihoods, search, window_losses,
};
use models_qwen::Qwen2Moe;
use moe_layer::Capacity;
use rstest::rstest;
use serde_json::Value;
use testkit::assets;
use weights::Kept;

/// The trained model, and what the reference implementation made of it.
fn trained(assets: &Path) -> (Qwen2Moe, Value) {
    of_folder(assets, "fp32")
}

/// One form of it.
fn of_folder(assets: &Path, form: &str) -> (Qwen2Moe, Value) {
    let folder = assets.join("models/tiny_qwen2_moe").join(form);
    let model = Qwen2Moe::load(&folder, Kept::Stored, &Device::flex()).expect("the trained model");
    let text = fs::read_to_string(folder.join("reference.json")).expect("the reference");
    (model, serde_json::from_str(&text).expect("JSON"))
}

fn ids(value: &Value) -> Vec<u32> {
    let ids = value.as_array().expect("ids").iter();
    ids.map(|id| id.as_u64().expect("an id") as u32).collect()
}

/// Prompts of 4, 8 and 8 tokens, and what follows each.
fn prompts(reference: &Value) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
    let prompts = reference["prompts"].as_array().expect("prompts").iter();
    prompts
        .map(|prompt| (ids(&prompt["input_ids"]), ids(&prompt["greedy_64"])))
        .unzip()
}

/// The logits `[V]` of what follows a text, computed as a whole.
fn logits_after(model: &Qwen2Moe, text: &[u32]) -> Tensor<1> {
    let ids: Vec<i32> = text.iter().map(|&id| id as i32).collect();
    let ids_bs: Tensor<2, Int> =
        Tensor::from_data(TensorData::new(ids, [1, text.len()]), &model.device());
    let forward = model.forward(&LmInput {
        ids_bs,
        texts: None,
        noise_seed: 0,
        capacity: Capacity::Evaluation,
        precision: Precision::F32,
    });
    let last = forward.logits.narrow(0, text.len() - 1, 1);
    last.squeeze_dim(0)
}

#[rstest]
fn greedy_text_is_the_references_with_a_cache_and_without(
    #[values("fp32", "gptq_int4_g128")] form: &str,
) {
    let Some(assets) = assets("greedy_text_is_the_references_with_a_cache_and_without") else {
        return;
    };
    let (model, reference) = of_folder(&assets, form);
    let config = GenerationConfig::greedy(64);
    let (prompts, expected) = prompts(&reference);
    assert_eq!(prompts.len(), 3);
    for (prompt, expected) in prompts.iter().zip(&expected) {
        let generation = generate(&model, std::slice::from_ref(prompt), &config).expect("a prompt");
        let written = generation.finish().expect("numbers").remove(0);
        assert_eq!(&written.ids, expected);
        assert_eq!(written.ending, Ending::Length);

        let mut text = prompt.clone();
        for _ in 0..64 {
            let likeliest = logits_after(&model, &text).argmax(0);
            text.push(likeliest.into_scalar::<i64>() as u32);
        }
        assert_eq!(&text[prompt.len()..], expected);
    }
}

#[test]
fn prompts_of_different_lengths_in_a_batch_have_their_own_texts() {
    let Some(assets) = assets("prompts_of_different_lengths_in_a_batch_have_their_own_texts")
    else {
        return;
    };
    let (model, reference) = trained(&assets);
    let (mut prompts, mut expected) = prompts(&reference);
    let config = GenerationConfig::greedy(64);
    // One of a single token: 7 places of padding. And one that goes on in the middle of a text.
    prompts.push(prompts[1][..1].to_vec());
    let alone = generate(&model, &prompts[3..], &config).expect("a prompt");
    expected.push(alone.finish().expect("numbers").remove(0).ids);
    prompts.push([&prompts[0][..], &expected[0][..29]].concat());
    let alone = generate(&model, &prompts[4..], &config).expect("a prompt");
    expected.push(alone.finish().expect("numbers").remove(0).ids);
    assert_eq!(expected[4][..35], expected[0][29..]);

    let together = generate(&model, &prompts, &config).expect("prompts");
    let written = together.finish().expect("numbers");
    for (written, expected) in written.iter().zip(&expected) {
        assert_eq!(&written.ids, expected);
    }
}

#[test]
fn texts_end_at_stop_ids_and_at_the_last_position() {
    let Some(assets) = assets("texts_end_at_stop_ids_and_at_the_last_position") else {
        return;
    };
    let (model, reference) = trained(&assets);
    let (prompts, expected) = prompts(&reference);
    // The reference's texts have 14, a full stop, at places 8, 4 and 5.
    let config = GenerationConfig {
        stop_ids: vec![14],
        ..GenerationConfig::greedy(7)
    };
    let mut generation = generate(&model, &prompts, &config).expect("prompts");
    let steps: Vec<_> = generation.by_ref().map(|step| step.expect("ids")).collect();
    assert_eq!(steps.len(), 7);
    assert_eq!(steps[3], [0, 1, 2].map(|text| Some(expected[text][3])));
    assert_eq!(steps[4], [Some(expected[0][4]), None, Some(expected[2][4])]);
    assert_eq!(steps[5], [Some(expected[0][5]), None, None]);
    let endings: Vec<_> = generation.endings().collect();
    assert_eq!(
        endings,
        [Ending::Length, Ending::Stop, Ending::Stop].map(Some)
    );

    // Of 512 positions a text of 510 tokens leaves two to be read, and so three to be written.
    let long = prompts[0].repeat(128)[..510].to_vec();
    let config = GenerationConfig::greedy(64);
    let generation = generate(&model, &[long], &config).expect("a prompt");
    let written = generation.finish().expect("numbers").remove(0);
    assert_eq!((written.ids.len(), written.ending), (3, Ending::Positions));
}

#[test]
fn drawn_texts_follow_from_the_seed() {
    let Some(assets) = assets("drawn_texts_follow_from_the_seed") else {
        return;
    };
    let (model, reference) = trained(&assets);
    let (prompts, expected) = prompts(&reference);
    let drawn = |temperature, top_k, seed| {
        let config = GenerationConfig {
            sampling: SamplingConfig {
                temperature,
                top_k,
                top_p: Some(0.95),
                seed,
            },
            ..GenerationConfig::greedy(24)
        };
        let twice = [prompts[0].clone(), prompts[0].clone()];
        let written = generate(&model, &twice, &config).expect("prompts").finish();
        written.expect("numbers").into_iter().map(|text| text.ids)
    };
    let first: Vec<_> = drawn(1.0, None, 1).collect();
    assert!(first.iter().cloned().eq(drawn(1.0, None, 1)));
    assert!(!first.iter().cloned().eq(drawn(1.0, None, 2)));
    assert_ne!(first[0], first[1], "texts of a batch draw apart");
    // One to choose from, or hardly any warmth: the likeliest.
    for mut greedy in [drawn(1.0, Some(1), 1), drawn(1e-4, None, 1)] {
        assert_eq!(greedy.next().expect("a text"), expected[0][..24]);
    }
}

#[test]
fn what_cannot_be_continued_is_refused() {
    let Some(assets) = assets("what_cannot_be_continued_is_refused") else {
        return;
    };
    let (model, _) = trained(&assets);
    let config = GenerationConfig::greedy(4);
    for (prompts, words) in [
        (vec![], ["no prompts", "no tokens"]),
        (vec![vec![1], vec![]], ["prompt 1", "no tokens"]),
        (vec![vec![1; 513]], ["513 tokens", "512"]),
        (vec![vec![1, 4096]], ["4096", "below 4096"]),
    ] {
        let refused = generate(&model, &prompts, &config).err().expect("refused");
        for word in words {
            assert!(refused.to_string().contains(word), "{refused}");
        }
    }
    let nothing = GenerationConfig::greedy(0);
    let mut generation = generate(&model, &[vec![1]], &nothing).expect("a prompt");
    assert!(generation.next().is_none());
    assert_eq!(generation.endings().next(), Some(Some(Ending::Length)));
}

#[rstest]
fn perplexity_is_the_references(#[values("fp32", "gptq_int4_g128")] form: &str) {
    let Some(assets) = assets("perplexity_is_the_references") else {
        return;
    };
    let (model, reference) = of_folder(&assets, form);
    let measured = &reference["nll"];
    let first_ids = ids(&measured["first_ids"]);
    let path = assets.join(measured["file"].as_str().expect("a file"));
    let text = fs::read_to_string(path).expect("the text");
    let chars = measured["chars"].as_u64().expect("a number") as usize;
    let text: String = text.chars().take(chars).collect();
    let tokenizer = assets.join("tokenizers/tinystories-4096/tokenizer.json");
    let tokenizer = PretrainedTokenizer::read(&tokenizer).expect("the tokenizer");
    let ids = tokenizer.encode(&text).expect("ids");
    assert_eq!(ids[..16], first_ids);

    let (windows, length) = (40, 256);
    let rows = 8;
    let batch = |first: usize| TokenBatch {
        inputs: ids[first * length..(first + rows) * length].to_vec(),
        targets: ids[first * length + 1..=(first + rows) * length].to_vec(),
        counted: None,
        texts: None,
        rows,
        length,
    };
    let losses: Vec<f64> = (0..windows)
        .step_by(rows)
        .flat_map(|first| {
            window_losses(&model, &batch(first), Precision::F32).expect("windows fit")
        })
        .collect();
    assert_eq!(losses.len(), windows);
    let mean = losses.iter().sum::<f64>() / windows as f64;
    let expected = measured["perplexity"].as_f64().expect("a number");
    let found = mean.exp();
    assert!((found / expected - 1.0).abs() < 5e-4, "{found}, {expected}");
}

#[test]
fn likelihoods_are_sums_over_the_tokens_of_a_continuation() {
    let Some(assets) = assets("likelihoods_are_sums_over_the_tokens_of_a_continuation") else {
        return;
    };
    let (model, reference) = trained(&assets);
    let (prompts, expected) = prompts(&reference);
    let wrong: Vec<u32> = [&expected[1][..3], &[7][..]].concat();
    let all = [
        Continuation {
            context: &prompts[0],
            ids: &expected[0][..1],
        },
        Continuation {
            context: &prompts[1],
            ids: &expected[1],
        },
        Continuation {
            context: &prompts[1],
            ids: &wrong,
        },
        Continuation {
            context: &prompts[2],
            ids: &expected[2][..9],
        },
    ];
    // Token by token, each behind a text that is computed as a whole.
    let by_hand = |one: &Continuation<'_>| -> f64 {
        let mut text = one.context.to_vec();
        let mut sum = 0.0;
        for &id in one.ids {
            let logits: Vec<f32> = logits_after(&model, &text).into_data().iter().collect();
            let total: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
            sum += f64::from(logits[id as usize]) - total.ln();
            text.push(id);
        }
        sum
    };
    for batch in [1, 3, 4] {
        let found = log_likelihoods(&model, &all, batch, Precision::F32).expect("they fit");
        for (found, one) in found.iter().zip(&all) {
            let expected = by_hand(one);
            let apart = (found.log_likelihood - expected).abs();
            assert!(apart < 1e-3, "{found:?}, {expected}");
        }
        let greedy: Vec<bool> = found.iter().map(|one| one.is_greedy).collect();
        assert_eq!(greedy, [true, true, false, true]);
    }
    let nothing = Continuation {
        context: &[],
        ids: &[1],
    };
    let refused = log_likelihoods(&model, &[all[0], nothing], 2, Precision::F32);
    let message = refused.expect_err("no context").to_string();
    assert!(message.contains("context 1"), "{message}");
}

#[test]
fn beams_are_the_references() {
    let Some(assets) = assets("beams_are_the_references") else {
        return;
    };
    let (model, reference) = trained(&assets);
    let (prompts, _) = prompts(&reference);
    let beams = |beams: usize, stop_id: u32| {
        let config = GenerationConfig {
            stop_ids: vec![stop_id],
            ..GenerationConfig::greedy(24)
        };
        let beams = NonZeroUsize::new(beams).expect("some");
        let found = search(&model, &prompts, beams, &config).expect("prompts");
        found.into_iter().map(|text| text.ids).collect::<Vec<_>>()
    };
    // What transformers 5.24 writes with `num_beams` and `max_new_tokens=24`, the prompts padded on their left.
    let first = [
        12, 294, 177, 154, 292, 424, 395, 337, 14, 337, 398, 161, 254, 237, 247, 374, 14, 401, 251,
        12, 174, 308, 154, 301,
    ];
    let of_two = [
        363, 161, 158, 464, 14, 208, 308, 154, 301, 574, 237, 154, 301, 574, 14, 208, 339, 161,
        254, 237, 158, 574, 14, 131,
    ];
    let of_four = [
        363, 161, 158, 464, 14, 208, 308, 154, 292, 341, 395, 259, 14, 208, 339, 161, 254, 237,
        204, 374, 14, 131, 315, 251,
    ];
    let third_of_two = [
        339, 161, 254, 237, 199, 14, 131, 268, 529, 222, 12, 224, 41, 273, 161, 254, 237, 413, 372,
        194, 529, 222, 12, 224,
    ];
    let third_of_four = [
        222, 12, 224, 920, 241, 12, 337, 14, 230, 550, 378, 241, 310, 194, 529, 222, 12, 224, 920,
        241, 12, 337, 14, 230,
    ];
    assert_eq!(beams(2, 0), [first, of_two, third_of_two]);
    assert_eq!(beams(4, 0), [first, of_four, third_of_four]);
    // 14 is a full stop, and ends a text.
    let ended: [&[u32]; 3] = [&first[..8], &of_two[..4], &third_of_two[..5]];
    assert_eq!(beams(4, 14), ended);
}
