//! Batches by hand, and what each is a function of.

use super::*;

fn example(ids: &[u32], first_counted: usize) -> Example {
    Example {
        ids: ids.to_vec(),
        first_counted,
    }
}

const ROWS: RowsConfig = RowsConfig {
    batch: 2,
    multiple_of: 1,
    packed: None,
};

#[test]
fn shorter_texts_stand_behind_padding() {
    let examples = [example(&[5, 6, 7, 8], 2), example(&[9, 4], 1)];
    let batches = ExampleBatches::new(&examples, ROWS).unwrap();
    let batch = batches.in_order(0).next().unwrap();
    assert_eq!((batch.rows, batch.length), (2, 3));
    assert_eq!(batch.inputs, [5, 6, 7, 0, 0, 9]);
    assert_eq!(batch.targets, [6, 7, 8, 0, 0, 4]);
    // Of the first the id 6 is prompt; 7 and 8 are to be predicted.
    assert_eq!(batch.counted, [false, true, true, false, false, true]);
    assert_eq!(batch.texts.unwrap(), [1, 1, 1, 0, 0, 1]);
}

#[test]
fn rows_are_rounded_up_and_texts_of_one_length_are_not_padded() {
    let examples = [example(&[5, 6, 7, 8], 1), example(&[9, 4, 3, 2], 1)];
    let batches = ExampleBatches::new(&examples, ROWS).unwrap();
    let batch = batches.in_order(0).next().unwrap();
    assert_eq!((batch.length, batch.texts), (3, None));
    let by_eight = RowsConfig {
        multiple_of: 8,
        ..ROWS
    };
    let batches = ExampleBatches::new(&examples, by_eight).unwrap();
    let batch = batches.in_order(0).next().unwrap();
    assert_eq!(batch.length, 8);
    assert_eq!(batch.inputs[..8], [0, 0, 0, 0, 0, 5, 6, 7]);
}

#[test]
fn packed_texts_are_numbered_and_predict_nothing_of_each_other() {
    // Texts that read 2, 4 and 1 tokens, in rows of 5: 4 and 1, then 2.
    let examples = [
        example(&[1, 2, 3], 1),
        example(&[4, 5, 6, 7, 8], 1),
        example(&[9, 9], 1),
    ];
    let packed = RowsConfig {
        packed: Some(5),
        ..ROWS
    };
    let batches = ExampleBatches::new(&examples, packed).unwrap();
    assert_eq!(batches.rows(), 2);
    let batch = batches.in_order(0).next().unwrap();
    assert_eq!(batch.inputs, [4, 5, 6, 7, 9, 0, 0, 0, 1, 2]);
    assert_eq!(batch.targets, [5, 6, 7, 8, 9, 0, 0, 0, 2, 3]);
    assert_eq!(batch.texts.unwrap(), [1, 1, 1, 1, 2, 0, 0, 0, 1, 1]);
}

/// Ten texts that tell themselves apart by their first id.
fn ten() -> Vec<Example> {
    (0..10).map(|one| example(&[one, 0], 1)).collect()
}

/// The texts of training batches.
fn drawn(seed: u64, batches: impl IntoIterator<Item = u64>) -> Vec<u32> {
    let examples = ten();
    let three = RowsConfig { batch: 3, ..ROWS };
    let mut all = ExampleBatches::new(&examples, three).unwrap();
    let batches = batches
        .into_iter()
        .map(|index| all.training(seed, index).inputs);
    batches.collect::<Vec<_>>().concat()
}

#[test]
fn an_epoch_has_every_text_once_and_the_next_another_order() {
    // Ten batches of three are three epochs of ten.
    let texts = drawn(17, 0..10);
    let epochs: Vec<&[u32]> = texts.chunks(10).collect();
    for epoch in &epochs {
        let mut sorted = epoch.to_vec();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..10), "{epoch:?}");
    }
    assert_ne!(epochs[0], epochs[1]);
    assert_ne!(epochs[1], epochs[2]);
    assert_ne!(drawn(18, 0..10), texts);
}

#[test]
fn a_batch_is_the_same_without_those_before_it() {
    let in_order = drawn(17, 0..10);
    for index in 0..10 {
        let place = 3 * index as usize;
        assert_eq!(drawn(17, [index]), in_order[place..place + 3]);
    }
    assert_eq!(
        drawn(17, [7, 2]),
        [&in_order[21..24], &in_order[6..9]].concat()
    );
}

#[test]
fn a_limit_spreads_rows_and_the_last_batch_is_smaller() {
    let examples = ten();
    let batches = ExampleBatches::new(&examples, ROWS).unwrap();
    // Three of ten rows: 0, 3 and 6.
    let inputs: Vec<_> = batches.in_order(3).map(|batch| batch.inputs).collect();
    assert_eq!(inputs, [vec![0, 3], vec![6]]);
    assert_eq!(batches.in_order(0).count(), 5);
}

#[test]
fn what_cannot_be_arranged_is_refused() {
    let refused = |examples: &[Example], config| {
        ExampleBatches::new(examples, config)
            .unwrap_err()
            .to_string()
    };
    let message = refused(&ten(), RowsConfig { batch: 0, ..ROWS });
    assert!(message.contains("batch must be at least 1"), "{message}");
    let message = refused(&[], ROWS);
    assert!(message.contains("number of examples"), "{message}");
    let packed = RowsConfig {
        packed: Some(2),
        ..ROWS
    };
    let message = refused(&[example(&[1, 2, 3, 4], 1)], packed);
    assert!(
        message.contains("3 tokens") && message.contains("rows of 2"),
        "{message}"
    );
}
