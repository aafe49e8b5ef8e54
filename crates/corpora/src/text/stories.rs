//! TinyStories: two files, stories separated by `<|endoftext|>` lines.

use super::{SEPARATOR, Texts};

/// All but the last tenth of the stories to train on, and that tenth, at least one story, to validate.
pub(super) fn hold_back(text: String) -> Texts {
    let ends: Vec<usize> = ends(&text).collect();
    let kept = ends.len() - (ends.len() / 10).max(1).min(ends.len());
    let cut = kept.checked_sub(1).map_or(0, |last| ends[last]);
    Texts {
        train: text[..cut].to_owned(),
        valid: text[cut..].to_owned(),
    }
}

/// Where each story ends, its separator line included.
fn ends(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices(SEPARATOR).map(|(start, _)| {
        let end = start + SEPARATOR.len();
        end + usize::from(text[end..].starts_with('\n'))
    })
}

/// The first stories of a text, as many whole ones as fit into `bytes`; 0 means all.
///
/// The first story is kept even if it is longer.
pub(super) fn limit(mut text: String, bytes: usize) -> String {
    if bytes == 0 || bytes >= text.len() {
        return text;
    }
    let mut cut = text.len();
    for (index, end) in ends(&text).enumerate() {
        if index > 0 && end > bytes {
            break;
        }
        cut = end;
    }
    text.truncate(cut);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tenth_of_the_stories_is_held_back() {
        let story = |n: usize| format!("{n}\n<|endoftext|>\n");
        let text: String = (0..20).map(story).collect();
        let texts = hold_back(text.clone());
        // Two stories of twenty, and every byte on one side.
        assert_eq!(texts.valid, story(18) + &story(19));
        assert_eq!(texts.train + &texts.valid, text);
        assert_eq!(hold_back(story(0)).train, "", "one story cannot be split");
    }

    #[test]
    fn whole_stories_are_kept() {
        // Each story is "x\n" + 13 characters + "\n" = 16 bytes.
        let text = "a\n<|endoftext|>\nb\n<|endoftext|>\nc\n<|endoftext|>\n";
        assert_eq!(text.len(), 48);
        assert_eq!(limit(text.into(), 0), text);
        assert_eq!(limit(text.into(), 47), &text[..32]);
        assert_eq!(limit(text.into(), 32), &text[..32]);
        assert_eq!(limit(text.into(), 1), &text[..16]);
    }
}
