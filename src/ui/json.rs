//! A run for a program: one JSON object a line for each event.
//!
//! Every object has `type` (the name of the event, `progress`, or at last `ended` or `failed`), `time` (RFC 3339, UTC) and `run`. Lengths of time
//! are whole milliseconds and end in `_ms`. Names stay as they are; new ones may be added. `docs/schema/events.json` is their schema.

use std::time::Duration;

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{out::Stream, report::LastScreen};
use crate::{
    event::{Event, Place, Progress, RunId, ShellFact, moment::Moment},
    ports::Observer,
    words::sanitise,
};

/// Tells of a run as JSON lines.
#[derive(Debug)]
pub(crate) struct Json {
    stream: Stream,
    run: RunId,
}

/// The last line of a run, and of a command that could not do what was asked.
#[derive(Debug, Serialize, JsonSchema)]
struct LastLine<'a> {
    r#type: &'static str,
    time: String,
    /// Null where no run was begun.
    run: Option<&'a str>,
    /// Where its journal ends.
    head: Option<&'a str>,
    /// The exit code.
    exit: Option<u8>,
    /// What happened, in a sentence. Empty where all went as planned.
    what: &'a str,
    why: &'a [String],
    /// What to do, the best first.
    next: Vec<AdviceLine<'a>>,
    /// What nobody knows the end of.
    in_doubt: &'a [String],
    /// What is still owed.
    owed: &'a [String],
}

/// What could be done, and what to type for it.
#[derive(Debug, Serialize, JsonSchema)]
struct AdviceLine<'a> {
    text: &'a str,
    commands: Vec<String>,
}

/// The schemas of the lines that are no records.
pub(crate) fn other_lines(generator: &mut SchemaGenerator) -> Vec<(&'static [&'static str], Value)> {
    let (text, texts) = (json!({"type": "string"}), json!({"type": ["string", "null"]}));
    let question = json!({"properties": {"place": texts, "text": text, "prompt": text}, "required": ["place", "text", "prompt"]});
    let kinds = ["line", "figure", "waiting", "pausing", "item_over"];
    let progress = json!({"properties": {"kind": {"enum": kinds}, "place": text}, "required": ["kind", "place"]});
    let last = LastLine::json_schema(generator).to_value();
    vec![(&["question"], question), (&["progress"], progress), (&["ended", "failed"], last)]
}

impl Json {
    #[must_use]
    pub(crate) fn new(stream: Stream, run: RunId) -> Self {
        Self { stream, run }
    }

    /// A question is open: for who looks on. Who is asked is not told of it here.
    pub(super) fn question(&self, at: Moment, place: Option<&Place>, text: &str, prompt: &str) {
        self.say(at, "question", json!({"place": place, "text": text, "prompt": prompt}));
    }

    /// The last line, `ended` after a run and `failed` where a command did not come to what it is for.
    pub(crate) fn end(stream: &Stream, name: &'static str, time: jiff::Timestamp, told: &LastScreen) {
        let next = told
            .next
            .iter()
            .map(|advice| AdviceLine { text: &advice.text, commands: advice.commands.iter().map(ToString::to_string).collect() });
        let last = LastLine {
            r#type: name,
            time: time.to_string(),
            run: told.run.as_deref(),
            head: told.head.as_deref(),
            exit: told.exit,
            what: &told.what,
            why: &told.why,
            next: next.collect(),
            in_doubt: &told.in_doubt,
            owed: &told.owed,
        };
        stream.line(&sanitise::json(&json!(last).to_string()));
    }

    fn say(&self, at: Moment, name: &str, fields: Value) {
        let mut object = Map::new();
        object.insert("type".to_owned(), name.into());
        object.insert("time".to_owned(), at.ts.to_string().into());
        object.insert("run".to_owned(), self.run.to_string().into());
        if let Value::Object(fields) = fields {
            object.extend(fields);
        }
        self.stream.line(&sanitise::json(&Value::Object(object).to_string()));
    }
}

impl Observer for Json {
    fn event(&self, at: Moment, event: &Event) {
        self.say(at, event.name(), fields(event));
    }

    fn progress(&self, at: Moment, progress: &Progress) {
        self.say(at, "progress", figures(progress));
    }
}

fn ms(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn fields(event: &Event) -> Value {
    match event {
        Event::RunOpened(opening) => json!({
            "runbook": opening.runbook, "title": opening.title, "source": opening.source,
            "runbook_sha256": opening.runbook_sha256, "plan": opening.plan, "plan_sha256": opening.plan_sha256,
            "params": opening.params, "mode": opening.mode, "version": opening.version,
        }),
        Event::Identified { place, answer } => json!({"place": place, "answer": answer}),
        Event::Checked { place, title, finding } => json!({"place": place, "title": title, "finding": finding}),
        Event::HoldFailed { place, title, before, waiting, why, hint } => {
            json!({"place": place, "title": title, "before": before, "waiting": waiting, "why": why, "hint": hint})
        }
        Event::HoldOverridden { place, title, before, reason, by } => {
            json!({"place": place, "title": title, "before": before, "reason": reason, "by": by})
        }
        Event::AnswerShared { place, of, verdict, message } => json!({"place": place, "of": of, "verdict": verdict, "message": message}),
        Event::Overridden { place, title, reason, by, unjudged } if unjudged.is_empty() => {
            json!({"place": place, "title": title, "reason": reason, "by": by})
        }
        Event::Overridden { place, title, reason, by, unjudged } => {
            json!({"place": place, "title": title, "reason": reason, "by": by, "unjudged": unjudged})
        }
        Event::Planned { steps, read, change, destroy } => {
            json!({"steps": steps, "read": read, "change": change, "destroy": destroy})
        }
        Event::Confirmed { place, text, typed, by } => json!({"place": place, "text": text, "typed": typed, "by": by}),
        Event::Declined { place, text, why } => json!({"place": place, "text": text, "why": why}),
        Event::StepReached { place, title, kind, effect, case } => {
            let mut reached = json!({"place": place, "title": title, "kind": kind.word(), "effect": effect});
            if let (Some(case), Value::Object(reached)) = (case, &mut reached) {
                reached.insert("case".to_owned(), json!(case));
            }
            reached
        }
        Event::Staggered { place, items, batches, max_failures } => {
            json!({"place": place, "items": items, "batches": batches, "max_failures": max_failures})
        }
        Event::BatchBegan { place, batch, items } => json!({"place": place, "batch": batch, "items": items}),
        Event::StepBegan { place, part, attempt, command, owes } => {
            json!({"place": place, "part": part, "attempt": attempt, "command": command, "owes": owes})
        }
        Event::StepSpawned { place, part, pid, start_time } => {
            json!({"place": place, "part": part, "pid": pid, "start_time": start_time})
        }
        Event::StepSignalled { place, part, signal } => json!({"place": place, "part": part, "signal": signal}),
        Event::StepEnded { place, part, attempt, exit, stdout, stderr, took, askings, verdict, message, excerpt } => json!({
            "place": place, "part": part, "attempt": attempt, "exit": exit, "stdout": stdout, "stderr": stderr,
            "took_ms": ms(*took), "askings": askings, "verdict": verdict, "message": message,
            "excerpt": {"stdout": excerpt.stdout, "stderr": excerpt.stderr},
        }),
        Event::StepPredicted { place, part, prediction } => json!({"place": place, "part": part, "prediction": prediction}),
        Event::StepSkipped { place, why } => json!({"place": place, "why": why}),
        Event::StepSettled { place, outcome } => json!({"place": place, "outcome": outcome}),
        Event::DoubtResolved { place, outcome, evidence, by } => {
            json!({"place": place, "outcome": outcome, "evidence": evidence, "by": by})
        }
        Event::CleanupDue { place, command } => json!({"place": place, "command": command}),
        Event::Owed { place, why } => json!({"place": place, "why": why}),
        Event::SettledByHand { place, reason, by } => json!({"place": place, "reason": reason, "by": by}),
        Event::Note { place, text, person: true, .. } => json!({"place": place, "text": text, "person": true}),
        Event::Note { place, text, taken: None, .. } => json!({"place": place, "text": text}),
        Event::Note { place, text, taken, .. } => json!({"place": place, "text": text, "taken": taken}),
        Event::Shell { place, shell, fact } => {
            let mut told = shell_fact(fact);
            told["place"] = json!(place);
            told["shell"] = json!(shell);
            told
        }
        Event::Interrupted { signal } => json!({"signal": signal}),
        Event::Resumed { from } => json!({"from": from}),
        Event::RunClosed { outcome, why, owed } => json!({"outcome": outcome, "why": why, "owed": owed}),
    }
}

fn shell_fact(fact: &ShellFact) -> Value {
    match fact {
        ShellFact::Opened { host, recorder } => json!({"host": host, "recorder": recorder}),
        ShellFact::Command { number, text } => json!({"number": number, "text": text}),
        ShellFact::CommandEnded { number, code, took } => json!({"number": number, "code": code, "took_ms": ms(*took)}),
        ShellFact::Closed { code, why, recording, hook } => json!({"code": code, "why": why, "recording": recording, "hook": hook}),
    }
}

fn figures(progress: &Progress) -> Value {
    match progress {
        Progress::Line { place, text } => json!({"kind": "line", "place": place, "text": text}),
        Progress::Figure { place, done, total, have } => {
            json!({"kind": "figure", "place": place, "done": done, "total": total, "have": have})
        }
        Progress::Waiting { place, want, have, elapsed, limit, figure, still, held } => json!({
            "kind": "waiting", "place": place, "want": want, "have": have, "elapsed_ms": ms(*elapsed),
            "limit_ms": limit.map(ms), "figure": figure.map(|(done, total)| json!({"done": done, "total": total})),
            "still_ms": still.map(ms), "held": held.map(|(held, must)| json!({"held_ms": ms(held), "must_ms": ms(must)})),
        }),
        Progress::Pausing { place, why, left } => json!({"kind": "pausing", "place": place, "why": why, "left_ms": ms(*left)}),
        Progress::ItemOver { place, ok } => json!({"kind": "item_over", "place": place, "ok": ok}),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            out::{Traits, tests::Memory},
            script::{Script, golden},
        },
        *,
    };

    #[test]
    fn every_line_is_an_object_and_holds_nothing_to_obey() {
        let memory = Memory::default();
        let json = Json::new(memory.stream(Traits::default()), "7f3a0000".parse().unwrap());
        let mut script = Script::new(&json);
        script.stopped();
        script.dry();
        script.odd();
        let text = memory.take();
        assert!(!text.chars().any(|c| c != '\n' && sanitise::is_hidden(c)));
        for line in text.lines() {
            let object: Map<String, Value> = serde_json::from_str(line).unwrap();
            assert!(object["type"].is_string() && object["time"].is_string(), "{line}");
        }
        assert!(text.contains("called \\u202ethe data centre"));
        golden("events.jsonl", &text);
    }

    #[test]
    fn beyond_the_basic_plane_is_escaped_in_pairs() {
        let value = Value::from("a\u{e0041}\u{9b}é").to_string();
        let text = sanitise::json(&value);
        assert_eq!(text, "\"a\\udb40\\udc41\\u009bé\"");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), "a\u{e0041}\u{9b}é");
    }
}
