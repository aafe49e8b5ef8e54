//! TinyStories: two files, stories separated by `<|endoftext|>` lines.

use super::SEPARATOR;

/// The first stories of a text, as many whole ones as fit into `bytes`; 0 means all.
///
/// The first story is kept even if it is longer.
pub(super) fn limit(mut text: String, bytes: usize) -> String {
    if bytes == 0 || bytes >= text.len() {
        return text;
    }
    let ends = text.match_indices(SEPARATOR).map(|(start, _)| {
        let end = start + SEPARATOR.len();
        end + usize::from(text[end..].starts_with('\n'))
    });
    let mut cut = text.len();
    for (index, end) in ends.enumerate() {
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
