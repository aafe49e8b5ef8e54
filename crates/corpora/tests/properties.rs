//! Windows and tokenizers, on whatever proptest thinks of.

use corpora::{CharTokenizer, SEPARATOR, Tokenizer, TrainWindows, valid_windows};
use proptest::prelude::*;

proptest! {
    #[test]
    fn validation_windows_predict_every_token_at_most_once(
        length in 2_usize..400, sequence in 1_usize..40, batch in 1_usize..9, limit in 0_usize..30,
    ) {
        prop_assume!(length > sequence);
        let ids: Vec<u32> = (0..length as u32).collect();
        let windows = valid_windows(&ids, sequence, batch, limit).unwrap();
        let (batches, tokens) = (windows.len(), windows.tokens());
        let windows: Vec<_> = windows.collect();
        prop_assert_eq!(windows.len(), batches);
        let predicted: Vec<_> = windows.iter().flat_map(|window| &window.targets).copied().collect();
        prop_assert_eq!(predicted.len(), tokens);
        // The ids are their own positions, so rising targets mean that none comes twice.
        prop_assert!(predicted.windows(2).all(|pair| pair[0] < pair[1]));
        for window in &windows {
            prop_assert!(window.inputs.iter().zip(&window.targets).all(|(a, b)| a + 1 == *b));
            prop_assert!(window.batch <= batch && window.inputs.len() == window.batch * sequence);
        }
        if limit == 0 {
            // Only the first token and a tail shorter than a window are left out.
            prop_assert_eq!(predicted.first(), Some(&1));
            prop_assert!(length - 1 - predicted.len() < sequence);
        } else {
            prop_assert_eq!(tokens, limit.min((length - 1) / sequence) * sequence);
        }
    }

    #[test]
    fn training_windows_stay_inside_the_text(
        length in 2_usize..200, sequence in 1_usize..40, seed: u64, step: u64,
    ) {
        prop_assume!(length > sequence);
        let ids: Vec<u32> = (0..length as u32).collect();
        let batch = TrainWindows::new(&ids, sequence, 5, seed).unwrap().batch(step);
        prop_assert_eq!((batch.inputs.len(), batch.offsets.len()), (5 * sequence, 5));
        prop_assert!(batch.inputs.iter().zip(&batch.targets).all(|(a, b)| a + 1 == *b));
    }

    #[test]
    fn characters_come_back(parts in prop::collection::vec(".{0,20}", 1..5)) {
        let text = parts.join(SEPARATOR);
        let tokenizer = Tokenizer::Char(CharTokenizer::of_training_text(&text));
        let ids = tokenizer.encode(&text).unwrap();
        prop_assert!(ids.iter().all(|id| (*id as usize) < tokenizer.vocab_size()));
        prop_assert!(!ids.contains(&CharTokenizer::UNKNOWN));
        prop_assert_eq!(tokenizer.decode(&ids).unwrap(), text.clone());
        let spans = tokenizer.encode_spans(&text).unwrap();
        let mut at = 0;
        for ((id, range), expected) in spans.iter().zip(&ids) {
            prop_assert_eq!((*id, range.start), (*expected, at));
            at = range.end;
        }
        prop_assert_eq!((at, spans.len()), (text.len(), ids.len()));
        let saved = Tokenizer::from_json(&tokenizer.to_json()).unwrap();
        prop_assert_eq!(saved.encode(&text).unwrap(), ids);
    }
}
