//! How many tokens an expert has room for.

/// C, the tokens an expert has room for: `ceil(capacity_factor * tokens * k / experts)`, and at most
/// `tokens`: a token asks an expert once, so room for all of them is the most that is ever used.
///
/// The product is lowered by one part in 10^9 before rounding up, so that `1.1 * 10` is 11 and not
/// the 12 that binary fractions make of it.
#[must_use]
pub fn capacity(capacity_factor: f64, tokens: usize, k: usize, experts: usize) -> usize {
    let balanced = tokens as f64 * k as f64 / experts as f64;
    let room = (capacity_factor * balanced * (1.0 - 1e-9)).ceil();
    // Compared as fractions: what is beyond every whole number of the device is beyond `tokens` too.
    if room < tokens as f64 {
        room as usize
    } else {
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::capacity;

    #[test]
    fn rounds_up_what_is_not_whole_and_keeps_what_is() {
        // 1.25 * 8192 * 2 / 8 = 2560, the figure of MoE Routing Bench's expert choice.
        assert_eq!(capacity(1.25, 8192, 2, 8), 2560);
        // 1.1 * 20 * 1 / 2 = 11.
        assert_eq!(capacity(1.1, 20, 1, 2), 11);
        // 1.0 * 10 * 1 / 4 = 2.5.
        assert_eq!(capacity(1.0, 10, 1, 4), 3);
        assert_eq!(capacity(0.01, 1, 1, 8), 1);
    }

    #[test]
    fn there_is_never_room_for_more_than_all_tokens() {
        // 1.1 * 10 * 1 / 1 = 11 of 10 tokens.
        assert_eq!(capacity(1.1, 10, 1, 1), 10);
        // Past 2^31, past 2^63, past f64.
        for factor in [8_388_608.0, 1e7, 1e17, 1e300, f64::MAX] {
            assert_eq!(capacity(factor, 1024, 2, 8), 1024, "{factor}");
        }
    }
}
