//! From arguments back to the words to type. The one source of every command that halligan suggests.
//!
//! Every field is named here, so that a new flag cannot be forgotten. What an environment variable has said is given as a flag
//! too: the shell into which a line is pasted need not have the variable. It may have stood before this one command, or belong to
//! the unit or the script that started it, and another journal or inventory would be taken without a word.

use std::{ffi::OsString, fmt, os::unix::ffi::OsStrExt, path::PathBuf};

use super::{
    CheckArgs, CheckFormat, Cli, Completions, Debts, List, Rehearse, Resume, Rollback, Run, ScenarioCommand, Schema, Show, Subcommands,
    Test, Then,
    form::{Form, Format},
    hand::{HandCommand, NoteArgs, ShellArgs},
    inventory::{Ansible, InventoryCommand},
    journal::{JournalCommand, RunFilter},
    look::{ConfigArgs, Doctor, DraftArgs, Handover, LookCommand, PlayArgs, ReportArgs, ReportFormat, Status, Watch},
    options::{Answers, Global, Hosts, Notify, Params, Quiet, TakingUp},
};
use crate::words::quote::CommandLine;

/// Words that are being gathered.
#[derive(Default)]
struct Typing {
    words: Vec<OsString>,
    /// What is given by its place and could be read as a flag: it stands behind `--`, at the end.
    last: Vec<OsString>,
}

impl Typing {
    fn word(&mut self, word: impl Into<OsString>) {
        self.words.push(word.into());
    }

    fn switch(&mut self, flag: &str, on: bool) {
        if on {
            self.word(flag);
        }
    }

    /// A flag with its value; in one word where the value begins with a dash.
    fn joined(&mut self, flag: &str, value: OsString) {
        if value.is_empty() || value.as_bytes().starts_with(b"-") {
            let mut whole = OsString::from(format!("{flag}="));
            whole.push(value);
            self.word(whole);
        } else {
            self.word(flag);
            self.word(value);
        }
    }

    fn value(&mut self, flag: &str, value: impl fmt::Display) {
        self.joined(flag, value.to_string().into());
    }

    fn option(&mut self, flag: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.value(flag, value);
        }
    }

    fn file(&mut self, flag: &str, path: Option<&PathBuf>) {
        if let Some(path) = path {
            self.joined(flag, path.into());
        }
    }

    fn pairs(&mut self, flag: &str, pairs: &[(String, String)]) {
        for (name, value) in pairs {
            self.value(flag, format_args!("{name}={value}"));
        }
    }

    /// What is given by its place.
    fn given<W: Into<OsString>>(&mut self, words: impl IntoIterator<Item = W>) {
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        if words.iter().any(|word| word.as_bytes().starts_with(b"-")) { self.last.extend(words) } else { self.words.extend(words) }
    }

    fn global(&mut self, global: &Global) {
        let Global { journal_dir, color, config, verbose } = global;
        self.file("--journal-dir", journal_dir.as_ref());
        self.file("--config", config.as_ref());
        self.option("--color", color.as_ref());
        (0..*verbose).for_each(|_| self.word("--verbose"));
    }

    fn form(&mut self, form: Form) {
        let Form { format } = form;
        match format {
            Format::Text => {}
            Format::Plain => self.value("--format", "plain"),
            Format::Json => self.value("--format", "json"),
        }
    }

    fn hosts(&mut self, hosts: &Hosts) {
        let Hosts { inventory } = hosts;
        self.file("--inventory", inventory.as_ref());
    }

    fn params(&mut self, params: &Params) {
        let Params { set, file } = params;
        self.file("--params", file.as_ref());
        self.pairs("--set", set);
    }

    fn answers(&mut self, answers: &Answers) {
        let Answers { step, yes, confirm, overrides } = answers;
        self.switch("--step", *step);
        self.switch("--yes", *yes);
        self.pairs("--confirm", confirm);
        self.pairs("--override", overrides);
    }

    fn notify(&mut self, notify: &Notify) {
        let Notify { program, quiet } = notify;
        self.file("--notify", program.as_ref());
        self.quiet(*quiet);
    }

    fn quiet(&mut self, quiet: Quiet) {
        let Quiet { no_bell } = quiet;
        match no_bell {
            Some(true) => self.word("--no-bell"),
            Some(false) => self.word("--no-bell=false"),
            None => {}
        }
    }

    fn run(&mut self, run: &Run) {
        let Run { runbook, params, dry_run, allow_unheld, hosts, ask_sudo_password, answers, notify, form, expect_sha256 } = run;
        self.word("run");
        self.given([runbook.as_str()]);
        self.switch("--dry-run", *dry_run);
        self.switch("--allow-unheld", *allow_unheld);
        self.hosts(hosts);
        self.params(params);
        self.switch("--ask-sudo-password", *ask_sudo_password);
        self.answers(answers);
        self.notify(notify);
        self.form(*form);
        self.option("--expect-sha256", expect_sha256.as_ref());
    }

    fn take_up(&mut self, how: &TakingUp) {
        let TakingUp { hosts, ask_sudo_password, accept_copy, adopt, params, answers, notify, form } = how;
        self.hosts(hosts);
        self.params(params);
        self.switch("--ask-sudo-password", *ask_sudo_password);
        self.switch("--accept-copy", *accept_copy);
        self.option("--adopt", adopt.as_ref());
        self.answers(answers);
        self.notify(notify);
        self.form(*form);
    }

    fn resume(&mut self, resume: &Resume) {
        let Resume { run, how, accept_damaged } = resume;
        self.word("resume");
        self.given(run.as_deref());
        self.take_up(how);
        self.option("--accept-damaged", accept_damaged.as_ref());
    }

    fn rollback(&mut self, rollback: &Rollback) {
        let Rollback { run, how, accept_damaged } = rollback;
        self.word("rollback");
        self.given([run.as_str()]);
        self.take_up(how);
        self.option("--accept-damaged", accept_damaged.as_ref());
    }

    fn debts(&mut self, debts: &Debts) {
        let Debts { run, settle, settled_by_hand, how } = debts;
        self.word("debts");
        self.given(run.as_deref());
        self.switch("--settle", *settle);
        self.pairs("--settled-by-hand", settled_by_hand);
        self.take_up(how);
    }

    fn rehearse(&mut self, rehearse: &Rehearse) {
        let Rehearse { runbook, scenario, from_run, faults, speed, hosts, params, answers, quiet, form } = rehearse;
        self.word("rehearse");
        self.given([runbook.as_str()]);
        self.option("--scenario", scenario.as_ref());
        self.option("--from-run", from_run.as_ref());
        for fault in faults {
            self.value("--fault", fault);
        }
        self.option("--speed", *speed);
        self.hosts(hosts);
        self.params(params);
        self.answers(answers);
        self.quiet(*quiet);
        self.form(*form);
    }

    fn test(&mut self, test: &Test) {
        let Test { runbooks, scenario, faults, then, leave, fault_sweep, coverage, min, junit, form } = test;
        self.word("test");
        self.given(runbooks.iter().map(String::as_str));
        self.option("--scenario", scenario.as_ref());
        for fault in faults {
            self.value("--fault", fault);
        }
        match then {
            Then::Stop => {}
            Then::Rollback => self.value("--then", "rollback"),
            Then::Retry => self.value("--then", "retry"),
        }
        self.switch("--leave", *leave);
        match fault_sweep.as_deref() {
            None => {}
            Some([]) => self.word("--fault-sweep"),
            // The flag may stand alone, so its value is never a word of its own.
            Some(steps) => self.word(format!("--fault-sweep={}", steps.join(","))),
        }
        self.switch("--coverage", *coverage);
        self.option("--min", *min);
        self.file("--junit", junit.as_ref());
        self.form(*form);
    }

    fn journal(&mut self, journal: &JournalCommand) {
        self.word("journal");
        match journal {
            JournalCommand::List { filter, form } => {
                let RunFilter { last, failed, real, since } = filter;
                self.word("list");
                self.option("--last", *last);
                self.switch("--failed", *failed);
                self.switch("--real", *real);
                self.option("--since", since.as_ref());
                self.form(*form);
            }
            JournalCommand::Show { run, form } => {
                self.word("show");
                self.given([run.as_str()]);
                self.form(*form);
            }
            JournalCommand::Verify { export, head, allowed_signers, form } => {
                self.word("verify");
                for head in head {
                    self.file("--head", Some(head));
                }
                self.file("--allowed-signers", allowed_signers.as_ref());
                self.form(*form);
                if let Some(export) = export {
                    self.given([export]);
                }
            }
            JournalCommand::Archive { before, form } => {
                self.word("archive");
                self.option("--before", before.as_ref());
                self.form(*form);
            }
            JournalCommand::Leftovers { remove, yes, form } => {
                self.word("leftovers");
                self.switch("--remove", *remove);
                self.switch("--yes", *yes);
                self.form(*form);
            }
            JournalCommand::Head { form } => {
                self.word("head");
                self.form(*form);
            }
            JournalCommand::Sign { key, form } => {
                self.word("sign");
                self.file("--key", Some(key));
                self.form(*form);
            }
            JournalCommand::Export { run, to, through, form } => {
                self.word("export");
                self.given([run.as_str()]);
                self.file("--to", Some(to));
                self.switch("--through", *through);
                self.form(*form);
            }
            JournalCommand::Tail { number, follow, form } => {
                self.word("tail");
                if *number != JournalCommand::TAIL {
                    self.value("--number", number);
                }
                self.switch("--follow", *follow);
                self.form(*form);
            }
        }
    }

    fn look(&mut self, look: &LookCommand) {
        match look {
            LookCommand::Status(Status { run, json, form }) => {
                self.word("status");
                self.given(run.as_deref());
                self.switch("--json", *json);
                self.form(*form);
            }
            LookCommand::Watch(Watch { run, form }) => {
                self.word("watch");
                self.given(run.as_deref());
                self.form(*form);
            }
            LookCommand::Handover(Handover { run, form }) => {
                self.word("handover");
                self.given([run.as_str()]);
                self.form(*form);
            }
            LookCommand::Play(PlayArgs { run, number, speed, idle, list, cast }) => {
                self.word("play");
                self.given(std::iter::once(run.clone()).chain(number.map(|number| number.to_string())));
                self.option("--speed", *speed);
                self.option("--idle", *idle);
                self.switch("--list", *list);
                self.switch("--cast", *cast);
            }
            LookCommand::Draft(DraftArgs { run, number, name }) => {
                self.word("draft");
                self.given(std::iter::once(run.clone()).chain(number.map(|number| number.to_string())));
                if name != "draft" {
                    self.value("--name", name);
                }
            }
            LookCommand::Doctor(Doctor { runbook, without, hosts, form }) => {
                self.word("doctor");
                self.given(runbook.as_deref());
                for what in without {
                    self.value("--without", what);
                }
                self.hosts(hosts);
                self.form(*form);
            }
            LookCommand::Report(ReportArgs { run, format }) => {
                self.word("report");
                self.given([run.as_str()]);
                if *format == ReportFormat::Json {
                    self.value("--format", "json");
                }
            }
            LookCommand::Config(ConfigArgs { hosts, notify, json, form }) => {
                self.word("config");
                self.hosts(hosts);
                self.notify(notify);
                self.switch("--json", *json);
                self.form(*form);
            }
        }
    }

    fn hand(&mut self, hand: &HandCommand) {
        match hand {
            HandCommand::Note(NoteArgs { run, text }) => {
                self.word("note");
                self.given(std::iter::once(run).chain(text));
            }
            HandCommand::Shell(ShellArgs { run, host, hosts }) => {
                self.word("shell");
                self.given([run.as_str()]);
                self.option("--host", host.as_ref());
                self.hosts(hosts);
            }
        }
    }

    fn command(&mut self, command: &Subcommands) {
        match command {
            Subcommands::Run(run) => self.run(run),
            Subcommands::Resume(resume) => self.resume(resume),
            Subcommands::Rollback(rollback) => self.rollback(rollback),
            Subcommands::Debts(debts) => self.debts(debts),
            Subcommands::Rehearse(rehearse) => self.rehearse(rehearse),
            Subcommands::Test(test) => self.test(test),
            Subcommands::Scenario { command: ScenarioCommand::New { name, from_run, directory } } => {
                self.word("scenario");
                self.word("new");
                self.given([name.as_str()]);
                self.value("--from-run", from_run);
                self.file("--directory", directory.as_ref());
            }
            Subcommands::Check(CheckArgs { files, format, strict }) => {
                self.word("check");
                self.given(files.iter().map(String::as_str));
                match format {
                    CheckFormat::Text => {}
                    CheckFormat::Plain => self.value("--format", "plain"),
                    CheckFormat::Json => self.value("--format", "json"),
                    CheckFormat::Sarif => self.value("--format", "sarif"),
                }
                self.switch("--strict", *strict);
            }
            Subcommands::List(List { form }) => {
                self.word("list");
                self.form(*form);
            }
            Subcommands::Show(Show { runbook, source, expanded, markdown }) => {
                self.word("show");
                self.given([runbook.as_str()]);
                self.switch("--source", *source);
                self.switch("--expanded", *expanded);
                self.switch("--markdown", *markdown);
            }
            Subcommands::Look(look) => self.look(look),
            Subcommands::Hand(hand) => self.hand(hand),
            Subcommands::Journal { command } => self.journal(command),
            Subcommands::Inventory { command: InventoryCommand::FromAnsible(Ansible { listing, vars, leave_out }) } => {
                self.word("inventory");
                self.word("from-ansible");
                for name in vars {
                    self.value("--var", name);
                }
                for host in leave_out {
                    self.value("--leave-out", host);
                }
                self.given(listing.iter().map(|file| file.as_os_str()));
            }
            Subcommands::Schema(Schema { scenario, inventory }) => {
                self.word("schema");
                self.switch("--scenario", *scenario);
                self.switch("--inventory", *inventory);
            }
            Subcommands::Completions(Completions { shell }) => {
                self.word("completions");
                self.word(shell.name());
            }
        }
    }
}

impl Cli {
    /// What to type to give these arguments again.
    #[must_use]
    pub(crate) fn line(&self) -> CommandLine {
        let Self { global, command } = self;
        let mut typing = Typing::default();
        typing.word("halligan");
        typing.command(command);
        typing.global(global);
        let Typing { mut words, last } = typing;
        if !last.is_empty() {
            words.push("--".into());
            words.extend(last);
        }
        CommandLine::new(words)
    }
}

#[cfg(test)]
mod tests {
    use std::{iter, os::unix::ffi::OsStringExt, process::Command as Process};

    use clap::Parser;
    use proptest::prelude::*;

    use super::*;

    /// A command line as somebody could type it, with every flag at one time or another.
    fn typed() -> impl Strategy<Value = Vec<OsString>> {
        let value = "[a-z0-9 '\"$#~=,:é-]{1,6}";
        // A path may be any bytes.
        let path =
            || prop_oneof![3 => value.prop_map(OsString::from), 1 => prop::collection::vec(1_u8.., 1..6).prop_map(OsString::from_vec)];
        let paths = vec!["inventory", "params", "journal-dir", "head", "allowed-signers", "key", "to", "junit", "directory"];
        let files = (prop::sample::select(paths), path()).prop_map(|(flag, path)| {
            let mut word = OsString::from(format!("--{flag}="));
            word.push(path);
            vec![word]
        });
        let pair = ("[a-z]{1,4}", value).prop_map(|(name, value)| format!("{name}={value}"));
        let flags = prop_oneof![
            pair.clone().prop_map(|pair| vec![format!("--set={pair}")]),
            pair.clone().prop_map(|pair| vec![format!("--confirm={pair}")]),
            pair.prop_map(|pair| vec![format!("--override={pair}")]),
            Just(vec!["--format=json".to_owned()]),
            Just(vec!["--format=plain".to_owned()]),
            Just(vec!["--ask-sudo-password".to_owned()]),
            Just(vec!["--dry-run".to_owned()]),
            Just(vec!["--yes".to_owned()]),
            Just(vec!["--step".to_owned()]),
            Just(vec!["--notify=/bin/sh".to_owned()]),
            Just(vec!["--no-bell".to_owned()]),
            Just(vec!["-vv".to_owned()]),
            Just(vec!["--color=never".to_owned()]),
            value.prop_map(|hex| vec![format!("--expect-sha256={hex}")]),
            value.prop_map(|hex| vec![format!("--accept-damaged={hex}")]),
            (1_u32..900).prop_map(|times| vec![format!("--speed={}", f64::from(times) / 7.0)]),
            Just(vec!["--fault=set_noout:undo=hang@2".to_owned()]),
            value.prop_map(|name| vec![format!("--scenario={name}")]),
            value.prop_map(|name| vec![format!("--adopt={name}")]),
            value.prop_map(|name| vec![format!("--from-run={name}")]),
            Just(vec!["--fault-sweep".to_owned()]),
            Just(vec!["--fault-sweep=a,b".to_owned()]),
            Just(vec!["--coverage".to_owned(), "--min=7".to_owned()]),
            Just(vec!["--then=rollback".to_owned(), "--leave".to_owned()]),
            Just(vec!["--settle".to_owned()]),
            Just(vec!["--strict".to_owned()]),
            Just(vec!["--json".to_owned()]),
            Just(vec!["--host=db3".to_owned()]),
            value.prop_map(|name| vec![format!("--name={name}")]),
            Just(vec!["--without=db3".to_owned(), "--without=$X".to_owned()]),
            Just(vec!["--idle=0.5".to_owned(), "--cast".to_owned()]),
            Just(vec!["--last=2".to_owned(), "--failed".to_owned(), "--real".to_owned(), "--since=2h".to_owned()]),
            Just(vec!["--before=2h".to_owned()]),
            Just(vec!["--remove".to_owned()]),
            Just(vec!["--follow".to_owned(), "--number=3".to_owned()]),
        ];
        let flags = prop_oneof![3 => flags.prop_map(|words| words.into_iter().map(OsString::from).collect()), 1 => files];
        let command = prop::sample::select(vec![
            "run",
            "resume",
            "rollback",
            "debts",
            "status",
            "watch",
            "handover",
            "report",
            "doctor",
            "note",
            "shell",
            "play",
            "draft",
            "rehearse",
            "test",
            "check",
            "list",
            "show",
            "schema",
            "scenario new",
            "journal list",
            "journal show",
            "journal verify",
            "journal head",
            "journal sign",
            "journal export",
            "journal tail",
            "journal archive",
            "journal leftovers",
        ]);
        let given = prop::collection::vec(path(), 0..3);
        (command, prop::collection::vec(flags, 0..5), given).prop_map(|(command, flags, given)| {
            let words = iter::once("halligan").chain(command.split(' ')).map(OsString::from);
            words.chain(flags.into_iter().flatten()).chain(["--".into()]).chain(given).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, max_global_rejects: 200_000, ..ProptestConfig::default() })]
        #[test]
        fn what_is_typed_again_means_the_same(words in typed()) {
            let cli = Cli::try_parse_from(&words);
            prop_assume!(cli.is_ok(), "it is no command line at all");
            let cli = cli.unwrap();
            let line = cli.line();
            let again = Cli::try_parse_from(line.argv());
            prop_assert!(again.is_ok(), "{words:?} gave {line}: {}", again.unwrap_err());
            prop_assert_eq!(again.unwrap(), cli);
        }
    }

    #[test]
    fn it_can_be_pasted() {
        crate::exec::signals::heed_children().unwrap();
        let inventory = OsString::from_vec(b"h\xffst's\n.yaml".to_vec());
        let words = ["halligan", "run", "x", "--set", "a=it's $HOME #~ `id`", "--confirm", "each[d=a b].wipe=yes", "--inventory"];
        let cli = Cli::try_parse_from(words.map(OsString::from).into_iter().chain([inventory])).unwrap();
        let script = format!("halligan() {{ printf '%s\\0' halligan \"$@\"; }}; {}", cli.line());
        let ran = Process::new("bash").args(["-c", &script]).output().unwrap();
        let words = ran.stdout.strip_suffix(b"\0").unwrap().split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
        assert_eq!(Cli::try_parse_from(words).unwrap(), cli);
    }
}
