//! Quality of a language model, from its negative log-likelihood in nats.
//!
//! Perplexity is per token and so depends on the tokenizer; bits per character and per byte do not, which is what
//! makes a character model and a subword model comparable. All counts are those of the *predicted* text.

use crate::finite;

/// Mean negative log-likelihood: `sum nll / tokens`, in nats a token. `None` without tokens.
pub fn mean_nll(sum_nll: f64, tokens: u64) -> Option<f64> {
    per_unit(sum_nll, tokens)
}

/// Perplexity: `exp(mean nll)`, per token. There is no cap: a diverged model shows its true value, and `None` stands
/// only where that is no finite number.
pub fn perplexity(mean_nll: f64) -> Option<f64> {
    finite(mean_nll.exp())
}

/// Bits per character: `sum nll / (ln 2 * characters)`. `None` without characters.
///
/// For a subword tokenizer, `characters` is the length of the text, not the number of tokens: dividing by tokens
/// would give bits per token under another name.
pub fn bits_per_character(sum_nll: f64, characters: u64) -> Option<f64> {
    per_unit(sum_nll, characters).map(nats_to_bits)
}

/// Bits per byte: `sum nll / (ln 2 * bytes)`, bytes of the UTF-8 text. `None` without bytes.
pub fn bits_per_byte(sum_nll: f64, bytes: u64) -> Option<f64> {
    per_unit(sum_nll, bytes).map(nats_to_bits)
}

fn per_unit(sum_nll: f64, units: u64) -> Option<f64> {
    if units == 0 {
        None
    } else {
        finite(sum_nll / units as f64)
    }
}

fn nats_to_bits(nats: f64) -> f64 {
    nats / std::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use proptest::prelude::*;

    #[test]
    fn a_uniform_model_over_64_symbols_has_perplexity_64_and_6_bits() {
        // 100 tokens of ln 64 nats each.
        let sum = 100.0 * 64_f64.ln();
        assert_relative_eq!(
            perplexity(mean_nll(sum, 100).unwrap()).unwrap(),
            64.0,
            epsilon = 1e-9
        );
        assert_relative_eq!(bits_per_character(sum, 100).unwrap(), 6.0, epsilon = 1e-12);
        // The same text in 150 bytes: 600 bits / 150 bytes.
        assert_relative_eq!(bits_per_byte(sum, 150).unwrap(), 4.0, epsilon = 1e-12);
    }

    #[test]
    fn perplexity_is_not_capped() {
        assert_relative_eq!(perplexity(30.0).unwrap(), 30_f64.exp());
        assert_eq!(perplexity(1e6), None);
        assert_eq!(perplexity(f64::NAN), None);
    }

    #[test]
    fn no_text_has_no_quality() {
        assert_eq!(mean_nll(0.0, 0), None);
        assert_eq!(bits_per_character(1.0, 0), None);
        assert_eq!(bits_per_byte(1.0, 0), None);
    }

    proptest! {
        #[test]
        fn one_token_a_character_ties_perplexity_to_bits(nats in 0.0_f64..12.0, characters in 1_u64..100_000) {
            let sum = nats * characters as f64;
            let bits = bits_per_character(sum, characters).unwrap();
            let expected = 2_f64.powf(bits);
            prop_assert!((perplexity(mean_nll(sum, characters).unwrap()).unwrap() / expected - 1.0).abs() < 1e-9);
            // Characters of two bytes each halve the rate.
            prop_assert!((bits_per_byte(sum, 2 * characters).unwrap() - bits / 2.0).abs() < 1e-12);
        }
    }
}
