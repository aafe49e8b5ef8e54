//! Against numbers of the reference programs.

use std::{num::NonZeroUsize, path::Path};

use burn::tensor::{Device, Tensor, TensorData, f16};
use quant_gptq::{
    GptqConfig, GptqError, Hessian, Packed, PackedDims, Quantised, ZeroFormat, nearest, quantise,
};
use serde_json::Value;
use testkit::assets;

const OUTPUTS: usize = 16;
const INPUTS: usize = 64;

/// Rows that the map read.
const ROWS: usize = 96;

/// A table of a case, row by row.
fn table<T>(case: &Value, name: &str, number: impl Fn(&Value) -> T) -> Vec<Vec<T>> {
    let rows = case[name].as_array().expect(name);
    let row = |row: &Value| row.as_array().expect(name).iter().map(&number).collect();
    rows.iter().map(row).collect()
}

/// Rows of outputs `[N, _]` as `[_, N]`.
fn turned<T: Copy>(rows: &[Vec<T>]) -> Vec<T> {
    let columns = rows[0].len();
    let column = |at: usize| rows.iter().map(move |row| row[at]);
    (0..columns).flat_map(column).collect()
}

fn cases(assets: &Path) -> Value {
    let text = std::fs::read_to_string(assets.join("golden/gptq_small.json")).expect("reads");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn eight_maps_of_autogptq_are_packed_as_it_packs_them() {
    let Some(assets) = assets("eight_maps_of_autogptq_are_packed_as_it_packs_them") else {
        return;
    };
    let golden = cases(&assets);
    let small = |value: &Value| value.as_u64().expect("a number") as u8;
    let cases = golden["cases"].as_object().expect("cases");
    assert_eq!(cases.len(), 8);
    for (name, case) in cases {
        let groups = case["g_idx"].as_array().expect("groups").iter();
        let map = Quantised {
            inputs: INPUTS,
            outputs: OUTPUTS,
            levels: turned(&table(case, "q", small)),
            scales: turned(&table(case, "scales", |value| {
                value.as_f64().expect("a number") as f32
            })),
            zeros: turned(&table(case, "zeros", small)),
            groups: groups.map(|group| u32::from(small(group))).collect(),
        };
        let has_zero_0 = map.zeros.contains(&0);
        for (format, zeros) in [(ZeroFormat::V1, "qzeros_v1"), (ZeroFormat::V2, "qzeros_v2")] {
            let packed = Packed::of(&map, format);
            if format == ZeroFormat::V1 && has_zero_0 {
                // There it would spoil its neighbours.
                assert_eq!(packed, Err(GptqError::Zero { zero: 0 }), "{name}");
                continue;
            }
            let packed = packed.expect(name);
            let words = |part: &str| -> Vec<u32> {
                let word = |value: &Value| value.as_i64().expect("a word") as u32;
                table(case, part, word).concat()
            };
            assert_eq!(packed.words, words("qweight"), "{name}");
            assert_eq!(packed.zeros, words(zeros), "{name}");
            let again = packed.unpacked().expect(name);
            assert_eq!(again.levels, map.levels, "{name}");
            assert_eq!(again.zeros, map.zeros, "{name}");
            assert_eq!(again.groups, map.groups, "{name}");
            let halves = map
                .scales
                .iter()
                .map(|scale| f16::from_f32(*scale).to_f32());
            assert!(again.scales.iter().copied().eq(halves), "{name}");
        }
    }
}

/// `count` numbers of the generator that the golden file names.
fn lcg(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

/// The weight that was quantised `[K, N]`, and the Hessian of what it read.
fn map() -> (Vec<f32>, Hessian) {
    let rows: Vec<Vec<f32>> = lcg(1, OUTPUTS * INPUTS)
        .chunks(INPUTS)
        .map(|row| row.iter().map(|number| 0.2 * number).collect())
        .collect();
    let loud = |k: usize| if k.is_multiple_of(7) { 4.0 } else { 1.0 };
    let x = lcg(2, ROWS * INPUTS).into_iter().enumerate();
    let x: Vec<f32> = x.map(|(at, value)| value * loud(at % INPUTS)).collect();
    let device = Device::flex();
    let mut hessian = Hessian::new(INPUTS, &device);
    hessian.add(Tensor::from_data(
        TensorData::new(x, [ROWS, INPUTS]),
        &device,
    ));
    (turned(&rows), hessian)
}

#[test]
fn eight_maps_of_autogptq_are_rounded_as_it_rounds_them() {
    let Some(assets) = assets("eight_maps_of_autogptq_are_rounded_as_it_rounds_them") else {
        return;
    };
    let golden = cases(&assets);
    let (weight, hessian) = map();
    let number = |value: &Value| value.as_f64().expect("a number");
    for case in 0..8 {
        let [symmetric, act_order, static_groups] = [4, 2, 1].map(|bit| case & bit != 0);
        let flag = u8::from;
        let name = format!(
            "sym{}_act{}_static{}",
            flag(symmetric),
            flag(act_order),
            flag(static_groups)
        );
        let golden = &golden["cases"][&name];
        let config = GptqConfig {
            group_size: NonZeroUsize::new(16).expect("above 0"),
            block: NonZeroUsize::new(32).expect("above 0"),
            act_order,
            static_groups,
            symmetric,
            ..GptqConfig::default()
        };
        let own = quantise(&weight, &hessian, &config).expect(&name);
        let theirs = table(golden, "q", number);
        let levels = |output: usize| own.levels.iter().skip(output).step_by(OUTPUTS);
        let differs = |(output, row): &(usize, &Vec<f64>)| {
            !levels(*output)
                .map(|level| f64::from(*level))
                .eq(row.iter().copied())
        };
        let off: Vec<usize> = theirs
            .iter()
            .enumerate()
            .filter(differs)
            .map(|(output, _)| output)
            .collect();
        // A weight just between two numbers may fall to the other side, and moves the rest of its row.
        assert!(off.len() <= 1, "{name}: rows {off:?} differ");
        let zeros = turned(&table(golden, "zeros", number));
        assert!(
            own.zeros.iter().map(|zero| f64::from(*zero)).eq(zeros),
            "{name}"
        );
        let scales = turned(&table(golden, "scales", number));
        for (at, (own, theirs)) in own.scales.iter().zip(scales).enumerate() {
            let apart = (f64::from(*own) - theirs).abs();
            assert!(
                apart <= 1e-6 * theirs || off.contains(&(at % OUTPUTS)),
                "{name}: {own} and {theirs}"
            );
        }
        let groups = golden["g_idx"].as_array().expect("groups").iter();
        let groups = groups.map(|group| group.as_u64().expect("a group") as u32);
        assert!(own.groups.iter().copied().eq(groups), "{name}");
        let error = |map: &Quantised| {
            let changed = map.dequantised();
            let changed = changed
                .iter()
                .zip(&weight)
                .map(|(own, full)| own - full)
                .collect();
            let changed = TensorData::new(changed, [INPUTS, OUTPUTS]);
            hessian.energy(Tensor::from_data(changed, &Device::flex()))
        };
        let theirs = number(&golden["err"]);
        assert!(
            (error(&own) - theirs).abs() < 1e-2 * theirs,
            "{name}: {} and {theirs}",
            error(&own)
        );
        let nearest = nearest(&weight, INPUTS, &config).expect(&name);
        assert!(error(&own) < error(&nearest), "{name}");
    }
}

fn packed(format: ZeroFormat) -> Packed {
    Packed {
        dims: PackedDims {
            inputs: 8,
            outputs: 8,
            groups: 1,
        },
        format,
        words: vec![0; 8],
        zeros: vec![0],
        scales: vec![f16::ONE; 8],
        groups: vec![0; 8],
    }
}

#[test]
fn stored_zeros_mean_one_more_in_the_first_version() {
    let value = |format| packed(format).unpacked().expect("fits").dequantised()[0];
    assert_eq!((value(ZeroFormat::V1), value(ZeroFormat::V2)), (-1.0, 0.0));
}

#[test]
fn what_has_no_place_is_not_written_over_its_neighbours() {
    // Read from the first version, a zero may be 16.
    let mut read = packed(ZeroFormat::V1);
    read.zeros = vec![0x0000_00f0];
    let map = read.unpacked().expect("fits");
    assert_eq!(map.zeros[..2], [1, 16]);
    assert_eq!(Packed::of(&map, ZeroFormat::V1).expect("fits"), read);
    let refused = Packed::of(&map, ZeroFormat::V2);
    assert_eq!(refused, Err(GptqError::Zero { zero: 16 }));
    let mut map = packed(ZeroFormat::V2).unpacked().expect("fits");
    map.scales[3] = 7e4;
    let refused = Packed::of(&map, ZeroFormat::V2).expect_err("beyond f16");
    assert!(refused.to_string().contains("in f16"), "{refused}");
    map.scales[3] = 1.0;
    map.levels[9] = 16;
    let refused = Packed::of(&map, ZeroFormat::V2);
    assert_eq!(refused, Err(GptqError::Level { level: 16 }));
}

#[test]
fn parts_that_do_not_fit_are_refused_by_name() {
    let refused = |spoil: fn(&mut Packed)| {
        let mut packed = packed(ZeroFormat::V2);
        spoil(&mut packed);
        packed.unpacked().expect_err("spoilt").to_string()
    };
    for (message, word) in [
        (refused(|packed| packed.dims.inputs = 12), "12 inputs"),
        (refused(|packed| packed.words.truncate(7)), "qweight has 7"),
        (refused(|packed| packed.zeros.push(0)), "qzeros has 2"),
        (refused(|packed| packed.scales.truncate(1)), "scales has 1"),
        (refused(|packed| packed.groups.truncate(3)), "g_idx has 3"),
        (
            refused(|packed| packed.groups[5] = 1),
            "input 5 is of group 1",
        ),
        (refused(|packed| packed.groups[0] = -1), "group -1"),
    ] {
        assert!(message.contains(word), "{message}");
    }
}
