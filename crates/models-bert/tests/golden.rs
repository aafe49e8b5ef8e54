//! The outputs of the reference implementation: a random tiny BERT with all inputs, and the real
//! all-MiniLM-L6-v2.

use burn::tensor::{Bool, Device, Int, Tensor};
use corpora::{DataDir, SentenceTokenizer};
use kernels::Precision;
use models_bert::{Bert, BertHeads, BertInput};
use testkit::{Tolerance, assert_close, assets, read_safetensors};

/// What the project promises against the reference implementation.
const PROMISED: Tolerance = Tolerance::new(1e-4, 0.0);

#[test]
fn tiny_bert_is_the_references() {
    let Some(assets) = assets("tiny_bert_is_the_references") else {
        return;
    };
    let device = Device::flex();
    let folder = assets.join("golden/tiny_bert");
    let golden = read_safetensors(folder.join("io.safetensors"));
    let bert = Bert::load(&folder, &device).expect("the tiny model");
    let heads = BertHeads {
        masked_lm: true,
        ..BertHeads::default()
    };
    assert_eq!(bert.heads(), heads);

    let ids_bs = golden.int::<2>("input_ids", &device);
    let mask_bs = golden.int::<2>("attention_mask", &device).equal_elem(1);
    let mut input = BertInput::new(ids_bs.clone(), mask_bs.clone());
    input.types_bs = Some(golden.int("token_type_ids", &device));
    let out = bert.forward(&input).expect("a pass");
    assert_eq!(out.hidden.len(), 3);
    for (tap, hidden) in out.hidden.iter().enumerate() {
        let expected = golden.float(&format!("hidden_{tap}"), &device);
        assert_close(hidden.clone(), expected, PROMISED);
    }
    let logits = bert.masked_lm_logits(out.last(), Precision::F32);
    assert_close(
        logits.expect("the head is there"),
        golden.float("logits", &device),
        PROMISED,
    );
    // The segment types and the mask are not idle: without either, other numbers come out.
    let untyped = bert
        .hidden_states(ids_bs.clone(), mask_bs, 2)
        .expect("a pass");
    input.mask_bs = ids_bs.equal_elem(-1).bool_not();
    let unmasked = bert.forward(&input).expect("a pass").last();
    for other in [untyped, unmasked] {
        let apart = (other - out.last()).abs().max().into_scalar::<f32>();
        assert!(apart > 1e-2, "{apart}");
    }
}

#[test]
fn minilm_is_the_references_from_text_to_pooled_state() {
    let Some(assets) = assets("minilm_is_the_references_from_text_to_pooled_state") else {
        return;
    };
    let device = Device::flex();
    let data = DataDir::new(assets.join("datasets"));
    let folder = corpora::model_folder("all-MiniLM-L6-v2", &data).expect("its folder");
    let golden = read_safetensors(assets.join("golden/minilm.safetensors"));
    let bert = Bert::load(&folder, &device).expect("the real model");

    let tokenizer = SentenceTokenizer::read(&folder).expect("its tokenizer");
    let text = "The router sends every token to two experts.";
    let batch = tokenizer.encode(&[text], 12).expect("ids");
    let ids_bs = golden.int::<2>("input_ids", &device);
    let golden_ids: Vec<u32> = ids_bs.clone().into_data().iter::<u32>().collect();
    assert_eq!(batch.ids, golden_ids);
    assert_eq!(batch.mask, [true; 12]);

    let mask_bs = Tensor::<1, Bool>::from_bool(batch.mask.as_slice(), &device).reshape([1, 12]);
    let out = bert
        .forward(&BertInput::new(ids_bs.clone(), mask_bs.clone()))
        .expect("a pass");
    assert_eq!(out.hidden.len(), 7);
    for tap in 0..=6 {
        let expected = golden.float::<3>(&format!("hidden.{tap}"), &device);
        assert_close(out.hidden[tap].clone(), expected.clone(), PROMISED);
        let tapped = bert.hidden_states(ids_bs.clone(), mask_bs.clone(), tap);
        assert_close(tapped.expect("a tap"), expected, PROMISED);
    }
    let pooled = bert.pooled(out.last(), Precision::F32);
    assert_close(
        pooled.expect("the pooler is there"),
        golden.float("pooler_output", &device),
        PROMISED,
    );
}

#[test]
fn padding_changes_no_real_token_of_minilm() {
    let Some(assets) = assets("padding_changes_no_real_token_of_minilm") else {
        return;
    };
    let device = Device::flex();
    let golden = read_safetensors(assets.join("golden/minilm.safetensors"));
    let bert = Bert::load(&assets.join("models/all-MiniLM-L6-v2"), &device).expect("the model");
    let ids_bs = golden.int::<2>("input_ids", &device);
    let padding = Tensor::<2, Int>::zeros([1, 20], &device);
    let ids_bs = Tensor::cat(vec![ids_bs, padding], 1);
    let mask_bs = ids_bs.clone().not_equal_elem(0);
    let last = bert.hidden_states(ids_bs, mask_bs, 6).expect("a pass");
    let expected = golden.float::<3>("last_hidden_state", &device);
    assert_close(last.narrow(1, 0, 12), expected, PROMISED);
}
