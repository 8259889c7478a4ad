//! A run for a person at a terminal: what is over scrolls by as lines, what is under way is drawn live below them.
//!
//! The only file that names indicatif.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use super::{
    block::{self, WaitBlock},
    layout::{self, Page},
    narrative::Narrative,
    out::Stream,
};
use crate::{
    event::{Event, Part, Place, Progress, RunState, Shown, moment::Moment},
    ports::Observer,
    quantity::show_duration,
    words::{self, mark::Mark, sanitise},
};

/// Lets indicatif draw through a [`Stream`], a whole picture at a time.
#[derive(Debug)]
struct Canvas {
    stream: Stream,
    picture: Mutex<String>,
}

impl Canvas {
    #[allow(clippy::unnecessary_wraps, reason = "every method of `TermLike` returns this")]
    fn put(&self, text: &str) -> io::Result<()> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
        Ok(())
    }

    fn steer(&self, n: usize, way: char) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.put(&format!("\u{1b}[{n}{way}")) }
    }
}

impl TermLike for Canvas {
    fn width(&self) -> u16 {
        u16::try_from(self.stream.edge()).unwrap_or(u16::MAX)
    }
    fn height(&self) -> u16 {
        u16::try_from(self.stream.height()).unwrap_or(u16::MAX)
    }
    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.steer(n, 'A')
    }
    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.steer(n, 'B')
    }
    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.steer(n, 'C')
    }
    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.steer(n, 'D')
    }
    fn write_line(&self, s: &str) -> io::Result<()> {
        self.put(&sanitise::drawn(s))?;
        self.put("\n")
    }
    fn write_str(&self, s: &str) -> io::Result<()> {
        self.put(&sanitise::drawn(s))
    }
    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\u{1b}[2K")
    }
    fn flush(&self) -> io::Result<()> {
        let picture = std::mem::take(&mut *self.picture.lock().unwrap_or_else(PoisonError::into_inner));
        self.stream.picture(&picture);
        Ok(())
    }
}

/// The terminal as observers and prompts share it. Clones are the same screen.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    stream: Stream,
    multi: MultiProgress,
    /// What waits to be shown while a question is open.
    held: Arc<Mutex<Option<Vec<String>>>>,
}

impl Screen {
    #[must_use]
    pub(crate) fn new(stream: Stream) -> Self {
        let multi = MultiProgress::with_draw_target(target(&stream));
        Self { stream, multi, held: Arc::default() }
    }

    fn print(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.as_mut() {
            Some(held) => held.extend_from_slice(lines),
            None => self.multi.suspend(|| self.stream.lines(lines)),
        }
    }

    /// Keeps the screen still, so that a question can be read. Work goes on; what it has to tell is shown once the
    /// returned value is dropped.
    pub(crate) fn hold(&self) -> Held<'_> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let first = held.is_none();
        if first {
            *held = Some(Vec::new());
            let _ = self.multi.clear();
            self.multi.set_draw_target(ProgressDrawTarget::hidden());
        }
        Held { screen: self, first }
    }
}

/// A screen that is kept still.
#[derive(Debug)]
#[must_use = "the screen is kept still only while this lives"]
pub(crate) struct Held<'a> {
    screen: &'a Screen,
    first: bool,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.first {
            let mut held = self.screen.held.lock().unwrap_or_else(PoisonError::into_inner);
            self.screen.stream.lines(&held.take().unwrap_or_default());
            self.screen.multi.set_draw_target(target(&self.screen.stream));
        }
    }
}

fn target(stream: &Stream) -> ProgressDrawTarget {
    if stream.redraws() {
        let canvas = Canvas { stream: stream.clone(), picture: Mutex::default() };
        ProgressDrawTarget::term_like_with_hz(Box::new(canvas), 10)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// Something under way.
#[derive(Debug)]
struct Live {
    bar: ProgressBar,
    command: Vec<String>,
    figure: Vec<String>,
    /// What there is to say with the figure, in place of the last line.
    have: Vec<String>,
    /// The last line of output, or what a wait has to say.
    last: Vec<String>,
}

impl Live {
    fn draw(&self) {
        let said = if self.have.is_empty() { &self.last } else { &self.have };
        let below: String = [&self.command, &self.figure, said].into_iter().flatten().fold(String::new(), |text, line| text + "\n" + line);
        self.bar.set_message(below);
    }
}

/// From so many on, each has one line.
const CROWD: usize = 4;
/// So many are drawn; the rest is counted.
const MOST_DRAWN: usize = 16;

#[derive(Debug, Default)]
struct TerminalState {
    narrative: Narrative,
    live: HashMap<(Place, Part), Live>,
    /// Under way, and not drawn for want of room.
    hidden: HashSet<(Place, Part)>,
    /// How many those are.
    more: Option<ProgressBar>,
}

/// Shows a run to a person.
#[derive(Debug)]
pub(crate) struct Terminal {
    screen: Screen,
    state: Mutex<TerminalState>,
}

impl Terminal {
    #[must_use]
    pub(crate) fn new(stream: Stream, before: RunState) -> Self {
        let state = TerminalState { narrative: Narrative::following(before), ..TerminalState::default() };
        Self { screen: Screen::new(stream), state: Mutex::new(state) }
    }

    /// For who looks on: no prompt on this terminal has shown anything.
    #[must_use]
    pub(super) fn onlooking(stream: Stream) -> Self {
        let state = TerminalState { narrative: Narrative::afterwards(), ..TerminalState::default() };
        Self { screen: Screen::new(stream), state: Mutex::new(state) }
    }

    /// Tells of something that was over before it could be drawn.
    pub(super) fn past(&self, at: Moment, event: &Event) {
        let page = self.page();
        let lines = self.state.lock().unwrap_or_else(PoisonError::into_inner).narrative.lines(&page, at, event);
        self.screen.print(&lines);
    }

    /// Draws something that was begun then and goes on.
    pub(super) fn goes_on(&self, began: Moment, place: &Place, part: Part, command: &Shown) {
        let page = self.page();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.begin(&page, &self.screen, place, part, command, Moment::now().since(began));
    }

    /// The operator is asked, on another terminal.
    pub(super) fn question(&self, place: Option<&Place>, text: &str, prompt: &str) {
        let page = self.page();
        let mut lines = vec![String::new()];
        lines.extend(block::told(&page, Mark::Warned, place, "waits for an answer at its operator's terminal"));
        lines.extend(text.trim_end().lines().flat_map(|line| block::remark(&page, line)));
        lines.extend(block::remark(&page, prompt));
        self.screen.print(&lines);
    }

    /// For whoever else uses the terminal, to take turns.
    #[must_use]
    pub(crate) fn screen(&self) -> Screen {
        self.screen.clone()
    }

    fn page(&self) -> Page {
        self.screen.stream.page()
    }
}

impl Observer for Terminal {
    fn event(&self, at: Moment, event: &Event) {
        let page = self.page();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clear(&self.screen, event);
        let lines = state.narrative.lines(&page, at, event);
        self.screen.print(&lines);
        if let Event::StepBegan { place, part, command, .. } = event {
            state.begin(&page, &self.screen, place, *part, command, Duration::ZERO);
        }
    }

    fn progress(&self, _: Moment, progress: &Progress) {
        let page = self.page();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.progress(&page, &self.screen, progress);
    }
}

impl TerminalState {
    /// `since` is how long ago it was begun.
    fn begin(&mut self, page: &Page, screen: &Screen, place: &Place, part: Part, command: &Shown, since: Duration) {
        if self.live.len() >= MOST_DRAWN {
            self.hidden.insert((place.clone(), part));
            return self.count_hidden(screen);
        }
        let mut live = self.start(page, screen, place, part);
        if self.live.len() < CROWD {
            live.command = block::command(page, command);
        }
        live.bar = live.bar.with_elapsed(since);
        live.draw();
        self.live.insert((place.clone(), part), live);
    }

    /// Draws a live block; the time it has taken stands behind its name.
    fn start(&self, page: &Page, screen: &Screen, place: &Place, part: Part) -> Live {
        let took = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            if state.elapsed().as_secs() > 0 {
                let _ = write!(text, "  {}", show_duration(Duration::from_secs(state.elapsed().as_secs())));
            }
        };
        let style = ProgressStyle::with_template("{prefix}{took}{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = screen.multi.add(ProgressBar::new_spinner().with_style(style.with_key("took", took)));
        let name = block::step(page, Mark::Noted, place, words::part(part), self.narrative.title(place), "");
        bar.set_prefix(layout::fit(&name.join(" "), page.width.saturating_sub(9), page.style));
        bar.enable_steady_tick(Duration::from_secs(1));
        Live { bar, command: Vec::new(), figure: Vec::new(), have: Vec::new(), last: Vec::new() }
    }

    /// Says how much more is under way than is drawn.
    fn count_hidden(&mut self, screen: &Screen) {
        if let Some(bar) = self.more.take() {
            bar.finish_and_clear();
            screen.multi.remove(&bar);
        }
        if !self.hidden.is_empty() {
            let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = screen.multi.add(ProgressBar::new_spinner().with_style(style));
            bar.set_message(format!("  and {} more under way", self.hidden.len()));
            self.more = Some(bar);
        }
    }

    /// Takes down what was drawn of something.
    fn end(&mut self, screen: &Screen, place: &Place, part: Part) {
        if let Some(live) = self.live.remove(&(place.clone(), part)) {
            live.bar.finish_and_clear();
            screen.multi.remove(&live.bar);
        }
    }

    /// Takes down what an event ends.
    fn clear(&mut self, screen: &Screen, event: &Event) {
        let over = |at: &Place, part: Part| match event {
            // A pause is over when something happens inside what pauses.
            Event::StepBegan { place, .. } if part == Part::Show => place.is_within(at),
            Event::BatchBegan { place, .. } => at == place && part == Part::Show,
            // What needs no command has no end of its own, but that of its step.
            Event::StepSettled { place, .. } => at.is_within(place),
            Event::StepBegan { place, .. }
            | Event::StepEnded { place, .. }
            | Event::StepSkipped { place, .. }
            | Event::Checked { place, .. } => at == place,
            Event::RunClosed { .. } => true,
            _ => false,
        };
        let hidden = self.hidden.len();
        self.hidden.retain(|(at, part)| !over(at, *part));
        if self.hidden.len() != hidden {
            self.count_hidden(screen);
        }
        let ended: Vec<_> = self.live.keys().filter(|(at, part)| over(at, *part)).cloned().collect();
        for (place, part) in ended {
            self.end(screen, &place, part);
        }
    }

    fn progress(&mut self, page: &Page, screen: &Screen, progress: &Progress) {
        let place = progress.place();
        if let Progress::Pausing { why, left, .. } = progress {
            return self.pause(page, screen, place, why, *left);
        }
        if self.hidden.iter().any(|(at, _)| at == place) {
            return;
        }
        let crowded = self.live.len() > CROWD;
        let key = self.live.keys().find(|(at, part)| at == place && *part != Part::Show).cloned();
        let key = key.unwrap_or_else(|| (place.clone(), Part::Main));
        if !self.live.contains_key(&key) {
            // A wait for what is known already has no command.
            let live = self.start(page, screen, place, Part::Main);
            self.live.insert(key.clone(), live);
        }
        let Some(live) = self.live.get_mut(&key) else { return };
        match progress {
            Progress::Line { text, .. } => {
                let clean = sanitise::output(text, false);
                let Some(last) = clean.lines().rev().find(|line| !line.trim().is_empty()) else { return };
                let cut = layout::fit(last, page.width.saturating_sub(5), page.style);
                live.last = if crowded { Vec::new() } else { vec![format!("    {}", page.style.dim(&cut))] };
            }
            Progress::Figure { done, total, have, .. } => {
                live.figure = block::progress(page, *done, *total);
                if let Some(have) = have {
                    live.have = block::remark(page, have);
                }
            }
            Progress::Waiting { want, have, elapsed, limit, figure, still, held, .. } => {
                let wait = WaitBlock { want, have, elapsed: *elapsed, limit: *limit, figure: *figure, still: *still, held: *held };
                if live.last.is_empty() {
                    // The wait tells its own time.
                    if let Ok(style) = ProgressStyle::with_template("{prefix}{msg}") {
                        live.bar.set_style(style);
                    }
                }
                live.last = block::waiting(page, &wait);
            }
            Progress::Pausing { .. } => {}
        }
        live.draw();
    }

    /// A pause counts down until something happens there.
    fn pause(&mut self, page: &Page, screen: &Screen, place: &Place, why: &str, left: Duration) {
        self.end(screen, place, Part::Show);
        if left.is_zero() {
            return;
        }
        let mut live = self.start(page, screen, place, Part::Main);
        let countdown = move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let left = left.saturating_sub(state.elapsed());
            let _ = write!(text, ", {} left", show_duration(Duration::from_secs_f64(left.as_secs_f64().ceil())));
        };
        if let Ok(style) = ProgressStyle::with_template("{prefix}{msg}{left}") {
            live.bar.set_style(style.with_key("left", countdown));
        }
        live.last = block::remark(page, &format!("pausing {why}"));
        live.draw();
        self.live.insert((place.clone(), Part::Show), live);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            out::{Traits, tests::Memory},
            script::{RUNS, Script, golden, shown},
            style::Style,
        },
        *,
    };
    use crate::event::{Effect, Exit, StepOutcome, Verdict};

    fn screen(width: usize, colour: bool, redraws: bool, play: impl FnOnce(&mut Script<'_>)) -> String {
        let memory = Memory::default();
        let style = Style { colour, unicode: true };
        let terminal = Terminal::new(memory.stream(Traits { terminal: true, redraws, style, width: Some(width) }), RunState::default());
        play(&mut Script::new(&terminal));
        memory.take()
    }

    #[test]
    fn shows_runs_on_any_width() {
        for (name, play) in RUNS {
            for width in [120, 80, 40] {
                let text = screen(width, false, false, play);
                golden(&format!("terminal-{name}-{width}.txt"), &text);
                for line in text.lines() {
                    assert!(layout::width(line) <= width, "{width}: {line}");
                    assert!(!line.chars().any(sanitise::is_hidden), "{line:?}");
                }
                let coloured = screen(width, true, false, play);
                assert_eq!(console::strip_ansi_codes(&coloured), text, "colour changes no words");
            }
        }
    }

    /// What is seen on a terminal after some bytes.
    fn seen(bytes: &str, width: u16) -> String {
        let mut parser = vt100::Parser::new(80.try_into().unwrap(), width.try_into().unwrap(), 0);
        parser.process(bytes.replace('\n', "\r\n").as_bytes());
        let rows: Vec<_> = parser.screen().rows(0, width).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n").trim_end().to_owned() + "\n"
    }

    #[test]
    fn what_is_drawn_live_leaves_nothing_behind() {
        let play = |script: &mut Script<'_>| script.stopped();
        assert_eq!(seen(&screen(80, false, true, play), 80), screen(80, false, false, play));
    }

    fn begin_wait(script: &mut Script<'_>) -> Place {
        let place = Place::top("restart").item("osd", "1").child("settled");
        script.plan();
        script.reach(&place, "It is whole again", crate::event::StepKind::Wait, Effect::Read);
        script.begin(&place, Part::Main, shown(Effect::Read, &["ceph", "-s", "--format", "json"]));
        place
    }

    #[test]
    fn a_wait_explains_itself() {
        let text = screen(60, false, true, |script| {
            let place = begin_wait(script);
            script.waiting(&place, "29 of 41 PGs clean · 12 peering", 1, None);
            script.waiting(&place, "29 of 41 PGs clean · 12 peering", 72, Some(40));
        });
        golden("terminal-wait.txt", &seen(&text, 60));
    }

    #[test]
    fn a_probe_that_is_asked_again_has_not_failed() {
        let gate = Place::top("restart").child("gate").item("batch", "1");
        let asked = |script: &mut Script<'_>, passes: bool| {
            script.plan();
            for attempt in 1..=3 {
                let verdict = if passes && attempt == 3 { Verdict::Passed } else { Verdict::failed("3 PGs") };
                script.asking(&gate, Part::Gate, attempt, verdict);
            }
            script.settle(&Place::top("restart"), StepOutcome::Failed { why: "its gate".into() });
        };
        let text = seen(&screen(60, false, true, |script| asked(script, true)), 60);
        assert!(!text.contains("failed: 3 PGs"), "{text}");
        let text = seen(&screen(60, false, true, |script| asked(script, false)), 60);
        assert_eq!(text.matches("failed (attempt 3): 3 PGs").count(), 1, "{text}");
        assert!(!text.contains("want"), "nothing live is left: {text}");
        let at = |part: &str| text.find(part).unwrap();
        assert!(at("3 PGs") < at("✗ restart  failed: its gate"), "{text}");
    }

    #[test]
    fn a_pause_counts_down_and_goes() {
        let restart = Place::top("restart");
        let pausing = Progress::Pausing { place: restart.clone(), why: "between batches".into(), left: Duration::from_secs(30) };
        let text = screen(60, false, true, |script| script.progress(&pausing));
        assert_eq!(seen(&text, 60), "  · restart\n    pausing between batches, 30s left\n");
        let text = screen(60, false, true, |script| {
            script.progress(&pausing);
            script.event(&Event::BatchBegan { place: restart, batch: 2, items: vec!["1".into()] });
        });
        assert_eq!(seen(&text, 60), "\n  restart: batch 2: 1\n");
    }

    #[test]
    fn a_question_keeps_the_screen_still() {
        let memory = Memory::default();
        let traits = Traits { terminal: true, redraws: true, style: Style { colour: false, unicode: true }, width: Some(80) };
        let stream = memory.stream(traits);
        let terminal = Terminal::new(stream.clone(), RunState::default());
        let mut script = Script::new(&terminal);
        let place = begin_wait(&mut script);
        let screen = terminal.screen();
        let held = screen.hold();
        stream.line("Go on? [y/N]");
        let before = memory.0.lock().unwrap().len();
        script.waiting(&place, "29 of 41", 5, None);
        script.event(&Event::Note { place: None, text: "meanwhile".into(), taken: None });
        assert_eq!(memory.0.lock().unwrap().len(), before, "nothing is drawn while a question is open");
        drop(held);
        script.end(&place, Part::Main, Exit::Code(0), Verdict::Passed, "clean", "");
        script.settle(&place, StepOutcome::Done);
        let text = seen(&memory.take(), 80);
        assert!(text.contains("Go on? [y/N]\n  · note: meanwhile\n  ✓ restart[osd=1].settled"), "{text}");
    }
}
