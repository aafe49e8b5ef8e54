//! The products of AutoGPTQ's own test of its kernels.

use std::{collections::BTreeMap, fs, path::Path};

use burn::tensor::{Device, Tensor, TensorData, f16};
use kernels::{Int4, Int4Parts, Precision, int4_grouped_matmul};
use rstest::rstest;
use testkit::{Tolerance, assert_close, assets};

/// The arrays of an archive of NumPy, whose entries are stored as they are: name to raw numbers.
fn arrays(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = fs::read(path).expect("an archive");
    let number = |at: usize, size: usize| {
        let places = bytes[at..at + size].iter().rev();
        places.fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let mut found = BTreeMap::new();
    let mut at = 0;
    // Each entry has a header of 30 bytes, a name, more of the header, and so many bytes.
    while bytes[at..].starts_with(b"PK\x03\x04") {
        let (name, extra) = (number(at + 26, 2), number(at + 28, 2));
        let start = at + 30 + name + extra;
        let name = std::str::from_utf8(&bytes[at + 30..at + 30 + name]).expect("a name");
        // The sizes are in the header, or where it has no room for them behind its mark of 16 bits and size.
        let size = match number(at + 18, 4) {
            0xffff_ffff => number(start - extra + 4, 8),
            size => size,
        };
        let array = &bytes[start..start + size];
        let header = 10 + usize::from(u16::from_le_bytes([array[8], array[9]]));
        let name = name.trim_end_matches(".npy").to_owned();
        found.insert(name, array[header..].to_vec());
        at = start + size;
    }
    found
}

fn halves(bytes: &[u8]) -> Vec<f32> {
    let halves = bytes.chunks_exact(2);
    halves
        .map(|half| f16::from_le_bytes([half[0], half[1]]).to_f32())
        .collect()
}

fn words(bytes: &[u8]) -> Vec<i32> {
    let (words, _) = bytes.as_chunks::<4>();
    words.iter().map(|word| i32::from_le_bytes(*word)).collect()
}

#[rstest]
// Sums of so many products in f16, as the kernels' own results are.
#[case("autogptq_test_q4_k256_n256_fp32.npz", 256, 1e-3)]
#[case("autogptq_test_q4_k1024_n1024_fp16.npz", 1024, 5e-3)]
fn products_are_those_of_its_kernels(#[case] file: &str, #[case] size: usize, #[case] apart: f64) {
    let Some(assets) = assets("products_are_those_of_its_kernels") else {
        return;
    };
    let arrays = arrays(&assets.join("golden").join(file));
    let device = Device::flex();
    // Every stored zero is 0, which in the first version is 1.
    assert!(words(&arrays["qzeros"]).iter().all(|word| *word == 0));
    let floats = |numbers: Vec<f32>, shape: [usize; 3]| {
        Tensor::<3>::from_data(TensorData::new(numbers, shape), &device)
    };
    let words_ein = TensorData::new(words(&arrays["qweight"]), [1, size / 8, size]);
    let groups_ek = TensorData::new(words(&arrays["g_idx"]), [1, size]);
    let w = Int4::new(Int4Parts {
        words_ein: Tensor::from_data(words_ein, &device),
        scales_egn: floats(halves(&arrays["scales"]), [1, size / 128, size]),
        zeros_egn: floats(vec![1.0], [1, 1, 1]),
        groups_ek: Tensor::from_data(groups_ek, &device),
    });
    let x = Tensor::from_data(TensorData::new(halves(&arrays["x"]), [1, size]), &device);
    let offsets = Tensor::from_ints([0, 1], &device);
    let found = int4_grouped_matmul(x, &w, offsets, Precision::F32);
    for (name, apart) in [("expected_ref", apart), ("recomputed", 1e-4)] {
        let (numbers, _) = arrays[name].as_chunks::<4>();
        let numbers: Vec<f32> = numbers
            .iter()
            .map(|number| f32::from_le_bytes(*number))
            .collect();
        let expected = Tensor::from_data(TensorData::new(numbers, [1, size]), &device);
        assert_close(found.clone(), expected, Tolerance::new(apart, 0.0));
    }
}
