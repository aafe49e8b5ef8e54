//! A terminal that a page is painted on, and the keys that are pressed meanwhile.

use std::{
    io::{self, IsTerminal, Read, Stdout, Write},
    sync::mpsc::{self, Receiver},
    thread,
};

use crossterm::{
    cursor::{Hide, MoveTo, Show},
    execute, queue,
    style::{Attribute, Color as Ink, Print, SetAttribute, SetForegroundColor},
    terminal::{self, EnterAlternateScreen, LeaveAlternateScreen},
};
use ratatui::{
    buffer::Buffer,
    style::{Color, Modifier},
};

/// The terminal while a page is on it; dropping it gives the terminal back as it was.
pub(super) struct Screen {
    out: Stdout,
}

impl Screen {
    /// Takes the terminal: keys are heard one by one, and what was written before is put aside.
    pub(super) fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        let mut screen = Self { out: io::stdout() };
        execute!(screen.out, EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    /// Whether there is one.
    pub(super) fn is_there() -> bool {
        io::stdout().is_terminal() && io::stdin().is_terminal()
    }

    /// Columns and lines.
    pub(super) fn size() -> io::Result<(u16, u16)> {
        terminal::size()
    }

    /// Writes all cells, in one piece.
    pub(super) fn paint(&mut self, page: &Buffer) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut style = None;
        for y in 0..page.area.height {
            queue!(bytes, MoveTo(0, y))?;
            for x in 0..page.area.width {
                let cell = &page[(x, y)];
                let own = (cell.fg, cell.modifier.contains(Modifier::BOLD));
                if style.replace(own) != Some(own) {
                    queue!(bytes, SetAttribute(Attribute::Reset))?;
                    if own.1 {
                        queue!(bytes, SetAttribute(Attribute::Bold))?;
                    }
                    queue!(bytes, SetForegroundColor(ink(own.0)))?;
                }
                queue!(bytes, Print(cell.symbol()))?;
            }
        }
        self.out.write_all(&bytes)?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // There is nobody to tell: the terminal is gone, or as it was.
        let _ = execute!(
            self.out,
            SetAttribute(Attribute::Reset),
            Show,
            LeaveAlternateScreen
        );
        let _ = terminal::disable_raw_mode();
    }
}

/// The colour of the terminal's own palette.
const fn ink(colour: Color) -> Ink {
    match colour {
        Color::Red => Ink::DarkRed,
        Color::Yellow => Ink::DarkYellow,
        Color::Blue => Ink::DarkBlue,
        Color::Cyan => Ink::DarkCyan,
        _ => Ink::Reset,
    }
}

/// What a person wants of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// No more of it.
    Quit,
    /// The next trial.
    Next,
    /// The one before.
    Before,
}

/// The wishes of whoever presses keys from now on.
pub(super) fn wishes() -> Receiver<Wish> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = [0; 64];
        let mut keys = io::stdin().lock();
        while let Ok(read @ 1..) = keys.read(&mut bytes) {
            for wish in meant(&bytes[..read]) {
                if send.send(wish).is_err() {
                    return;
                }
            }
        }
    });
    receive
}

/// What keys mean. An escape by itself is a key; with more behind it, it begins that of an arrow.
fn meant(keys: &[u8]) -> Vec<Wish> {
    /// What Ctrl-C sends to a program that hears keys one by one.
    const CONTROL_C: u8 = 3;
    const ESCAPE: u8 = 0x1b;
    let mut wishes = Vec::new();
    let mut rest = keys;
    while let [key, after @ ..] = rest {
        rest = after;
        match (*key, after) {
            (ESCAPE, [b'[' | b'O', arrow, behind @ ..]) => {
                rest = behind;
                wishes.extend(match arrow {
                    b'A' => Some(Wish::Before),
                    b'B' => Some(Wish::Next),
                    _ => None,
                });
            }
            (b'q' | CONTROL_C, _) | (ESCAPE, []) => wishes.push(Wish::Quit),
            (b'\t' | b'j', _) => wishes.push(Wish::Next),
            (b'k', _) => wishes.push(Wish::Before),
            _ => {}
        }
    }
    wishes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_escape_and_control_c_end_it_and_arrows_choose() {
        for quits in [&b"q"[..], b"\x1b", b"\x03"] {
            assert_eq!(meant(quits), [Wish::Quit], "{quits:?}");
        }
        assert_eq!(meant(b"\x1b[A"), [Wish::Before]);
        assert_eq!(meant(b"\x1bOB\x1b[B"), [Wish::Next, Wish::Next]);
        // Pressed in haste.
        assert_eq!(meant(b"\tkq"), [Wish::Next, Wish::Before, Wish::Quit]);
        assert_eq!(meant(b"xyz\x1b[C"), []);
    }
}
