//! Tiny Shakespeare: one file, split by position.

use super::Texts;

/// The first nine tenths of the bytes and the rest, split at the end of the line that the nine
/// tenths end in.
pub(super) fn split(mut text: String) -> Texts {
    let nine_tenths = text.len() / 10 * 9 + text.len() % 10 * 9 / 10;
    let rest = text.as_bytes()[nine_tenths..]
        .iter()
        .position(|byte| *byte == b'\n');
    let cut = rest.map_or(text.len(), |offset| nine_tenths + offset + 1);
    let valid = text.split_off(cut);
    Texts { train: text, valid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_is_at_the_end_of_a_line() {
        // Twenty bytes: nine tenths are 18, which lies in the fourth line (bytes 15..=18).
        let text = "aaaa\nbbbb\ncccc\nddd\ne";
        assert_eq!(text.len(), 20);
        let texts = split(text.into());
        assert_eq!(
            (texts.train.as_str(), texts.valid.as_str()),
            ("aaaa\nbbbb\ncccc\nddd\n", "e")
        );
    }

    #[test]
    fn a_character_of_several_bytes_is_not_cut() {
        let text = format!("{}\nend", "é".repeat(30));
        let texts = split(text);
        assert_eq!(texts.valid, "end");
    }
}
