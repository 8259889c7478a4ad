//! What a command that only reads needs where the kernel holds it to reading.
//!
//! Which programs need more than reading files stands in `held.txt`, a plain file that an operator can read and extend.

use std::{collections::BTreeSet, path::PathBuf, sync::LazyLock};

use super::words;
use crate::expression::cache::Cache;

/// What a command that only reads needs beside reading files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ReadNeeds {
    /// It may write here, and below.
    pub may_write: BTreeSet<PathBuf>,
    /// The programs in it that may talk to others, on this machine and over the network; empty if it may not.
    pub sockets: BTreeSet<String>,
    /// The capabilities that it keeps, by their names without `CAP_`, in lower case.
    pub keeps: BTreeSet<&'static str>,
    /// It gives what it writes a mode: that is passed over, as if it were done.
    pub modes: bool,
    /// Why it cannot be held at all.
    pub unheld: Option<String>,
}

/// What a runbook says of a command that only reads; paths as they are written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadClause<Path> {
    /// Where it may write.
    pub may_write: Vec<Path>,
    /// It may talk to other programs.
    pub may_connect: bool,
    /// Why it only reads, though such a command is known to change something.
    pub because: Option<String>,
}

/// A line of `held.txt`: a command, and what it needs.
#[derive(Debug)]
struct HeldRule {
    command: Vec<String>,
    needs: Vec<Need>,
}

#[derive(Debug)]
enum Need {
    Nothing,
    Sockets,
    Modes,
    Keeps(&'static str),
    Writes(&'static str),
    Unheld(&'static str),
}

impl Need {
    fn read(text: &'static str) -> Option<Self> {
        Some(match text.split_once(' ') {
            None if text == "sockets" => Self::Sockets,
            None if text == "modes" => Self::Modes,
            None if text == "nothing" => Self::Nothing,
            Some(("keeps", capability)) => Self::Keeps(capability),
            Some(("writes", path)) => Self::Writes(path),
            Some(("not", why)) => Self::Unheld(why),
            _ => return None,
        })
    }
}

static RULES: LazyLock<Vec<HeldRule>> = LazyLock::new(|| lines().filter_map(rule).collect());

fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("held.txt").lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn rule(line: &'static str) -> Option<HeldRule> {
    let (command, needs) = line.split_once(": ")?;
    // A reason is one need to the end of its line.
    let needs: Option<Vec<Need>> =
        if needs.starts_with("not ") { Some(vec![Need::read(needs)?]) } else { needs.split(", ").map(Need::read).collect() };
    Some(HeldRule { command: command.split_whitespace().map(str::to_owned).collect(), needs: needs? })
}

impl ReadNeeds {
    /// What these commands need, each word by word.
    #[must_use]
    pub(crate) fn of(commands: &[Vec<String>]) -> Self {
        let mut reading = Self::default();
        for argv in commands {
            let argv = &spelled_out(argv);
            let fitting = RULES.iter().filter(|rule| words::matched(&rule.command, argv).is_some());
            for need in fitting.max_by_key(|rule| rule.command.len()).into_iter().flat_map(|rule| &rule.needs) {
                match need {
                    Need::Nothing => {}
                    Need::Modes => reading.modes = true,
                    Need::Sockets => {
                        reading.sockets.insert(words::program(argv).to_owned());
                    }
                    Need::Keeps(capability) => {
                        reading.keeps.insert(capability);
                    }
                    Need::Writes(path) => {
                        reading.may_write.insert(PathBuf::from(path));
                    }
                    Need::Unheld(why) => {
                        let program = words::program(argv);
                        reading.unheld.get_or_insert_with(|| format!("{program}: {why}"));
                    }
                }
            }
            if argv.iter().any(|word| looks_into_processes(word)) {
                reading.unheld.get_or_insert_with(|| "it looks into other processes".to_owned());
            }
        }
        reading
    }

    /// What a command line needs, with the commands that it leads to.
    #[must_use]
    pub(crate) fn of_argv(argv: &[String]) -> Self {
        OF_ARGVS.of(&argv.join("\0"), |_| Self::of(&words::commands_of_argv(argv)))
    }

    /// What a bash script needs, as far as that can be told without running it.
    #[must_use]
    pub(crate) fn of_script(script: &str) -> Self {
        OF_SCRIPTS.of(script, |script| Self::of(&words::commands_of_script(script)))
    }
}

/// A wait asks the same few commands thousands of times.
static OF_SCRIPTS: Cache<ReadNeeds> = Cache::new(256);
/// By the words with NUL bytes between, which no command that can be run holds.
static OF_ARGVS: Cache<ReadNeeds> = Cache::new(1024);

/// A command with each letter of its short options as a word of its own, too: `-tlnp` is also `-p`.
fn spelled_out(argv: &[String]) -> Vec<String> {
    let letters = |word: &String| match word.strip_prefix('-') {
        Some(letters) if letters.len() > 1 && letters.chars().all(|c| c.is_ascii_alphabetic()) => {
            letters.chars().map(|letter| format!("-{letter}")).collect()
        }
        _ => Vec::new(),
    };
    argv.iter().flat_map(|word| std::iter::once(word.clone()).chain(letters(word))).collect()
}

/// Whether a word names what a process that is held is not shown of others: `/proc/PID/fd` and its like.
fn looks_into_processes(word: &str) -> bool {
    const CLOSED: [&str; 11] = ["fd", "fdinfo", "exe", "cwd", "root", "environ", "maps", "mem", "io", "ns", "syscall"];
    word.match_indices("proc/").filter(|(at, _)| word[..*at].ends_with('/')).any(|(at, found)| {
        let mut parts = word[at + found.len()..].split('/');
        let process = parts.next().unwrap_or_default();
        !matches!(process, "self" | "thread-self" | "sys" | "net" | "fs" | "irq" | "bus" | "driver")
            && parts.next().is_some_and(|part| CLOSED.contains(&part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> ReadNeeds {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        ReadNeeds::of_argv(&argv)
    }

    #[test]
    fn every_line_is_a_rule() {
        for line in lines() {
            assert!(rule(line).is_some(), "{line}");
        }
    }

    #[test]
    fn what_a_program_needs_is_found_behind_what_starts_it() {
        assert_eq!(of("cat /etc/hosts"), ReadNeeds::default());
        assert!(of("timeout 5 ceph -s").sockets.contains("ceph") && of("/usr/bin/env A=1 kubectl get pods").sockets.contains("kubectl"));
        assert!(of("ss -tln").unheld.is_none());
        assert_eq!(of("ss -tlnp").unheld.as_deref(), Some("ss: it looks into other processes"));
        assert!(of("ceph-bluestore-tool fsck --path /x").unheld.is_some());
        assert!(of("ceph-bluestore-tool show-label --dev /x").unheld.is_none());
        assert!(of("lvs --noheadings").may_write.contains(&PathBuf::from("/run/lock/lvm")));
        for script in ["found=$(crm_mon -1 --output-as=xml)", "CIB_shadow_dir=$TMPDIR crm_simulate -L | head"] {
            assert!(ReadNeeds::of_script(script).keeps.contains("dac_override"), "{script}");
        }
        let script = "for osd in $osds; do timeout 30 ceph tell osd.$osd dump_watchers || exit 1; done | jq -r x";
        assert!(!ReadNeeds::of_script(script).sockets.is_empty() && ReadNeeds::of_script("conntrack -S | head").unheld.is_some());
    }

    #[test]
    fn what_is_closed_below_proc_is_known() {
        let below = |word: &str| word.replace('P', &["", "proc", ""].join("/"));
        for word in ["P1/fd", "P$pid/exe", "P*/fd/*", "readlink=P[0-9]*/root;"] {
            assert!(looks_into_processes(&below(word)), "{word}");
        }
        for word in ["Pself/fd", "P1/stat", "Psys/fs/file-max", "Pnet/fib", "Pmounts"] {
            assert!(!looks_into_processes(&below(word)), "{word}");
        }
    }
}
