//! What changes things, and warnings of what is legal and dangerous.
//!
//! Which commands change things stands in `danger.txt`, a plain file that an operator can read and extend.

use std::{collections::HashMap, sync::LazyLock};

use jiff::{ToSpan, civil::Date};

use super::{
    commands,
    diagnostic::Fault,
    elsewhere::elsewhere,
    model::{Command, Effect, Kind, Program, Remedy, Runbook, Span, Step, Undo},
    unguarded::unguarded,
    words,
};

/// A command that changes something: its program and the words that say so.
type DangerRule = Vec<String>;

#[derive(Debug, Default)]
struct Rules {
    changes: Vec<DangerRule>,
    harmless: Vec<DangerRule>,
    /// What sets something, and what puts it back.
    pairs: Vec<(DangerRule, DangerRule)>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let mut rules = Rules::default();
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<DangerRule>();
    for line in include_str!("danger.txt").lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(rule) = line.strip_prefix("! ") {
            rules.harmless.push(split(rule));
        } else if let Some((set, unset)) = line.strip_prefix("@ ").and_then(|pair| pair.split_once("=>")) {
            rules.pairs.push((split(set), split(unset)));
        } else {
            rules.changes.push(split(line));
        }
    }
    rules
});

/// The words of a command known to change things that this command line leads to.
fn changing(commands: &[Vec<String>]) -> Option<String> {
    commands.iter().find_map(|argv| {
        // The rule with the most words says best what it is.
        let rule = RULES.changes.iter().filter(|rule| words::matched(rule, argv).is_some()).max_by_key(|rule| rule.len())?;
        // A trial run is spoken of in any order.
        let harmless = |rule: &&DangerRule| {
            rule.first().is_some_and(|program| words::fits(program, words::program(argv)))
                && rule.iter().skip(1).all(|pattern| argv.iter().any(|word| words::fits(pattern, word)))
        };
        if RULES.harmless.iter().any(|rule| harmless(&rule)) {
            return None;
        }
        let at = words::matched(rule, argv).unwrap_or_default();
        Some(if rule.len() == 1 { words::program(argv).to_owned() } else { argv.get(..=at).unwrap_or(argv).join(" ") })
    })
}

fn commands(command: &Command) -> Vec<Vec<String>> {
    match &command.program {
        Program::Argv(argv) => words::commands_of_argv(&argv.iter().map(|word| word.text.to_string()).collect::<Vec<_>>()),
        Program::Shell(script) => words::commands_of_script(script),
    }
}

/// All that a command that only reads is asked with.
fn asking(command: &Command) -> String {
    let mut words: Vec<&str> = match &command.program {
        Program::Argv(argv) => argv.iter().map(|word| &*word.text).collect(),
        Program::Shell(script) => vec!["shell", script],
    };
    words.extend(command.env.iter().flat_map(|(name, value)| [name.as_str(), &*value.text]));
    let rest = [&command.on, &command.user, &command.cwd, &command.stdin];
    words.extend(rest.into_iter().map(|template| template.as_ref().map_or("", |template| &*template.text)));
    words.join("\0")
}

/// The same of command lines that stand in no runbook.
#[must_use]
pub(super) fn changes(commands: &[Vec<String>]) -> Option<String> {
    changing(commands)
}

/// What this command is known to change, in its own words; nothing if it is not known to change anything.
#[must_use]
pub(super) fn changed_by(command: &Command) -> Option<String> {
    changing(&commands(command))
}

/// Everything legal and dangerous in a runbook, as of a day.
#[must_use]
pub(crate) fn lint(runbook: &Runbook, today: Date) -> Vec<Fault> {
    let mut linter = Linter { text: &runbook.source.text, faults: Vec::new() };
    linter.review(runbook, today);
    let mut asked = !runbook.preflight.is_empty();
    for step in runbook.all_steps() {
        linter.step(step, &mut asked);
        linter.faults.extend(elsewhere(step, &runbook.source.text));
    }
    linter.identified(runbook);
    linter.put_back(runbook);
    linter.asked_twice(runbook);
    linter.faults.extend(unguarded(runbook));
    linter.faults
}

#[derive(Debug)]
struct Linter<'a> {
    text: &'a str,
    faults: Vec<Fault>,
}

impl Linter<'_> {
    fn warn(&mut self, code: &'static str, span: Span, message: String, label: &str, hint: &str) {
        self.faults.push(Fault::warning(code, span.first_line(self.text), message).label(label).hint(hint));
    }

    /// The line of a key at the top level.
    fn top(&self, key: &str) -> Span {
        let mut offset = 0;
        for line in self.text.split_inclusive('\n') {
            if line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':')) {
                return Span { offset, len: line.trim_end().len() };
            }
            offset += line.len();
        }
        Span::default()
    }

    fn review(&mut self, runbook: &Runbook, today: Date) {
        let at = self.top("reviewed");
        match runbook.reviewed {
            None => {
                let at = self.top("name");
                let message = "the runbook has no review date".to_owned();
                self.warn(
                    "review-missing",
                    at,
                    message,
                    "no `reviewed`",
                    "review it against the real system, then add `reviewed: YYYY-MM-DD`",
                );
            }
            Some(date) if date > today => {
                self.warn(
                    "review-future",
                    at,
                    format!("review date {date} is in the future"),
                    "in the future",
                    "write the date of the last review",
                );
            }
            Some(date) if date.checked_add(12.months()).is_ok_and(|due| due < today) => {
                let message = format!("the last review, on {date}, is more than 12 months ago");
                self.warn("review-old", at, message, "outdated", "review it against the real system again, then update the date");
            }
            Some(_) => {}
        }
    }

    /// What is asked in several places, each with the same words: a change of one is easily forgotten in the other.
    fn asked_twice(&mut self, runbook: &Runbook) {
        let mut asked: Vec<&Command> = commands::of_runbook(runbook).into_iter().map(|(_, command)| command).collect();
        asked.extend(commands::of_choices(runbook));
        asked.retain(|command| command.effect == Effect::Read);
        asked.sort_by_key(|command| command.span.offset);
        let mut first: HashMap<String, Span> = HashMap::new();
        for command in asked {
            let before = *first.entry(asking(command)).or_insert(command.span);
            // What asks a query by its name stands where the query does.
            if before != command.span {
                self.faults.push(
                    Fault::note(
                        "asked-twice",
                        command.span.first_line(self.text),
                        "the same is asked with the same words in another place",
                    )
                    .label("asked again")
                    .also(before.first_line(self.text), "first asked here")
                    .hint("write it once under `queries`, and `ask` for it by its name"),
                );
            }
        }
    }

    /// `asked` is whether anything was looked at before this step.
    fn step(&mut self, step: &Step, asked: &mut bool) {
        *asked |= step.done_if.is_some() || !step.holds.is_empty();
        match &step.kind {
            Kind::Command(command) => {
                if command.effect == Effect::Destroy && !*asked {
                    let message = format!("destructive step `{}` has no check before it", step.id);
                    self.warn("destroy-unprobed", command.span, message, "no probe before this", "add a probe that verifies the target");
                }
                if command.effect == Effect::Change && step.undo == Undo::Unsaid && step.cleanup.is_none() {
                    let message = format!("step `{}` changes state but has no undo", step.id);
                    let hint = "add `undo` or `cleanup`, or `undo: {impossible: ...}` with the reason";
                    self.warn("change-without-undo", command.span, message, "no undo", hint);
                }
            }
            Kind::Probe(_) => *asked = true,
            Kind::Wait(wait) => {
                if wait.timeout.is_none() {
                    let message = format!("step `{}` has no timeout and may wait forever", step.id);
                    self.warn("wait-without-timeout", wait.until.span, message, "no `timeout`", "add `timeout` to the wait, such as 15m");
                }
                *asked = true;
            }
            Kind::Confirm(confirm) => {
                *asked |= !confirm.show.is_empty();
            }
            Kind::Manual(manual) => {
                *asked |= manual.verify.is_some();
            }
            Kind::ForEach(each) => {
                *asked |= !each.before_batch.is_empty();
            }
            // Its cases are looked at one by one.
            Kind::Group { .. } | Kind::Call(_) | Kind::Choose(_) => {}
        }
    }

    /// What acts on a system that stands elsewhere must know which one that is.
    fn identified(&mut self, runbook: &Runbook) {
        if runbook.identity.is_some() {
            return;
        }
        if let Some((step, client)) = runbook.changes_a_system() {
            let message = format!("step `{}` changes a system by `{client}`, and nothing says which one", step.id);
            let hint = "add `identity` at the top: a query that tells one system from another, such as `ceph fsid`, and a message";
            self.warn("identity-missing", step.span, message, "on whatever it is configured for", hint);
        }
    }

    /// What is set must be put back: by an undo, by a cleanup, or by a later step.
    fn put_back(&mut self, runbook: &Runbook) {
        let remedies = |step: &Step| -> Vec<Vec<String>> {
            let undo = match &step.undo {
                Undo::Command(remedy) => Some(remedy),
                Undo::Impossible { .. } | Undo::Unsaid => None,
            };
            undo.into_iter().chain(&step.cleanup).flat_map(|remedy: &Remedy| commands(&remedy.command)).collect()
        };
        let all: Vec<_> = runbook
            .all_steps()
            .map(|step| {
                let own = match &step.kind {
                    Kind::Command(command) => commands(command),
                    _ => Vec::new(),
                };
                (step, own, remedies(step))
            })
            .collect();
        for (index, (step, own, _)) in all.iter().enumerate() {
            for (set, unset) in &RULES.pairs {
                for argv in own {
                    let Some(at) = words::matched(set, argv) else { continue };
                    // A rule with more words says better what it is: `ceph osd pool set` is no `ceph osd set`.
                    if RULES.changes.iter().any(|rule| rule.len() > set.len() && words::matched(rule, argv).is_some()) {
                        continue;
                    }
                    let thing = argv.get(at + 1..).unwrap_or_default().iter().find(|word| !word.starts_with('-'));
                    let undoes = |argv: &Vec<String>| {
                        words::matched(unset, argv)
                            .is_some_and(|at| thing.is_none_or(|thing| argv.get(at + 1..).unwrap_or_default().contains(thing)))
                    };
                    let later = all[index + 1..].iter().flat_map(|(_, own, _)| own);
                    let restored = later.chain(all.iter().flat_map(|(_, _, remedies)| remedies)).any(undoes);
                    if let (false, Kind::Command(command)) = (restored, &step.kind) {
                        let thing = thing.map(|thing| format!(" {thing}")).unwrap_or_default();
                        let message = format!("`{}{thing}` is never reverted", set.join(" "));
                        let hint = format!("add `cleanup: {{run: [{}{}]}}`", unset.join(", "), thing.replace(' ', ", "));
                        self.warn("never-put-back", command.span, message, "never reverted", &hint);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::runbook::{
        model::{Origin, SourceText},
        resolve,
    };

    fn changes(line: &str) -> Option<String> {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        changing(&words::commands_of_argv(&argv))
    }

    #[test]
    fn what_changes_things_is_known() {
        for line in [
            "ceph --cluster x osd set noout",
            "ceph osd tier remove-overlay x",
            "rados -p x cache-flush-evict-all",
            "dd if=/dev/zero of=/dev/sda",
            "mkfs.ext4 /dev/sda",
            "wipefs -a /dev/sda",
            "ssh host systemctl restart x",
            "/usr/bin/sudo rm -rf /",
            "kubectl -n x delete pod y",
            "kubectl exec p -- ceph osd out 1",
            "mount /dev/sda /mnt",
            "sysctl -w a=1",
        ] {
            assert!(changes(line).is_some(), "{line}");
        }
        for line in [
            "ceph osd ls",
            "ceph osd dump --format json",
            "kubectl delete pod y --dry-run=server",
            "wipefs -n -a /dev/sda",
            "wipefs /dev/sda",
            "e2fsck -fn /dev/sda",
            "systemctl show x",
            "mount",
            "dd if=/dev/sda",
            "sysctl net.ipv4.ip_forward",
            "tee /dev/null",
        ] {
            assert_eq!(changes(line), None, "{line}");
        }
    }

    fn codes(steps: &str) -> Vec<&'static str> {
        let text = format!("halligan: 1\nname: x\ntitle: X\nsummary: X\nreviewed: 2026-01-01\nsteps:\n{steps}");
        let (runbook, report) = resolve(SourceText::new("x.yaml", Origin::File("x.yaml".into()), &text));
        let runbook = runbook.unwrap_or_else(|| panic!("{}", report.plain()));
        lint(&runbook, date(2026, 6, 1)).into_iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn what_is_dangerous_is_said() {
        assert_eq!(codes("- {id: a, run: [x], effect: change}\n"), ["change-without-undo"]);
        assert_eq!(codes("- {id: a, wait: {run: [x], until: code == 0}}\n"), ["wait-without-timeout"]);
        assert_eq!(codes("- {id: a, run: [x], effect: destroy}\n"), ["destroy-unprobed"]);
        let set = "- {id: a, run: [ceph, osd, set, noout], effect: change, undo: {impossible: x}}\n";
        assert_eq!(codes(set), ["identity-missing", "never-put-back"]);
        let other = "- {id: b, run: [ceph, osd, unset, nodown], effect: change, undo: {impossible: x}}\n";
        assert_eq!(codes(&format!("{set}{other}")), ["identity-missing", "never-put-back"]);
        assert_eq!(codes(&format!("{set}{}", other.replace("nodown", "noout"))), ["identity-missing"]);
        assert_eq!(codes(&set.replace("osd, set, noout", "osd, pool, set, x, size")), ["identity-missing"]);
        let read = "- {id: a, run: [kubectl, delete, pod, x], effect: read, reads_because: it is a test}\n";
        assert_eq!(codes(read), [""; 0]);
        let undone = "- {id: a, shell: 'sudo kubectl delete pod x', effect: change, undo: {impossible: x}}\n";
        assert_eq!(codes(undone), ["identity-missing"]);
        let bound = format!("{undone}identity: {{run: [kubectl, get, ns, kube-system, -o, name]}}\n");
        assert_eq!(codes(&bound), [""; 0]);
    }

    #[test]
    fn a_review_grows_old() {
        let at = |reviewed: &str, today| {
            let text = format!("halligan: 1\nname: x\ntitle: X\nsummary: X\n{reviewed}steps:\n- {{id: a, run: [x], effect: read}}\n");
            let (runbook, _) = resolve(SourceText::new("x.yaml", Origin::File("x.yaml".into()), &text));
            lint(&runbook.unwrap(), today).into_iter().map(|fault| fault.code).collect::<Vec<_>>()
        };
        assert_eq!(at("", date(2026, 1, 1)), ["review-missing"]);
        assert_eq!(at("reviewed: 2025-01-01\n", date(2026, 1, 1)), [""; 0]);
        assert_eq!(at("reviewed: 2025-01-01\n", date(2026, 1, 2)), ["review-old"]);
        assert_eq!(at("reviewed: 2025-01-01\n", date(2024, 1, 2)), ["review-future"]);
    }
}
