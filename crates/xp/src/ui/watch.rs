//! The page of `xp watch`: which trials run, the losses of one of them, and the load of its experts.

use std::{
    sync::{atomic::Ordering, mpsc::RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use ratatui::{
    Frame, Terminal,
    backend::TestBackend,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    symbols::Marker,
    text::{Line, Span},
    widgets::{Axis, Block, Chart, Dataset, GraphType, Paragraph},
};

use super::screen::{Screen, Wish, wishes};
use crate::{exit::Expected, live::Told, signals};

/// How often the working folder is looked at.
const PACE: Duration = Duration::from_secs(1);

/// How long a change of the terminal's size may go unseen.
const BLINK: Duration = Duration::from_millis(200);

/// Lines of the page where there is no terminal.
const LINES: u16 = 24;

/// Running trials that are listed; of others it is said how many there are.
const LISTED: usize = 6;

/// A load of this many times an equal share fills its bar.
const FULL: f64 = 2.0;

const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is shown.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Sweep, scale and device.
    pub(crate) title: String,
    pub(crate) counts: Counts,
    pub(crate) running: Vec<Running>,
}

/// How far the sweep is.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) total: usize,
    /// Done, diverged or stopped early.
    pub(crate) recorded: usize,
    pub(crate) failed: usize,
}

/// A trial that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) id: String,
    pub(crate) cell: String,
    pub(crate) seed: u64,
    pub(crate) told: Told,
}

/// Whether there is a terminal to draw on.
pub(crate) fn has_screen() -> bool {
    Screen::is_there()
}

/// The page as text, of the first running trial.
pub(crate) fn page(scene: &Scene) -> String {
    let width = u16::try_from(super::width()).unwrap_or(u16::MAX);
    let page = drawn(scene, 0, (width, LINES));
    let row = |y| {
        (0..width)
            .map(|x| page[(x, y)].symbol())
            .collect::<String>()
    };
    let rows: Vec<String> = (0..LINES).map(|y| row(y).trim_end().to_owned()).collect();
    rows.join("\n").trim_end().to_owned()
}

/// The cells of a page.
fn drawn(scene: &Scene, chosen: usize, (width, height): (u16, u16)) -> Buffer {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| draw(frame, scene, chosen));
    terminal.backend().buffer().clone()
}

/// Draws the page until a person wants no more of it.
pub(crate) fn watch(look: impl Fn() -> Result<Scene, Expected>) -> Result<(), Expected> {
    let undrawn = |error| Expected::io("draw on the terminal", error);
    let mut scene = look()?;
    let (mut chosen, mut looked) = (0, Instant::now());
    let mut screen = Screen::open().map_err(undrawn)?;
    let wishes = wishes();
    while !signals::STOP.load(Ordering::Relaxed) {
        chosen = chosen.min(scene.running.len().saturating_sub(1));
        let size = Screen::size().map_err(undrawn)?;
        screen
            .paint(&drawn(&scene, chosen, size))
            .map_err(undrawn)?;
        match wishes.recv_timeout(BLINK) {
            Ok(Wish::Quit) => break,
            Ok(Wish::Next) => chosen += 1,
            Ok(Wish::Before) => chosen = chosen.saturating_sub(1),
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody can press a key any more; a signal still ends it.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(BLINK),
        }
        if looked.elapsed() >= PACE {
            scene = look()?;
            looked = Instant::now();
        }
    }
    Ok(())
}

fn draw(frame: &mut Frame<'_>, scene: &Scene, chosen: usize) {
    let list = listed(scene, chosen);
    let Some(trial) = scene.running.get(chosen) else {
        frame.render_widget(Paragraph::new(list), frame.area());
        return;
    };
    let loads = loads(&trial.told);
    let layout = Layout::vertical([
        Constraint::Length(list.len() as u16),
        Constraint::Min(5),
        Constraint::Length(loads.len() as u16),
    ]);
    let [top, middle, bottom] = layout.areas(frame.area());
    frame.render_widget(Paragraph::new(list), top);
    losses(frame, middle, trial);
    frame.render_widget(Paragraph::new(loads), bottom);
}

/// How far the sweep is, and the trials that run.
fn listed(scene: &Scene, chosen: usize) -> Vec<Line<'static>> {
    let Counts {
        total,
        recorded,
        failed,
    } = scene.counts;
    let running = scene.running.len();
    let left = total.saturating_sub(recorded + failed + running);
    let mut lines = vec![
        Line::styled(
            format!("{}  (q: quit, arrows: another trial)", scene.title),
            Modifier::BOLD,
        ),
        Line::from(format!(
            "{recorded} of {total} recorded, {running} running, {failed} failed, {left} to come"
        )),
    ];
    if running == 0 {
        lines.push(Line::from("no trial runs here now"));
    }
    // A window on the list that the chosen one is in.
    let first = (chosen + 1).saturating_sub(LISTED);
    for (index, trial) in scene.running.iter().enumerate().skip(first).take(LISTED) {
        let mark = if index == chosen { "▸" } else { " " };
        let Running {
            id,
            cell,
            seed,
            told,
        } = trial;
        let text = format!("{mark} {id} {cell} seed={seed}  {}", progress(told));
        let style = if index == chosen {
            Modifier::BOLD
        } else {
            Modifier::empty()
        };
        lines.push(Line::styled(text, style));
    }
    let hidden = running.saturating_sub(first + LISTED);
    if hidden > 0 {
        lines.push(Line::from(format!("  and {hidden} more")));
    }
    lines
}

fn progress(told: &Told) -> String {
    let mut text = format!("{}/{}", told.step, told.steps);
    if let Some(loss) = told.loss {
        text.push_str(&format!("  loss {loss:.3}"));
    }
    if let Some(loss) = told.valid_loss {
        text.push_str(&format!("  validation {loss:.3}"));
    }
    if let Some(speed) = told.tokens_per_s {
        text.push_str(&format!("  {speed:.0} tokens/s"));
    }
    if let Some(drops) = told.drop_rate {
        text.push_str(&format!("  {:.1} % dropped", drops * 100.0));
    }
    text
}

/// The losses of a trial over its steps.
fn losses(frame: &mut Frame<'_>, area: Rect, trial: &Running) {
    let told = &trial.told;
    let all = || told.train.iter().chain(&told.valid);
    let block = Block::bordered().title(format!(
        " losses of {}: line training, dots validation ",
        trial.id
    ));
    if all().next().is_none() {
        let text = "no loss has been logged yet";
        frame.render_widget(Paragraph::new(text).block(block), area);
        return;
    }
    let losses = || all().map(|(_, loss)| *loss);
    let (low, high) = (
        losses().fold(f64::INFINITY, f64::min),
        losses().fold(0.0, f64::max),
    );
    // A single value has a place too.
    let high = if high > low { high } else { low + 1.0 };
    let last = told.steps.max(1) as f64;
    let dataset = |points, colour, marker| {
        Dataset::default()
            .marker(marker)
            .graph_type(GraphType::Line)
            .style(Style::new().fg(colour))
            .data(points)
    };
    let chart = Chart::new(vec![
        dataset(&told.train, Color::Blue, Marker::Braille),
        dataset(&told.valid, Color::Yellow, Marker::Dot),
    ])
    .block(block)
    .legend_position(None)
    .x_axis(
        Axis::default()
            .bounds([0.0, last])
            .labels(["0".to_owned(), format!("step {last}")]),
    )
    .y_axis(
        Axis::default()
            .bounds([low, high])
            .labels([low, high].map(|loss| format!("{loss:.2}"))),
    );
    frame.render_widget(chart, area);
}

/// The load of each expert, a line a layer.
fn loads(told: &Told) -> Vec<Line<'static>> {
    if told.loads.is_empty() {
        return Vec::new();
    }
    let heading = format!("load of experts, layer by layer (full: {FULL} times an equal share)");
    let mut lines = vec![Line::from(heading)];
    for (layer, loads) in told.loads.iter().enumerate() {
        let mut spans = vec![Span::from(format!("{layer:>3} "))];
        spans.extend(loads.iter().map(|&load| bar(load)));
        let most = loads.iter().copied().fold(0.0, f64::max);
        spans.push(Span::from(format!("  most {most:.2}")));
        lines.push(Line::from(spans));
    }
    lines
}

/// An expert's bar; one without a token is a cross, so that it is seen without colours.
fn bar(load: f64) -> Span<'static> {
    if load == 0.0 {
        return Span::styled("×", Style::new().fg(Color::Red));
    }
    let height = (load / FULL * 8.0).ceil().clamp(1.0, 8.0) as usize;
    let colour = if load > FULL { Color::Red } else { Color::Cyan };
    Span::styled(BARS[height].to_string(), Style::new().fg(colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(running: Vec<Running>) -> Scene {
        Scene {
            title: "quick (scale base, device cpu)".to_owned(),
            counts: Counts {
                total: 8,
                recorded: 3,
                failed: 1,
            },
            running,
        }
    }

    fn trial() -> Running {
        Running {
            id: "3fa91c07b2de".to_owned(),
            cell: "strategy=top1".to_owned(),
            seed: 17,
            told: Told {
                step: 20,
                steps: 40,
                loss: Some(2.0),
                valid_loss: Some(2.5),
                train: vec![(10.0, 3.0), (20.0, 2.0)],
                valid: vec![(20.0, 2.5)],
                // Nothing, half of an equal share, an equal share, and three times as much.
                loads: vec![vec![0.0, 0.5, 1.0, 3.0]],
                ..Told::default()
            },
        }
    }

    #[test]
    fn a_running_trial_is_shown_with_its_losses_and_loads() {
        let page = page(&scene(vec![trial()]));
        for part in [
            "quick (scale base, device cpu)",
            "3 of 8 recorded, 1 running, 1 failed, 3 to come",
            "▸ 3fa91c07b2de strategy=top1 seed=17  20/40  loss 2.000  validation 2.500",
            "losses of 3fa91c07b2de",
            "3.00",
            "step 40",
            "  0 ×▂▄█  most 3.00",
        ] {
            assert!(page.contains(part), "`{part}` is not in:\n{page}");
        }
        assert!(page.lines().count() <= usize::from(LINES));
    }

    #[test]
    fn nothing_that_runs_is_said_to_run() {
        let page = page(&scene(Vec::new()));
        assert!(page.contains("no trial runs here now"), "{page}");
        assert!(page.contains("4 to come"), "{page}");
    }
}
