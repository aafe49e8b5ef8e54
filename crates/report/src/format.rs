//! Numbers as people read them.

use metrics::MeanInterval;

/// `value` with `digits` significant digits, thousands apart, without an exponent between 10^-4 and 10^15.
pub fn significant(value: f64, digits: u32) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            "–".to_owned()
        };
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..15).contains(&magnitude) {
        return format!("{value:.*e}", digits.saturating_sub(1) as usize);
    }
    let decimals = (digits as i32 - 1 - magnitude).max(0) as usize;
    grouped(&format!("{value:.decimals$}"))
}

/// The decimals that show `digits` significant digits of `value`.
fn decimals_for(value: f64, digits: i32) -> usize {
    if value == 0.0 || !value.is_finite() {
        return 0;
    }
    (digits - 1 - value.abs().log10().floor() as i32).clamp(0, 6) as usize
}

/// `mean ± half-width`, rounded to what the half-width supports; the mean alone where there is no half-width.
pub fn interval(value: &MeanInterval) -> String {
    // What only rounding tells apart has no spread.
    let is_shown = |&width: &f64| width > 1e-12 * value.mean.abs();
    let Some(half_width) = value.half_width.filter(is_shown) else {
        return significant(value.mean, 4);
    };
    // Two digits of the half-width, but never fewer decimals than four digits of the mean would hide.
    let decimals = decimals_for(half_width, 2).min(decimals_for(value.mean, 5));
    format!(
        "{} ± {}",
        grouped(&format!("{:.decimals$}", value.mean)),
        grouped(&format!("{half_width:.decimals$}"))
    )
}

/// A decimal number with its thousands set apart by a thin space, from five digits on.
pub(crate) fn grouped(number: &str) -> String {
    let (sign, digits) = number
        .strip_prefix('-')
        .map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = digits
        .find('.')
        .map_or((digits, ""), |dot| digits.split_at(dot));
    if whole.len() < 5 {
        return number.to_owned();
    }
    let mut text = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text + fraction
}

/// A number without needless zeros, as it would stand in a settings file: `1.25`, `8`, `0.0003`.
pub(crate) fn plain(value: f64) -> String {
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(mean: f64, half_width: f64) -> String {
        interval(&MeanInterval {
            mean,
            half_width: Some(half_width),
            n: 3,
        })
    }

    #[test]
    fn digits_follow_the_size_of_the_number() {
        assert_eq!(significant(5.754_321, 4), "5.754");
        assert_eq!(significant(0.012_345, 3), "0.0123");
        assert_eq!(significant(138_612.4, 4), "138\u{2009}612");
        assert_eq!(significant(0.0, 3), "0");
        assert_eq!(significant(1.5e-9, 2), "1.5e-9");
    }

    #[test]
    fn an_interval_is_rounded_to_what_it_supports() {
        assert_eq!(around(5.754_321, 0.012_3), "5.754 ± 0.012");
        assert_eq!(around(138_612.4, 2310.0), "138\u{2009}612 ± 2310");
        assert_eq!(around(0.1, 0.05), "0.100 ± 0.050");
        assert_eq!(around(0.938, 1e-16), "0.9380");
        assert_eq!(
            interval(&MeanInterval {
                mean: 2.5,
                half_width: None,
                n: 1
            }),
            "2.500"
        );
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped("1234"), "1234");
        assert_eq!(grouped("-1234567.5"), "-1\u{2009}234\u{2009}567.5");
    }
}
