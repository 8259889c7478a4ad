//! The course of a run as a drawing: time goes to the right, each host has a lane, and so has the operator.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    app::session::looked::Looked,
    event::{Answerer, Effect, Event, Mode, Part, Place, StepOutcome, Verdict},
    quantity::show_duration,
    words,
};

/// How wide the drawing is, without the names of the lanes. All lengths are in units of the drawing.
const WIDTH: f64 = 1000.0;
/// Where nothing happens for longer than this and than a tenth of all that happens, time is left out.
const LULL: Duration = Duration::from_secs(120);
/// How wide time is drawn that is left out.
const GAP: f64 = 24.0;
/// A bar is at least so wide.
const THIN: f64 = 2.0;
const ROW: usize = 16;
/// The name of a lane stands above it.
const NAME: usize = 16;
const LANE_GAP: usize = 10;
/// More hosts than this are not told apart where they were only read from.
const MOST_LANES: usize = 24;
/// More bars are not drawn: the shortest reads are left out.
const MOST_BARS: usize = 4000;
/// Ticks are so far apart at least.
const TICK: f64 = 110.0;
/// How far apart ticks may be, in seconds.
const STEPS: [i64; 18] = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800, 2_592_000];

/// A drawing.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    width: f64,
    height: usize,
    lanes: Vec<ChartLane>,
    bars: Vec<ChartBar>,
    marks: Vec<ChartMark>,
    ticks: Vec<ChartTick>,
    /// Where time is left out.
    gaps: Vec<ChartGap>,
    /// So many reads are not drawn.
    left_out: usize,
    /// Time is that of a simulated world.
    simulated: bool,
}

#[derive(Debug, Serialize)]
struct ChartLane {
    name: String,
    y: usize,
    height: usize,
}

#[derive(Debug, Serialize)]
struct ChartBar {
    x: f64,
    y: usize,
    width: f64,
    kind: BarKind,
    failed: bool,
    /// No end of it is recorded.
    open: bool,
    what: String,
}

/// A decision of the operator, or something that failed without a command.
#[derive(Debug, Serialize)]
struct ChartMark {
    x: f64,
    y: usize,
    failed: bool,
    what: String,
}

#[derive(Debug, Serialize)]
struct ChartTick {
    x: f64,
    label: String,
}

#[derive(Debug, Serialize)]
struct ChartGap {
    x: f64,
    width: f64,
    what: String,
}

/// What a bar stands for, what matters most last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum BarKind {
    Read,
    Wait,
    Prompt,
    Cleanup,
    Change,
    Destroy,
}

/// Something that took time, or, of no length, happened.
#[derive(Debug, Clone, PartialEq)]
struct ChartSpan {
    /// The operator's is empty: it stands first.
    lane: String,
    from: Timestamp,
    to: Timestamp,
    /// `None` for what is marked.
    kind: Option<BarKind>,
    failed: bool,
    open: bool,
    what: String,
}

impl Chart {
    pub(super) fn of(looked: &Looked) -> Self {
        let (mut stretches, left_out) = thinned(stretches(looked));
        gather_lanes(&mut stretches);
        let axis = Axis::of(&stretches);
        let mut chart = Self {
            width: WIDTH,
            height: 0,
            lanes: Vec::new(),
            bars: Vec::new(),
            marks: Vec::new(),
            ticks: axis.ticks(),
            gaps: axis.gaps(),
            left_out,
            simulated: looked.summary.mode == Mode::Rehearsal,
        };
        let lanes: BTreeSet<String> = stretches.iter().map(|stretch| stretch.lane.clone()).collect();
        for lane in lanes {
            chart.lane(&lane, stretches.iter().filter(|stretch| stretch.lane == lane), &axis);
        }
        chart
    }

    /// Draws one lane below the others; what goes on at the same time stands in rows of their own.
    fn lane<'a>(&mut self, name: &str, stretches: impl Iterator<Item = &'a ChartSpan>, axis: &Axis) {
        let top = self.height + NAME;
        let mut rows: Vec<Timestamp> = Vec::new();
        let mut bars = Vec::new();
        for stretch in stretches {
            let x = axis.x(stretch.from);
            let what = stretch.what.clone();
            let Some(kind) = stretch.kind else {
                self.marks.push(ChartMark { x, y: top + ROW / 2, failed: stretch.failed, what });
                continue;
            };
            let width = rounded((axis.x(stretch.to) - x).max(THIN));
            let row = rows.iter().position(|end| *end <= stretch.from).unwrap_or(rows.len());
            match rows.get_mut(row) {
                Some(end) => *end = stretch.to,
                None => rows.push(stretch.to),
            }
            bars.push(ChartBar { x, y: top + row * ROW, width, kind, failed: stretch.failed, open: stretch.open, what });
        }
        // What matters most is drawn last: nothing that is short hides it.
        bars.sort_by_key(|bar| (bar.failed, bar.kind));
        self.bars.extend(bars);
        let height = rows.len().max(1) * ROW;
        let name = if name.is_empty() { "operator".to_owned() } else { name.to_owned() };
        self.lanes.push(ChartLane { name, y: top - NAME, height: NAME + height });
        self.height = top + height + LANE_GAP;
    }
}

/// Everything to be drawn, in the order of its beginning.
fn stretches(looked: &Looked) -> Vec<ChartSpan> {
    let facts = &looked.chronicle.facts;
    let here = &looked.summary.host;
    let simulated = looked.summary.mode == Mode::Rehearsal;
    let mut begun: BTreeMap<(&Place, Part), (Timestamp, &str, Effect)> = BTreeMap::new();
    let mut failed_places: BTreeSet<&Place> = BTreeSet::new();
    let mut found = Vec::new();
    let called = |place: &Place, part: Part| match looked.title(place) {
        "" => words::part_of(place, part),
        title => format!("{title} ({})", words::part_of(place, part)),
    };
    let mut now = facts.first().map(|fact| fact.at.ts).unwrap_or_default();
    for fact in facts {
        // A question is open from what was recorded before its answer.
        let before = now;
        // What is recorded of a rehearsal is recorded at once: only its commands say how long they took.
        now = match &fact.event {
            Event::StepEnded { place, part, took, .. } if simulated => {
                let from = begun.get(&(place, *part)).map_or(now, |(from, ..)| *from);
                from.saturating_add(*took).map_or(now, |end| end.max(now))
            }
            _ if simulated => now,
            _ => fact.at.ts,
        };
        let mark = |lane: &str, failed: bool, what: String| ChartSpan {
            lane: lane.to_owned(),
            from: now,
            to: now,
            kind: None,
            failed,
            open: false,
            what,
        };
        let told = || words::timeline(&fact.event, false, 1).map(|told| told.text).unwrap_or_default();
        match &fact.event {
            Event::StepBegan { place, part, command, .. } => {
                begun.insert((place, *part), (now, command.host.as_deref().unwrap_or(here), command.effect));
            }
            Event::StepEnded { place, part, verdict, askings, took, .. } => {
                let Some((from, lane, effect)) = begun.remove(&(place, *part)) else { continue };
                // That it is not so yet is no failure.
                let failed = *verdict != Verdict::Passed && !matches!(part, Part::DoneIf | Part::Show);
                if failed {
                    failed_places.insert(place);
                }
                let (kind, lane) = (Some(kind(*part, effect, *askings > 1)), lane.to_owned());
                let what = format!("{}, {}, {}", called(place, *part), words::part_outcome(*part, verdict), show_duration(*took));
                found.push(ChartSpan { lane, from, to: now, kind, failed, open: false, what });
            }
            Event::Confirmed { by, .. }
            | Event::DoubtResolved { by: Some(by), .. }
            | Event::Overridden { by, .. }
            | Event::HoldOverridden { by, .. } => {
                found.extend(asked_at_terminal(*by, before, now, &told()));
                found.push(mark("", false, told()));
            }
            Event::Declined { .. } | Event::Interrupted { .. } | Event::SettledByHand { .. } => found.push(mark("", false, told())),
            Event::HoldFailed { .. } => found.push(mark(here, true, told())),
            // What failed without a command has no bar.
            Event::StepSettled { place, outcome: StepOutcome::Failed { why } } if !failed_places.iter().any(|at| at.is_within(place)) => {
                found.push(mark(here, true, format!("{place}: {}", why.lines().next().unwrap_or_default())));
            }
            _ => {}
        }
    }
    found.extend(begun.into_iter().map(|((place, part), (from, lane, effect))| {
        let what = format!("{}, no end recorded", called(place, part));
        let kind = Some(kind(part, effect, false));
        ChartSpan { lane: lane.to_owned(), from, to: now, kind, failed: false, open: true, what }
    }));
    found.sort_by_key(|stretch| stretch.from);
    found
}

fn kind(part: Part, effect: Effect, asked_again: bool) -> BarKind {
    match (part, effect) {
        (Part::Undo | Part::Cleanup, _) => BarKind::Cleanup,
        (_, Effect::Read) if asked_again => BarKind::Wait,
        (_, Effect::Read) => BarKind::Read,
        (_, Effect::Change) => BarKind::Change,
        (_, Effect::Destroy) => BarKind::Destroy,
    }
}

/// A person had to be waited for.
fn asked_at_terminal(by: Answerer, from: Timestamp, to: Timestamp, what: &str) -> Option<ChartSpan> {
    (by == Answerer::Terminal && to > from).then(|| ChartSpan {
        lane: String::new(),
        from,
        to,
        kind: Some(BarKind::Prompt),
        failed: false,
        open: false,
        what: what.to_owned(),
    })
}

/// Without the shortest reads, where there are too many bars; and how many these are.
fn thinned(mut stretches: Vec<ChartSpan>) -> (Vec<ChartSpan>, usize) {
    let length = |stretch: &ChartSpan| stretch.to.duration_since(stretch.from);
    let small = |stretch: &&ChartSpan| stretch.kind == Some(BarKind::Read) && !stretch.failed;
    let too_many = stretches.len().saturating_sub(MOST_BARS);
    let mut lengths: Vec<_> = stretches.iter().filter(small).map(length).collect();
    lengths.sort();
    let Some(limit) = too_many.checked_sub(1).and_then(|index| lengths.get(index.min(lengths.len().saturating_sub(1)))).copied() else {
        return (stretches, 0);
    };
    let there = stretches.len();
    stretches.retain(|stretch| !small(&stretch) || length(stretch) > limit);
    let left_out = there - stretches.len();
    (stretches, left_out)
}

/// Where there are too many hosts, those that were only read from share one lane.
fn gather_lanes(stretches: &mut [ChartSpan]) {
    let lanes: BTreeSet<&String> = stretches.iter().map(|stretch| &stretch.lane).collect();
    if lanes.len() <= MOST_LANES {
        return;
    }
    let matters = |stretch: &&ChartSpan| stretch.failed || !matches!(stretch.kind, Some(BarKind::Read | BarKind::Wait));
    let told: BTreeSet<String> = stretches.iter().filter(matters).map(|stretch| stretch.lane.clone()).collect();
    let together = format!("{} hosts, only read", lanes.iter().filter(|lane| !told.contains(**lane)).count());
    for stretch in stretches.iter_mut().filter(|stretch| !told.contains(&stretch.lane)) {
        stretch.lane.clone_from(&together);
    }
}

fn rounded(length: f64) -> f64 {
    (length * 100.0).round() / 100.0
}

/// Where a moment stands. Stretches of time in which nothing happens are drawn short.
#[derive(Debug)]
struct Axis {
    /// When something happens, apart from one another, each with where it begins.
    busy: Vec<(Timestamp, Timestamp, f64)>,
    /// Units for a second.
    scale: f64,
}

impl Axis {
    fn of(stretches: &[ChartSpan]) -> Self {
        let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
        for stretch in stretches {
            match spans.last_mut() {
                Some((_, end)) if stretch.from <= *end => *end = stretch.to.max(*end),
                _ => spans.push((stretch.from, stretch.to)),
            }
        }
        let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
        let all: f64 = spans.iter().map(|(from, to)| seconds(*from, *to)).sum();
        let lull = LULL.as_secs_f64().max(all / 10.0);
        let mut busy: Vec<(Timestamp, Timestamp)> = Vec::new();
        for (from, to) in spans {
            match busy.last_mut() {
                Some((_, end)) if seconds(*end, from) <= lull => *end = to,
                _ => busy.push((from, to)),
            }
        }
        let drawn: f64 = busy.iter().map(|(from, to)| seconds(*from, *to)).sum();
        // Every gap is as wide as another, and together they leave half of the drawing.
        let gaps = busy.len().saturating_sub(1);
        let gap = if gaps == 0 { 0.0 } else { GAP.min(WIDTH / 2.0 / f64::from(u32::try_from(gaps).unwrap_or(u32::MAX))) };
        let room = WIDTH - gap * f64::from(u32::try_from(gaps).unwrap_or(u32::MAX));
        let scale = if drawn > 0.0 { room / drawn } else { 0.0 };
        let mut x = 0.0;
        let busy = busy
            .into_iter()
            .map(|(from, to)| {
                let began = x;
                x += seconds(from, to) * scale + gap;
                (from, to, began)
            })
            .collect();
        Self { busy, scale }
    }

    fn x(&self, at: Timestamp) -> f64 {
        let span = self.busy.iter().rev().find(|(from, ..)| *from <= at).or(self.busy.first());
        let x = span.map_or(0.0, |(from, to, x)| x + at.min(*to).duration_since(*from).as_secs_f64().max(0.0) * self.scale);
        rounded(x)
    }

    fn gaps(&self) -> Vec<ChartGap> {
        let between = |pair: &[(Timestamp, Timestamp, f64)]| {
            let [(_, end, _), (from, _, x)] = pair else { return None };
            let length = Duration::try_from(from.duration_since(*end)).ok()?;
            let began = self.x(*end);
            Some(ChartGap {
                x: began,
                width: x - began,
                what: format!("{} without a record", show_duration(Duration::from_secs(length.as_secs()))),
            })
        };
        self.busy.windows(2).filter_map(between).collect()
    }

    /// At round times, as far apart as can be read.
    fn ticks(&self) -> Vec<ChartTick> {
        let step = STEPS.into_iter().find(|step| Duration::from_secs(step.unsigned_abs()).as_secs_f64() * self.scale >= TICK);
        let Some(step) = step else { return Vec::new() };
        let form = if step < 60 {
            "%H:%M:%S"
        } else if step < 86_400 {
            "%H:%M"
        } else {
            "%m-%d"
        };
        let mut ticks = Vec::new();
        for (from, to, _) in &self.busy {
            let first = from.as_second().div_euclid(step) * step;
            let within = (1..).map(|index| first + index * step).take_while(|second| *second <= to.as_second());
            ticks.extend(within.filter_map(|second| {
                let at = Timestamp::from_second(second).ok()?;
                Some(ChartTick { x: self.x(at), label: at.strftime(form).to_string() })
            }));
        }
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn bar(lane: &str, from: i64, to: i64, kind: BarKind) -> ChartSpan {
        ChartSpan { lane: lane.to_owned(), from: at(from), to: at(to), kind: Some(kind), failed: false, open: false, what: String::new() }
    }

    #[test]
    fn time_in_which_nothing_happens_is_drawn_short() {
        let stretches = [bar("a", 0, 600, BarKind::Change), bar("a", 660, 1000, BarKind::Read), bar("a", 36_000, 36_060, BarKind::Read)];
        let axis = Axis::of(&stretches);
        assert!((axis.x(at(0)), axis.x(at(36_060))) == (0.0, WIDTH), "{axis:?}");
        let gaps = axis.gaps();
        assert_eq!(gaps.iter().map(|gap| gap.what.as_str()).collect::<Vec<_>>(), ["9h 43m without a record"]);
        assert!((gaps[0].width - GAP).abs() < 0.1);
        assert!(axis.x(at(20_000)) <= gaps[0].x, "what is left out has no place of its own");
        let order: Vec<f64> = [0, 600, 660, 1000, 36_000, 36_060].map(|second| axis.x(at(second))).into();
        assert!(order.is_sorted(), "{order:?}");
        // Ticks are round times, apart, and where something happens.
        let ticks = axis.ticks();
        assert!(ticks.windows(2).all(|pair| pair[1].x - pair[0].x >= TICK - 0.1 || gaps.iter().any(|gap| gap.x > pair[0].x)), "{ticks:?}");
        assert!(!ticks.is_empty());
        let nothing = Axis::of(&[]);
        assert!(nothing.x(at(5)) == 0.0 && nothing.ticks().is_empty() && nothing.gaps().is_empty());
        assert!(Axis::of(&[bar("a", 3, 3, BarKind::Read)]).x(at(3)) == 0.0);
    }

    #[test]
    fn what_goes_on_at_once_stands_in_rows() {
        let stretches = [bar("a", 0, 10, BarKind::Read), bar("a", 0, 20, BarKind::Read), bar("a", 10, 20, BarKind::Read)];
        let axis = Axis::of(&stretches);
        let mut chart = Chart {
            width: WIDTH,
            height: 0,
            lanes: vec![],
            bars: vec![],
            marks: vec![],
            ticks: vec![],
            gaps: vec![],
            left_out: 0,
            simulated: false,
        };
        chart.lane("a", stretches.iter(), &axis);
        assert_eq!(chart.bars.iter().map(|bar| (bar.y - NAME) / ROW).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!((chart.lanes[0].height, chart.height), (NAME + 2 * ROW, NAME + 2 * ROW + LANE_GAP));
    }

    #[test]
    fn a_crowd_is_drawn_in_part() {
        let mut many: Vec<ChartSpan> = (0..40).map(|host| bar(&format!("host-{host:02}"), host, host + 1, BarKind::Read)).collect();
        many.push(bar("host-07", 50, 60, BarKind::Change));
        gather_lanes(&mut many);
        let lanes: BTreeSet<&str> = many.iter().map(|stretch| stretch.lane.as_str()).collect();
        assert_eq!(lanes.into_iter().collect::<Vec<_>>(), ["39 hosts, only read", "host-07"]);
        let mut many: Vec<ChartSpan> = (0..5000).map(|second| bar("a", second, second + 1 + second % 7, BarKind::Read)).collect();
        many.push(bar("a", 0, 0, BarKind::Change));
        let (drawn, left_out) = thinned(many);
        assert_eq!(drawn.len() + left_out, 5001);
        assert!(drawn.len() <= MOST_BARS && drawn.iter().any(|stretch| stretch.kind == Some(BarKind::Change)));
        assert_eq!(thinned(vec![bar("a", 0, 0, BarKind::Read)]).1, 0);
    }
}
