//! A run for a person at a terminal: what is over scrolls by as lines, what is under way is drawn live below them.
//!
//! The only file that names indicatif.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use super::{
    block,
    board::Board,
    calm::Calm,
    layout::{self, Page},
    narrative::Narrative,
    out::Stream,
};
use crate::{
    event::{Event, Paces, Part, Place, Progress, RunState, Shown, moment::Moment},
    ports::Observer,
    words::{mark::Mark, sanitise},
};

/// Lets indicatif draw through a [`Stream`], a whole picture at a time.
#[derive(Debug)]
struct Canvas {
    stream: Stream,
    picture: Mutex<Picture>,
    drawn: Arc<Mutex<Drawn>>,
}

/// What is to be drawn next.
#[derive(Debug, Default)]
struct Picture {
    bytes: String,
    /// A line is whole: what follows stands below it.
    whole: bool,
}

/// What stands on the terminal.
#[derive(Debug, Default)]
struct Drawn {
    /// How wide each of its lines is.
    widths: Vec<usize>,
    /// How wide the terminal was.
    edge: usize,
}

impl Drawn {
    /// On how many rows it stands on a terminal of so many columns.
    fn rows(&self, edge: usize) -> usize {
        self.widths.iter().map(|width| width.saturating_sub(1) / edge.max(1) + 1).sum()
    }

    /// What puts the cursor where it would stand if the terminal had not become another: one that became narrower has wrapped what was
    /// drawn, so that it stands on more rows than whoever draws over it knows of.
    fn mend(&self, edge: usize) -> String {
        let (then, now) = (self.rows(self.edge), self.rows(edge));
        if then == 0 || edge >= self.edge || now == then {
            return String::new();
        }
        up(now) + &"\n".repeat(then - 1)
    }

    /// What takes it away.
    fn wipe(&mut self, edge: usize) -> String {
        up(std::mem::take(self).rows(edge))
    }
}

/// What takes so many rows away, the last of which the cursor stands on, and leaves it on the first.
fn up(rows: usize) -> String {
    match rows {
        0 => String::new(),
        1 => "\r\u{1b}[J".to_owned(),
        rows => format!("\r\u{1b}[{}A\u{1b}[J", rows - 1),
    }
}

impl Canvas {
    #[allow(clippy::unnecessary_wraps, reason = "every method of `TermLike` returns this")]
    fn put(&self, text: &str) -> io::Result<()> {
        let mut picture = self.picture.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut picture.whole) {
            picture.bytes.push('\n');
        }
        picture.bytes.push_str(text);
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
    /// indicatif fills each line up to the edge, so that the terminal itself wraps there. One that is made wider joins such lines again, and
    /// what is drawn next would stand a line too high: each ends by itself here.
    fn write_str(&self, s: &str) -> io::Result<()> {
        if s.trim_matches(' ').is_empty() {
            self.picture.lock().unwrap_or_else(PoisonError::into_inner).whole = true;
            return Ok(());
        }
        self.put(&sanitise::drawn(s))
    }
    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\u{1b}[2K")
    }
    fn flush(&self) -> io::Result<()> {
        let picture = std::mem::take(&mut *self.picture.lock().unwrap_or_else(PoisonError::into_inner)).bytes;
        let edge = self.stream.edge();
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let mend = drawn.mend(edge);
        // What is drawn begins where what was drawn is gone.
        let lines = picture.rsplit("\u{1b}[2K").next().unwrap_or_default();
        let widths = lines.split('\n').map(layout::width).collect::<Vec<_>>();
        *drawn = Drawn { widths: if lines.is_empty() { Vec::new() } else { widths }, edge };
        self.stream.picture(&format!("{mend}{picture}"));
        Ok(())
    }
}

/// The terminal as observers and prompts share it. Clones are the same screen.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    stream: Stream,
    multi: MultiProgress,
    drawn: Arc<Mutex<Drawn>>,
    /// What waits to be shown while a question is open.
    held: Arc<Mutex<Option<Vec<String>>>>,
    board: Arc<Mutex<Board>>,
    calm: Arc<Mutex<Calm>>,
    /// All that happened so far, told whole.
    whole: Arc<Mutex<Vec<String>>>,
}

/// So many lines are kept for whoever asks at a question for the whole.
const KEPT: usize = 20_000;

impl Screen {
    fn new(stream: Stream, board: Arc<Mutex<Board>>, calm: Arc<Mutex<Calm>>) -> Self {
        let drawn = Arc::default();
        let multi = MultiProgress::with_draw_target(target(&stream, &drawn));
        Self { stream, multi, drawn, held: Arc::default(), board, calm, whole: Arc::default() }
    }

    fn keep(&self, lines: Vec<String>) {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        whole.extend(lines);
        let beyond = whole.len().saturating_sub(KEPT);
        whole.drain(..beyond);
    }

    /// All that happened so far, told whole.
    #[must_use]
    pub(crate) fn whole(&self) -> Vec<String> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says something that has to be seen, and keeps it in sight as long as anything is drawn.
    pub(crate) fn pin(&self, text: &str) {
        let page = self.stream.page();
        self.board.lock().unwrap_or_else(PoisonError::into_inner).pin(text);
        self.print(&block::marked(&page, Mark::Warned, text));
    }

    /// How long steps took in earlier runs.
    pub(crate) fn learn(&self, earlier: Paces) {
        self.board.lock().unwrap_or_else(PoisonError::into_inner).learn(earlier);
    }

    /// Tells a line that is no part of the run.
    pub(crate) fn line(&self, line: &str) {
        self.print(&[line.to_owned()]);
    }

    /// What has passed and was not told of: whoever is asked something decides by it, too.
    fn so_far(&self) -> Vec<String> {
        self.calm.lock().unwrap_or_else(PoisonError::into_inner).so_far(&self.stream.page().titled())
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
        self.print(&self.so_far());
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let first = held.is_none();
        if first {
            *held = Some(Vec::new());
            // Nothing is drawn from here on. What stands there is taken away after that: a tick between the two would leave it behind.
            self.multi.set_draw_target(ProgressDrawTarget::hidden());
            let wipe = self.drawn.lock().unwrap_or_else(PoisonError::into_inner).wipe(self.stream.edge());
            self.stream.picture(&wipe);
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
            self.screen.multi.set_draw_target(target(&self.screen.stream, &self.screen.drawn));
        }
    }
}

fn target(stream: &Stream, drawn: &Arc<Mutex<Drawn>>) -> ProgressDrawTarget {
    if stream.redraws() {
        let canvas = Canvas { stream: stream.clone(), picture: Mutex::default(), drawn: Arc::clone(drawn) };
        ProgressDrawTarget::term_like_with_hz(Box::new(canvas), 10)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// What is told and what is drawn.
#[derive(Debug)]
struct TerminalState {
    calm: Arc<Mutex<Calm>>,
    board: Arc<Mutex<Board>>,
    /// What draws the board.
    bar: Option<ProgressBar>,
}

/// Shows a run to a person.
#[derive(Debug)]
pub(crate) struct Terminal {
    screen: Screen,
    state: Mutex<TerminalState>,
}

impl Terminal {
    /// A screen for what follows on `before`. `run` is what the run is called; with `whole` everything is told, as it happens.
    #[must_use]
    pub(crate) fn new(stream: Stream, run: &str, before: RunState, whole: bool) -> Self {
        Self::telling(stream, run, Calm::new(Narrative::following(before), whole))
    }

    /// For who looks on: no prompt on this terminal has shown anything.
    #[must_use]
    pub(super) fn onlooking(stream: Stream, run: &str) -> Self {
        Self::telling(stream, run, Calm::new(Narrative::afterwards(), false))
    }

    fn telling(stream: Stream, run: &str, calm: Calm) -> Self {
        let board = Arc::new(Mutex::new(Board::new(stream.clone(), run)));
        let calm = Arc::new(Mutex::new(calm));
        let screen = Screen::new(stream, Arc::clone(&board), Arc::clone(&calm));
        Self { screen, state: Mutex::new(TerminalState { calm, board, bar: None }) }
    }

    /// Tells of something that was over before it could be drawn.
    pub(super) fn past(&self, at: Moment, event: &Event) {
        let page = self.page();
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = state.told(&page, &self.screen, at, event);
        drop(state);
        self.screen.print(&lines);
    }

    /// Draws something that was begun then and goes on.
    pub(super) fn goes_on(&self, began: Moment, place: &Place, part: Part, command: &Shown) {
        let page = self.page();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.begin(&page, place, part, command, Moment::now().since(began));
        state.draw(&self.screen);
    }

    /// The operator is asked, on another terminal.
    pub(super) fn question(&self, place: Option<&Place>, text: &str, prompt: &str) {
        let page = self.page();
        let mut lines = self.screen.so_far();
        lines.push(String::new());
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
        self.screen.stream.page().titled()
    }
}

impl Observer for Terminal {
    fn event(&self, at: Moment, event: &Event) {
        let page = self.page();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = state.told(&page, &self.screen, at, event);
        {
            let standing = state.calm().standing();
            let mut board = state.board();
            board.stands(standing);
            board.clear(event);
        }
        // What it means was said when the signal came.
        if !(matches!(event, Event::Interrupted { .. }) && state.board().is_pinned()) {
            self.screen.print(&lines);
        }
        if let Event::StepBegan { place, part, command, .. } = event {
            state.begin(&page, place, *part, command, Duration::ZERO);
        }
        state.draw(&self.screen);
    }

    fn progress(&self, at: Moment, progress: &Progress) {
        let page = self.page();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Progress::ItemOver { place, ok } = progress {
            let lines = state.calm().item_over(&page, at, place, *ok);
            let standing = state.calm().standing();
            state.board().stands(standing);
            self.screen.print(&lines);
            return;
        }
        let title = state.calm().title(progress.place()).to_owned();
        state.board().progress(&page, progress, &title);
        state.draw(&self.screen);
    }
}

impl TerminalState {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calm(&self) -> MutexGuard<'_, Calm> {
        self.calm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines to show for an event; all of them are kept for whoever asks for the whole.
    fn told(&self, page: &Page, screen: &Screen, at: Moment, event: &Event) -> Vec<String> {
        let mut calm = self.calm();
        let lines = calm.lines(page, at, event);
        screen.keep(calm.take_all());
        lines
    }

    /// `since` is how long ago it was begun.
    fn begin(&self, page: &Page, place: &Place, part: Part, command: &Shown, since: Duration) {
        let title = self.calm().title(place).to_owned();
        self.board().begin(page, (place, part), &title, command, since);
    }

    /// Draws the board, once there is something to draw; it is drawn anew each second from then on, until the run is over.
    fn draw(&mut self, screen: &Screen) {
        if self.board().is_over() {
            if let Some(bar) = self.bar.take() {
                bar.finish_and_clear();
                screen.multi.remove(&bar);
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let board = Arc::clone(&self.board);
            let lines = move |_: &ProgressState, text: &mut dyn std::fmt::Write| {
                let lines = board.lock().unwrap_or_else(PoisonError::into_inner).lines();
                let _ = text.write_str(&lines.join("\n"));
            };
            let style = ProgressStyle::with_template("{board}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = screen.multi.add(ProgressBar::new_spinner().with_style(style.with_key("board", lines)));
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        // A tick of its own does nothing beside the steady one.
        bar.set_message("");
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

    #[test]
    fn all_rows_that_are_drawn_are_taken_away() {
        let mut drawn = Drawn { widths: vec![10, 30], edge: 40 };
        assert_eq!(drawn.wipe(20), "\r\u{1b}[2A\u{1b}[J", "the second line stands on two rows of a narrower window");
        assert_eq!(drawn.wipe(20), "", "nothing stands there any more");
        assert_eq!(Drawn { widths: vec![10], edge: 40 }.wipe(40), "\r\u{1b}[J");
    }

    fn screen(width: usize, colour: bool, redraws: bool, play: impl FnOnce(&mut Script<'_>)) -> String {
        told(width, colour, redraws, true, play)
    }

    fn told(width: usize, colour: bool, redraws: bool, whole: bool, play: impl FnOnce(&mut Script<'_>)) -> String {
        let memory = Memory::default();
        let style = Style { colour, unicode: true };
        let stream = memory.stream(Traits { terminal: true, redraws, style, width: Some(width), ..Traits::default() });
        let terminal = Terminal::new(stream, "", RunState::default(), whole);
        play(&mut Script::new(&terminal));
        memory.take()
    }

    #[test]
    fn shows_runs_on_any_width() {
        for (name, play) in RUNS {
            for width in [120, 80, 40] {
                let text = screen(width, false, false, play);
                golden(&format!("terminal-{name}-{width}.txt"), &text);
                golden(&format!("calm-{name}-{width}.txt"), &told(width, false, false, false, play));
                for line in text.lines() {
                    // A command stays on one line.
                    let command = ["    read ", "    change ", "    DESTROY "].iter().any(|label| line.starts_with(label));
                    assert!(command || layout::width(line) <= width, "{width}: {line}");
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
        assert_eq!(seen(&text, 60), "\n  batch 2: 1\n");
    }

    #[test]
    fn a_question_keeps_the_screen_still() {
        let memory = Memory::default();
        let style = Style { colour: false, unicode: true };
        let traits = Traits { terminal: true, redraws: true, style, width: Some(80), ..Traits::default() };
        let stream = memory.stream(traits);
        let terminal = Terminal::new(stream.clone(), "", RunState::default(), true);
        let mut script = Script::new(&terminal);
        let place = begin_wait(&mut script);
        let screen = terminal.screen();
        let held = screen.hold();
        stream.line("Go on? [y/N]");
        let before = memory.0.lock().unwrap().len();
        script.waiting(&place, "29 of 41", 5, None);
        script.event(&Event::Note { place: None, text: "meanwhile".into(), taken: None, person: false });
        assert_eq!(memory.0.lock().unwrap().len(), before, "nothing is drawn while a question is open");
        drop(held);
        script.end(&place, Part::Main, Exit::Code(0), Verdict::Passed, "clean", "");
        script.settle(&place, StepOutcome::Done);
        let text = seen(&memory.take(), 80);
        assert!(text.contains("Go on? [y/N]\n  · note: meanwhile\n  ✓ osd 1  It is whole again"), "{text}");
    }
}
