//! What a pass over weights of half precision asks memory for: no matrix is widened as a whole. A test
//! program of its own, since it counts what all threads ask for.

mod common;

use burn::tensor::{Device, Int, Tensor, TensorData};
use common::{Folder, config, parsed, random_tensors};
use kernels::Precision;
use lm::{CausalLm, Decoder, DecoderInput, LmInput};
use models_qwen::Qwen2Moe;
use moe_layer::Capacity;
use testkit::Allocations;
use weights::Kept;

#[global_allocator]
static ALLOCATIONS: Allocations = Allocations::new();

/// V, D, E and F: the embedding and the head have 2^21 numbers each, and as many has each of the three
/// stacks of experts, which is 8 MB in f32.
const SIZES: [usize; 4] = [8192, 256, 16, 512];

/// The bytes of any of them in f32.
const WIDENED: usize = 8 << 20;

/// More than any one thing that 48 tokens ask for and that is no weight: logits of 1.5 MB, the chip's tiles of
/// 1.5 MB a thread, or 2 MB into which vector kernels pack what they multiply.
const OTHERWISE: usize = 4 << 20;

/// More than all of these together, and less than with one matrix widened.
const TOGETHER: usize = 16 << 20;

fn ids_bs(tokens: usize, device: &Device) -> Tensor<2, Int> {
    let ids: Vec<i32> = (0..tokens as i32).map(|id| 97 * id % 8192).collect();
    Tensor::from_data(TensorData::new(ids, [1, tokens]), device)
}

#[test]
fn no_matrix_is_widened_as_a_whole() {
    let device = Device::flex();
    let [vocab, width, experts, hidden] = SIZES;
    let config = config(vocab, width, experts, hidden);
    let folder = Folder::with(&config, &random_tensors(&parsed(&config), 1));
    for kept in [Kept::BF16, Kept::F16] {
        let model = Qwen2Moe::load(folder.path(), kept, &device).expect("a model");
        // One token is multiplied by vectors, many on the matrix unit of a chip that has one; the
        // first pass leaves what threads keep.
        for tokens in [48, 1] {
            let input = LmInput {
                ids_bs: ids_bs(tokens, &device),
                texts: None,
                noise_seed: 0,
                capacity: Capacity::Evaluation,
                precision: Precision::F32,
            };
            let (out, seen) = ALLOCATIONS.of(|| model.forward(&input).logits);
            assert_eq!(out.dims(), [tokens, vocab]);
            assert!(seen.largest <= OTHERWISE, "{kept:?}, {tokens}: {seen:?}");
            assert!(seen.peak < TOGETHER, "{kept:?}, {tokens}: {seen:?}");
        }
        let mut cache = model.cache();
        let input = DecoderInput::from(&LmInput {
            ids_bs: ids_bs(1, &device),
            texts: None,
            noise_seed: 0,
            capacity: Capacity::Evaluation,
            precision: Precision::F32,
        });
        let (_, seen) = ALLOCATIONS.of(|| model.decode(&input, &mut cache));
        assert!(seen.peak < OTHERWISE, "{kept:?}: {seen:?}");
    }
    // What is asked for where a matrix is widened is seen: the model in f32 takes 8 MB at a time.
    let (_, seen) = ALLOCATIONS.of(|| Qwen2Moe::load(folder.path(), Kept::F32, &device));
    assert!(seen.largest >= WIDENED, "{seen:?}");
}
