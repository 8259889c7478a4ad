//! What is drawn live below the lines of a run: what is under way, and how far the run has come.

use std::time::{Duration, Instant};

use indexmap::IndexMap;
use jiff::Timestamp;

use super::{
    block::{self, WaitBlock},
    layout::{self, Page},
    out::Stream,
    rate::Rate,
};
use crate::{
    event::{Event, Mode, PaceRange, Paces, Part, Place, Progress, Shown},
    quantity::show_duration,
    words::{self, mark::Mark, moment::local, sanitise},
};

/// From so many on, each has one line.
const CROWD: usize = 4;
/// So many are drawn; the rest is counted.
const MOST_DRAWN: usize = 16;
/// Of what never took as long it is not told how long it will take.
const TOLD_FROM: Duration = Duration::from_secs(5);

/// How the time of something under way is told.
#[derive(Debug)]
enum Time {
    /// Behind its name.
    Taken,
    /// By what it says of itself.
    Own,
    /// As what is left of so much.
    Left(Duration),
}

/// Something under way.
#[derive(Debug)]
struct Live {
    name: String,
    began: Instant,
    time: Time,
    command: Vec<String>,
    figure: Vec<String>,
    /// How the figure moves, and where it ends.
    rate: Rate,
    total: Option<f64>,
    /// How long it took before.
    earlier: Option<PaceRange>,
    /// What there is to say with the figure, in place of the last line.
    have: Vec<String>,
    /// The last line of output, or what a wait has to say.
    last: Vec<String>,
}

/// What is under way, and how far the run has come.
#[derive(Debug)]
pub(super) struct Board {
    stream: Stream,
    /// What is carried out, and its id.
    kind: &'static str,
    run: String,
    began: Instant,
    live: IndexMap<(Place, Part), Live>,
    standing: Vec<String>,
    pinned: Option<String>,
    over: bool,
    paces: Paces,
}

impl Live {
    fn new(page: &Page, place: &Place, part: Part, title: &str, began: Instant) -> Self {
        let part = Some(part).filter(|part| *part != Part::Main).and_then(words::part);
        let name = block::step(page, Mark::Noted, place, part, title, "").join(" ");
        Self {
            name,
            began,
            time: Time::Taken,
            command: Vec::new(),
            figure: Vec::new(),
            rate: Rate::default(),
            total: None,
            earlier: None,
            have: Vec::new(),
            last: Vec::new(),
        }
    }

    fn lines(&self, page: &Page, crowded: bool) -> Vec<String> {
        let elapsed = Duration::from_secs(self.began.elapsed().as_secs());
        let time = match &self.time {
            Time::Taken if !elapsed.is_zero() => format!("  {}", show_duration(elapsed)),
            Time::Taken | Time::Own | Time::Left(_) => String::new(),
        };
        let mut lines = vec![layout::fit(&self.name, page.width.saturating_sub(layout::width(&time)), page.style) + &time];
        if !crowded {
            lines.extend(self.command.iter().cloned());
        }
        lines.extend(self.figure.iter().cloned());
        if !crowded {
            lines.extend(self.pace(page));
        }
        lines.extend(if self.have.is_empty() { &self.last } else { &self.have }.iter().cloned());
        if let (Time::Left(left), Some(line)) = (&self.time, lines.last_mut()) {
            let left = left.saturating_sub(self.began.elapsed());
            line.extend([", ", &show_duration(Duration::from_secs_f64(left.as_secs_f64().ceil())), " left"]);
        }
        lines
    }

    /// How fast its figure moves, and how long it took before, each with what is left if it goes on like that.
    fn pace(&self, page: &Page) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(left) = self.total.and_then(|total| self.rate.left(total)) {
            let rate = words::rate(left.a_second);
            lines.extend(block::detail(page, "rate", &format!("{rate}, {} left", words::between(left.least, left.most))));
        }
        if let Some(PaceRange { least, most, of }) = self.earlier.filter(|earlier| earlier.most >= TOLD_FROM) {
            let elapsed = self.began.elapsed();
            let left = if elapsed > most {
                format!("longer now than it was then ({of} times)")
            } else {
                format!(
                    "{} left, if it is as the last {of} times",
                    words::between(least.saturating_sub(elapsed), most.saturating_sub(elapsed))
                )
            };
            lines.extend(block::detail(page, "earlier", &format!("{}; {left}", words::between(least, most))));
        }
        lines
    }
}

impl Board {
    pub(super) fn new(stream: Stream, run: &str) -> Self {
        let run = run.to_owned();
        let kind = words::run_of(Mode::Real);
        Self {
            stream,
            kind,
            run,
            began: Instant::now(),
            live: IndexMap::new(),
            standing: Vec::new(),
            pinned: None,
            over: false,
            paces: Paces::default(),
        }
    }

    /// How long steps took in earlier runs.
    pub(super) fn learn(&mut self, earlier: Paces) {
        self.paces.add_earlier(earlier);
        for ((place, part), live) in &mut self.live {
            live.earlier = self.paces.of(place, *part);
        }
    }

    /// Nothing is drawn any more.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// How far the run has come.
    pub(super) fn stands(&mut self, standing: Vec<String>) {
        self.standing = standing;
    }

    /// Something is kept in sight.
    pub(super) fn is_pinned(&self) -> bool {
        self.pinned.is_some()
    }

    /// This stays in sight.
    pub(super) fn pin(&mut self, text: &str) {
        self.pinned = Some(text.to_owned());
    }

    /// Everything to be drawn; no line is wider than the terminal, and all of them fit on it.
    pub(super) fn lines(&self) -> Vec<String> {
        // The last column is left free: a terminal may wrap behind it.
        let width = self.stream.width().min(self.stream.edge().saturating_sub(1));
        let page = Page::new(width, self.stream.style());
        let crowded = self.live.len() >= CROWD;
        let mut lines: Vec<String> = self.live.values().take(MOST_DRAWN).flat_map(|live| live.lines(&page, crowded)).collect();
        let more = self.live.len().saturating_sub(MOST_DRAWN);
        if more > 0 {
            lines.push(format!("  and {more} more under way"));
        }
        let below: Vec<String> =
            [self.pinned.as_ref().map(|text| format!("  {}", page.style.warn(text))), self.foot(&page)].into_iter().flatten().collect();
        lines.truncate(self.stream.height().saturating_sub(1 + below.len()).max(1));
        lines.extend(below);
        // An empty line could not be told from the end of the one before it.
        lines.iter().filter(|line| !line.trim().is_empty()).map(|line| layout::fit(line, width, page.style)).collect()
    }

    /// The run, the time, and how far it has come.
    fn foot(&self, page: &Page) -> Option<String> {
        if self.run.is_empty() {
            return None;
        }
        let clock = local(Timestamp::now()).strftime("%H:%M:%S").to_string();
        let took = Duration::from_secs(self.began.elapsed().as_secs());
        let took = (!took.is_zero()).then(|| show_duration(took));
        let parts: Vec<String> = self.standing.iter().cloned().chain([format!("{} {}", self.kind, self.run), clock]).chain(took).collect();
        Some(page.style.dim(&format!("  {}", parts.join(page.style.separator()))))
    }

    /// `since` is how long ago it was begun.
    pub(super) fn begin(&mut self, page: &Page, (place, part): (&Place, Part), title: &str, command: &Shown, since: Duration) {
        let began = Instant::now().checked_sub(since).unwrap_or_else(Instant::now);
        let mut live = Live::new(page, place, part, title, began);
        live.command = block::in_brief(page, command);
        live.earlier = self.paces.of(place, part);
        self.live.insert((place.clone(), part), live);
    }

    /// Takes down what an event ends.
    pub(super) fn clear(&mut self, event: &Event) {
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
        self.live.retain(|(at, part), _| !over(at, *part));
        self.paces.note(event);
        match event {
            Event::RunOpened(opening) => self.kind = words::run_of(opening.mode),
            Event::RunClosed { .. } => self.over = true,
            // What is taken up goes on, though it was closed.
            Event::Resumed { .. } => self.over = false,
            _ => {}
        }
    }

    pub(super) fn progress(&mut self, page: &Page, progress: &Progress, title: &str) {
        let place = progress.place();
        if let Progress::Pausing { why, left, .. } = progress {
            return self.pause(page, place, title, why, *left);
        }
        let key = self.live.keys().find(|(at, part)| at == place && *part != Part::Show).cloned();
        let key = key.unwrap_or_else(|| (place.clone(), Part::Main));
        let crowded = self.live.len() > CROWD;
        // A wait for what is known already has no command.
        let live = self.live.entry(key).or_insert_with(|| Live::new(page, place, Part::Main, title, Instant::now()));
        match progress {
            Progress::Line { text, .. } => {
                let clean = sanitise::output(text, false);
                let Some(last) = clean.lines().rev().find(|line| !line.trim().is_empty()) else { return };
                live.last = if crowded { Vec::new() } else { vec![format!("    {}", page.style.dim(last))] };
            }
            Progress::Figure { done, total, have, .. } => {
                live.figure = block::progress(page, *done, *total);
                live.rate.note(Instant::now(), *done);
                live.total = Some(*total);
                if let Some(have) = have {
                    live.have = block::remark(page, have);
                }
            }
            Progress::Waiting { want, have, elapsed, limit, figure, still, held, .. } => {
                let wait = WaitBlock { want, have, elapsed: *elapsed, limit: *limit, figure: *figure, still: *still, held: *held };
                live.time = Time::Own;
                live.total = figure.map(|(_, total)| total);
                if let Some((done, _)) = figure {
                    live.rate.note(Instant::now(), *done);
                }
                live.last = block::waiting(page, &wait);
            }
            Progress::Pausing { .. } | Progress::ItemOver { .. } => {}
        }
    }

    /// A pause counts down until something happens there.
    fn pause(&mut self, page: &Page, place: &Place, title: &str, why: &str, left: Duration) {
        let key = (place.clone(), Part::Show);
        if left.is_zero() {
            self.live.shift_remove(&key);
            return;
        }
        let mut live = Live::new(page, place, Part::Main, title, Instant::now());
        live.time = Time::Left(left);
        live.last = block::remark(page, &format!("pausing {why}"));
        self.live.insert(key, live);
    }
}
