//! How many tokens an expert has room for.

/// C, the tokens an expert has room for: `ceil(capacity_factor * tokens * k / experts)`.
///
/// The product is lowered by one part in 10^9 before rounding up, so that `1.1 * 10` is 11 and not
/// the 12 that binary fractions make of it.
#[must_use]
pub fn capacity(capacity_factor: f64, tokens: usize, k: usize, experts: usize) -> usize {
    let balanced = (tokens * k) as f64 / experts as f64;
    (capacity_factor * balanced * (1.0 - 1e-9)).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::capacity;

    #[test]
    fn rounds_up_what_is_not_whole_and_keeps_what_is() {
        // 1.25 * 8192 * 2 / 8 = 2560, the figure of MoE Routing Bench's expert choice.
        assert_eq!(capacity(1.25, 8192, 2, 8), 2560);
        // 1.1 * 10 * 1 / 1 = 11.
        assert_eq!(capacity(1.1, 10, 1, 1), 11);
        // 1.0 * 10 * 1 / 4 = 2.5.
        assert_eq!(capacity(1.0, 10, 1, 4), 3);
        assert_eq!(capacity(0.01, 1, 1, 8), 1);
    }
}
