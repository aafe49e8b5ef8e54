//! Command lines that are printed to be run: as this program was called, and quoted for a shell.

use std::{borrow::Cow, env, path::Path};

/// This command line with another command and the same flags.
pub(crate) fn this_command(command: &str) -> String {
    let rest = env::args().skip(2).filter(|word| word != "--json");
    let words = [program(), command.to_owned()].into_iter().chain(rest);
    quoted(words)
}

/// How the program was called: `xp`, or the path of it where it is not on the search path.
fn program() -> String {
    called(&env::args().next().unwrap_or_default())
}

/// How the program is called from any folder.
pub(crate) fn program_anywhere() -> String {
    match program() {
        name if name == "xp" => name,
        path => std::path::absolute(&path).map_or(path, |path| path.display().to_string()),
    }
}

fn called(first: &str) -> String {
    let bare = Path::new(first).components().count() < 2;
    if bare {
        "xp".to_owned()
    } else {
        first.to_owned()
    }
}

/// Names the program as it was called in text that calls it `xp`.
pub(super) fn as_called(text: &str) -> Cow<'_, str> {
    match program() {
        name if name == "xp" => Cow::Borrowed(text),
        name => Cow::Owned(text.replace("`xp ", &format!("`{} ", quoted([name])))),
    }
}

fn quoted(words: impl IntoIterator<Item = String>) -> String {
    let quote = |word: String| match shlex::try_quote(&word) {
        Ok(quoted) => quoted.into_owned(),
        // A command line has no NUL, the one character that cannot be quoted.
        Err(_) => word,
    };
    let words: Vec<_> = words.into_iter().map(quote).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let words = ["xp", "--set", "axes.strategy=[\"top1\"]", "a b", "it's"];
        let line = quoted(words.map(str::to_owned));
        assert_eq!(shlex::split(&line).unwrap(), words);
        assert!(line.starts_with("xp --set '"), "{line}");
    }

    #[test]
    fn the_program_is_named_as_it_was_called() {
        assert_eq!(called("xp"), "xp");
        assert_eq!(called(""), "xp");
        assert_eq!(called("target/release/xp"), "target/release/xp");
        assert_eq!(called("/opt/xp"), "/opt/xp");
    }
}
