//! `xp forge`: models of random weights that every command takes.

use std::fs;

use crate::fixture::Lab;

#[test]
fn a_forged_model_writes_text_in_full_and_in_four_bits() {
    let lab = Lab::new();
    for (quant, said) in [("none", "79 tensors"), ("int4", "321 tensors")] {
        let line = format!("forge qwen2-moe --quant {quant} --out {quant}");
        lab.xp(&line).expect(0).says(&[quant, said, "bytes"]);
        let written =
            format!("generate {quant} --prompt Once --max-tokens 8 --temperature 0 --json");
        let first = lab.xp(&written).expect(0).json();
        assert_eq!(first[0]["tokens"], 8);
        let line_of_bench = format!("bench qwen {quant} --prefill 8 --tokens 2 --batch 1 2");
        lab.xp(&line_of_bench)
            .expect(0)
            .says(&["writing, 2 at a time", "of what memory gives"]);
        // What is there is not written over.
        lab.xp(&line).expect(2).says(&["is not empty"]);
    }
    let weights = |folder: &str| fs::read(lab.path().join(folder).join("model.safetensors"));
    lab.xp("forge qwen2-moe --quant int4 --out again").expect(0);
    assert_eq!(weights("int4").unwrap(), weights("again").unwrap());
    lab.xp("forge qwen2-moe --quant int4 --seed 1 --out other")
        .expect(0);
    assert_ne!(weights("int4").unwrap(), weights("other").unwrap());
    lab.xp("forge qwen2-moe --out none/config.json/inside")
        .expect(7)
        .says(&["cannot write", "inside"]);
    let measured = lab
        .xp("bench qwen int4 --prefill 8 --tokens 2 --json")
        .expect(0)
        .json();
    // Words and scales of 2 of 8 experts and of the other maps, two gates, norms, biases, head.
    let maps = 4 * 128 * 128 + 2 * 3 * 128 * 128 + 3 * 128 * 256;
    let packed = 2 * (maps / 2 + maps / 128 * 2);
    let halves = 2 * (2 * (9 * 128 + 2 * 128 + 3 * 128) + 128 + 4096 * 128);
    assert_eq!(measured["bytes_per_token"], packed + halves);
    assert_eq!(measured["decode"][0]["tokens"], 2);
    let listened = lab
        .xp("bench qwen int4 --prefill 8 --tokens 2 --batch 1 --profile")
        .expect(0);
    listened.says(&["product in four bits", "rest of layer"]);
    lab.xp("bench qwen int4 --profile --device wgpu:0")
        .expect(2)
        .says(&["operations of the CPU"]);
    lab.xp("bench qwen int4 --prefill 513")
        .expect(2)
        .says(&["513", "512 places", "--prefill"]);
    lab.xp("bench qwen nowhere").expect(3).says(&["nowhere"]);
    lab.xp("forge llama --out here")
        .expect(2)
        .says(&["qwen2-moe"]);
}
