//! A run to look at: what happens in it, for the tests of everything that shows runs.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::json;

use crate::{
    event::{
        Answerer, Captured, Effect, EndSignal, Event, Excerpt, Exit, Finding, Mode, Opening, Outcome, Part, Place, Prediction, Progress,
        SentSignal, Shown, Skip, StepKind, StepOutcome, StopSignal, Verdict, Words, moment::Moment,
    },
    ports::Observer,
};

/// Compares with a file under `golden/`; `HALLIGAN_BLESS=1` writes it instead.
pub(super) fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ui/golden").join(name);
    if std::env::var_os("HALLIGAN_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{name} is not as it was; it is now:\n{text}");
}

pub(super) type Play = fn(&mut Script<'_>);

/// Runs to look at, with their names.
pub(super) const RUNS: [(&str, Play); 3] =
    [("stopped", |script| script.stopped()), ("dry", |script| script.dry()), ("odd", |script| script.odd())];

/// Tells an observer of a run, a second an event.
pub(super) struct Script<'a> {
    observer: &'a dyn Observer,
    second: i64,
}

pub(super) fn shown(effect: Effect, argv: &[&str]) -> Shown {
    Shown {
        words: Words::Argv(argv.iter().map(ToString::to_string).collect()),
        effect,
        host: None,
        user: None,
        cwd: None,
        env: Vec::new(),
        stdin: false,
        timeout_ms: None,
        held: None,
        fences: BTreeMap::new(),
    }
}

fn nothing() -> Captured {
    Captured { sha256: "e3b0".into(), bytes: 0, cut: None, redactions: 0 }
}

impl<'a> Script<'a> {
    pub(super) fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, second: 1_795_227_100 }
    }

    fn now(&mut self) -> Moment {
        self.second += 1;
        Moment { ts: Timestamp::from_second(self.second).unwrap(), mono_ns: u64::try_from(self.second).unwrap() * 1_000_000_000 }
    }

    pub(super) fn event(&mut self, event: &Event) {
        let at = self.now();
        self.observer.event(at, event);
    }

    pub(super) fn progress(&mut self, progress: &Progress) {
        let at = self.now();
        self.observer.progress(at, progress);
    }

    pub(super) fn open(&mut self, mode: Mode) {
        self.event(&Event::RunOpened(Box::new(Opening {
            runbook: "staggered-osd-restart".into(),
            title: "Restart Ceph OSDs one at a time".into(),
            source: "runbooks/staggered-osd-restart.yaml".into(),
            runbook_sha256: "4be1aaaaaaaaaaaaaaaaaaaa9f02".into(),
            plan: crate::event::RecordedPlan::default(),
            plan_sha256: "00".into(),
            params: BTreeMap::from([
                ("batch".into(), json!([1, 1, "25%"])),
                ("osds".into(), json!([0, 1, 2, 3])),
                ("token".into(), json!(null)),
            ]),
            mode,
            version: "0.1.0".into(),
            clock_synchronised: None,
            surroundings: None,
            machine: None,
        })));
    }

    pub(super) fn check(&mut self, id: &str, title: &str, finding: Finding) {
        let place = Place::top(id);
        let passed = matches!(finding, Finding::Pass { .. });
        self.begin(&place, Part::Main, shown(Effect::Read, &["ceph", "-s"]));
        let verdict = if passed { Verdict::Passed } else { Verdict::failed("no") };
        self.end(&place, Part::Main, Exit::Code(0), verdict, "", "");
        self.event(&Event::Checked { place, title: title.into(), finding });
    }

    pub(super) fn plan(&mut self) {
        self.event(&Event::Planned { steps: 8, read: 5, change: 3, destroy: 0 });
        self.event(&Event::Confirmed { place: None, text: "…".into(), typed: "--yes".into(), by: Answerer::Flag });
    }

    pub(super) fn reach(&mut self, place: &Place, title: &str, kind: StepKind, effect: Effect) {
        self.event(&Event::StepReached { place: place.clone(), title: title.into(), kind, effect, case: None });
    }

    /// A probe is asked for the n-th time.
    pub(super) fn asking(&mut self, place: &Place, part: Part, attempt: u32, verdict: Verdict) {
        let command = shown(Effect::Read, &["ceph", "-s"]);
        self.event(&Event::StepBegan { place: place.clone(), part, attempt, command, owes: None });
        let passed = verdict == Verdict::Passed;
        self.ended(place, part, attempt, Exit::Code(0), verdict, "", "");
        if !passed {
            self.waiting(place, "3 PGs", u64::from(attempt), None);
        }
    }

    pub(super) fn begin(&mut self, place: &Place, part: Part, command: Shown) {
        self.event(&Event::StepBegan { place: place.clone(), part, attempt: 1, command, owes: None });
        self.event(&Event::StepSpawned { place: place.clone(), part, pid: 1, start_time: 1 });
    }

    pub(super) fn end(&mut self, place: &Place, part: Part, exit: Exit, verdict: Verdict, message: &str, stderr: &str) {
        self.ended(place, part, 1, exit, verdict, message, stderr);
    }

    #[allow(clippy::too_many_arguments, reason = "an event has as many fields")]
    fn ended(&mut self, place: &Place, part: Part, attempt: u32, exit: Exit, verdict: Verdict, message: &str, stderr: &str) {
        self.event(&Event::StepEnded {
            place: place.clone(),
            part,
            attempt,
            exit,
            stdout: nothing(),
            stderr: nothing(),
            took: Duration::from_millis(1200),
            askings: 1,
            verdict,
            message: message.into(),
            excerpt: Excerpt { stdout: String::new(), stderr: stderr.into() },
        });
    }

    pub(super) fn settle(&mut self, place: &Place, outcome: StepOutcome) {
        self.event(&Event::StepSettled { place: place.clone(), outcome });
    }

    /// A step that goes well.
    pub(super) fn well(&mut self, place: &Place, title: &str, kind: StepKind, command: Shown, message: &str) {
        self.reach(place, title, kind, command.effect);
        self.begin(place, Part::Main, command);
        self.end(place, Part::Main, Exit::Code(0), Verdict::Passed, message, "");
        self.settle(place, StepOutcome::Done);
    }

    pub(super) fn waiting(&mut self, place: &Place, have: &str, elapsed: u64, still: Option<u64>) {
        self.progress(&Progress::Waiting {
            place: place.clone(),
            want: "all PGs are active+clean".into(),
            have: have.into(),
            elapsed: Duration::from_secs(elapsed),
            limit: Some(Duration::from_secs(900)),
            figure: Some((29.0, 41.0)),
            still: still.map(Duration::from_secs),
            held: None,
        });
    }

    fn preflight(&mut self) {
        self.check("quorum", "Monitors have quorum", Finding::Pass { message: "a, b, c".into() });
        self.check(
            "conntrack",
            "Connection tracking has room",
            Finding::Warn { message: "osd-host-2: 131 071 of 262 144 in use (half)".into(), hint: Some("raise nf_conntrack_max".into()) },
        );
        self.check("nothing_down", "Nothing else is down", Finding::Pass { message: "4 of 4 up".into() });
    }

    /// A restart that stops at the second OSD.
    pub(super) fn stopped(&mut self) {
        let restart = Place::top("restart");
        let of = |osd: &str, step: &str| restart.item("osd", osd).child(step);
        self.open(Mode::Real);
        self.preflight();
        self.plan();
        let noout = Place::top("set_noout");
        self.well(&noout, "Keep data where it is", StepKind::Run, shown(Effect::Change, &["ceph", "osd", "set", "noout"]), "noout is set");
        self.event(&Event::StepSkipped { place: Place::top("drain"), why: Skip::When { expression: "params.drain".into() } });
        self.reach(&restart, "Restart each OSD", StepKind::Loop, Effect::Read);
        let osds = ["0", "1", "2", "3"].map(String::from).to_vec();
        self.event(&Event::Staggered { place: restart.clone(), items: osds, batches: vec![1, 1, 2], max_failures: 0 });
        self.event(&Event::BatchBegan { place: restart.clone(), batch: 1, items: vec!["0".into()] });
        let mut bounce = shown(Effect::Change, &["systemctl", "restart", "ceph-osd@0"]);
        bounce.host = Some("osd-host-1".into());
        self.well(&of("0", "bounce"), "", StepKind::Run, bounce, "");
        let settled = of("0", "settled");
        self.reach(&settled, "Wait until it is whole again", StepKind::Wait, Effect::Read);
        self.begin(&settled, Part::Main, shown(Effect::Read, &["ceph", "-s", "--format", "json"]));
        self.waiting(&settled, "29 of 41 PGs clean", 1, None);
        self.waiting(&settled, "29 of 41 PGs clean", 41, Some(40));
        self.end(&settled, Part::Main, Exit::Code(0), Verdict::Passed, "all 41 PGs are active+clean", "");
        self.settle(&settled, StepOutcome::Done);
        self.event(&Event::BatchBegan { place: restart.clone(), batch: 2, items: vec!["1".into()] });
        let gate = of("1", "gate");
        self.reach(&gate, "It may be stopped now", StepKind::Probe, Effect::Read);
        self.begin(&gate, Part::Main, shown(Effect::Read, &["ceph", "osd", "ok-to-stop", "1", "--format", "json"]));
        let why = "3 PGs would become inactive (1.0, 1.4, 2.1)";
        let stderr = "Error EBUSY: unsafe to stop osd(s)\u{1b}[2J at this time\n3 PGs are likely to be inactive";
        self.end(&gate, Part::Main, Exit::Code(16), Verdict::failed(why), "", stderr);
        self.settle(&gate, StepOutcome::Failed { why: why.into() });
        self.settle(&restart, StepOutcome::Failed { why: "osd 1 failed".into() });
        self.begin(&noout, Part::Cleanup, shown(Effect::Change, &["ceph", "osd", "unset", "noout"]));
        self.end(&noout, Part::Cleanup, Exit::Code(0), Verdict::Passed, "", "");
        self.event(&Event::RunClosed { outcome: Outcome::Stopped, why: why.into(), owed: vec![] });
    }

    /// A dry run.
    pub(super) fn dry(&mut self) {
        self.open(Mode::DryRun);
        self.preflight();
        self.event(&Event::Planned { steps: 3, read: 1, change: 1, destroy: 1 });
        let set = Place::top("set_noout");
        self.reach(&set, "Keep data where it is", StepKind::Run, Effect::Change);
        let command = shown(Effect::Change, &["ceph", "osd", "set", "noout"]);
        self.event(&Event::StepPredicted { place: set, part: Part::Main, prediction: Prediction::WouldRun { command } });
        let ask = Place::top("sure");
        self.reach(&ask, "", StepKind::Ask, Effect::Read);
        let prediction = Prediction::WouldAsk { question: "Overwrite /dev/sdd? Type its serial.".into() };
        self.event(&Event::StepPredicted { place: ask, part: Part::Main, prediction });
        let wipe = Place::top("wipe");
        self.reach(&wipe, "Overwrite the disk", StepKind::Run, Effect::Destroy);
        let mut script = shown(Effect::Destroy, &[]);
        script.words = Words::Script("ddrescue -f \"$FROM\" \"$TO\"\nsync\n".into());
        script.user = Some("root".into());
        self.event(&Event::StepPredicted { place: wipe, part: Part::Main, prediction: Prediction::WouldRun { command: script } });
        let late = Place::top("check_map");
        self.reach(&late, "The map is whole", StepKind::Probe, Effect::Read);
        let prediction = Prediction::AtRunTime { needs: vec!["wipe.output".into()] };
        self.event(&Event::StepPredicted { place: late, part: Part::Main, prediction });
        self.event(&Event::RunClosed { outcome: Outcome::Completed, why: String::new(), owed: vec![] });
    }

    /// What goes wrong in other ways.
    pub(super) fn odd(&mut self) {
        self.open(Mode::Rehearsal);
        let finding = Finding::Block { message: "osd.2 is down".into(), hint: Some("bring it back first".into()), lacks: None };
        self.check("nothing_down", "Nothing else is down", finding);
        for id in ["spare", "settled"] {
            let finding = Finding::NotJudged { without: vec!["nothing_down".into()], failed: Place::top("nothing_down") };
            self.event(&Event::Checked { place: Place::top(id), title: id.into(), finding });
        }
        let reason = "it is the one we replace".to_owned();
        self.event(&Event::Overridden {
            place: Place::top("nothing_down"),
            title: "Nothing else is down".into(),
            reason,
            by: Answerer::Flag,
            unjudged: vec![Place::top("spare"), Place::top("settled")],
        });
        self.event(&Event::Checked {
            place: Place::top("later"),
            title: "The map is whole".into(),
            finding: Finding::Unknown { needs: vec!["wipe.output".into()] },
        });
        self.plan();
        let copy = Place::top("copy");
        self.reach(&copy, "Copy the disk", StepKind::Run, Effect::Destroy);
        self.begin(&copy, Part::Main, shown(Effect::Destroy, &["ddrescue", "/dev/sdc", "/dev/sdd", "my clone.map"]));
        self.progress(&Progress::Figure { place: copy.clone(), done: 1.0, total: 4.0, have: Some("2 GB; 90 MB/s; 3m left".into()) });
        self.progress(&Progress::Line { place: copy.clone(), text: "rescued: 1 GB\rrescued: 2 GB".into() });
        self.event(&Event::Interrupted { signal: StopSignal::Interrupt });
        self.event(&Event::Interrupted { signal: StopSignal::Interrupt });
        self.event(&Event::StepSignalled {
            place: copy.clone(),
            part: Part::Main,
            signal: SentSignal { signal: EndSignal::Term, unsent: None },
        });
        let exit = Exit::Interrupted { killed: true };
        self.end(&copy, Part::Main, exit, Verdict::Unknown { why: "it was killed while it wrote".into() }, "", "");
        self.settle(&copy, StepOutcome::InDoubt { why: "it was killed while it wrote".into() });
        let noout = Place::top("set_noout");
        self.begin(&noout, Part::Cleanup, shown(Effect::Change, &["ceph", "osd", "unset", "noout"]));
        let why = "the monitors did not answer".to_owned();
        self.end(&noout, Part::Cleanup, Exit::TimedOut { after_ms: 60_000, killed: false }, Verdict::failed(why.clone()), "", "");
        self.event(&Event::Owed { place: noout.clone(), why });
        self.event(&Event::SettledByHand { place: noout.clone(), reason: "unset on the monitors' host".into(), by: Answerer::Terminal });
        self.event(&Event::Note { place: None, text: "called \u{202e}the data centre".into(), taken: None, person: false });
        self.event(&Event::RunClosed { outcome: Outcome::Stopped, why: "interrupted".into(), owed: vec![Place::top("drain")] });
    }
}
