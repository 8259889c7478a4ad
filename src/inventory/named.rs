//! The programs and files of this machine that an inventory names: whoever could write one could write the inventory as well.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    document::KindName,
    model::{Inventory, Transport},
};
use crate::runbook::words;

/// Programs whose first word is what they run.
const INTERPRETERS: &[&str] = &["ash", "bash", "dash", "ksh", "perl", "python", "python3", "ruby", "sh", "zsh"];
/// Options of ssh that name a key: ssh itself looks who may read it, and it says nothing but who one is.
const IDENTITIES: &[&str] = &["identityfile", "certificatefile", "identityagent"];

/// A file that an inventory names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NamedFile {
    pub path: PathBuf,
    /// By what: `the transport lab`.
    pub by: String,
}

/// All of them that are there. Programs are looked for in the folders of `path`.
#[must_use]
pub(crate) fn named(inventory: &Inventory, path: &str) -> BTreeSet<NamedFile> {
    let mut found = BTreeSet::new();
    let transports = inventory.hosts.values().map(|host| &host.transport);
    for transport in transports {
        let by = format!("the transport {}", transport.name);
        found.extend(of_transport(transport, path).into_iter().map(|path| NamedFile { path, by: by.clone() }));
    }
    // What tells a client where its system is, and as whom, decides what it does there.
    for (name, value) in inventory.reads.iter().chain(inventory.hosts.values().flat_map(|host| &host.reads)) {
        let files = value.split([' ', '=', ':']).filter(|file| file.starts_with('/') && Path::new(file).is_file());
        found.extend(files.map(|file| NamedFile { path: PathBuf::from(file), by: format!("the variable {name} of reads") }));
    }
    for (name, lock) in &inventory.locks {
        if lock.on.as_ref().is_some_and(|host| host != "local") {
            continue;
        }
        let by = format!("the lock {name}");
        let commands = lock.commands();
        let programs = commands.iter().flat_map(|words| programs(words, path));
        found.extend(programs.map(|path| NamedFile { path, by: by.clone() }));
    }
    found
}

fn of_transport(transport: &Transport, path: &str) -> Vec<PathBuf> {
    let words = if transport.kind == KindName::Command { &transport.command } else { &transport.options };
    let mut found = if transport.kind == KindName::Command { programs(words, path) } else { Vec::new() };
    let mut before = "";
    for word in words {
        // `-F FILE`, `-FFILE`, `-o KEY=FILE`, `-oKEY FILE`, `--kubeconfig=FILE`
        let option = word.strip_prefix("-o").filter(|option| !option.is_empty()).unwrap_or(word);
        let (key, value) = option.split_once(['=', ' ']).unwrap_or((before, option));
        let identity = before == "-i" || word.starts_with("-i/") || IDENTITIES.contains(&key.trim().to_ascii_lowercase().as_str());
        let value = value.trim().trim_matches('"');
        let value = if value.starts_with('-') { value.find('/').filter(|at| *at == 2).map_or("", |at| &value[at..]) } else { value };
        for file in value.split(' ').filter(|_| !identity) {
            // A path may be meant for the far side: what is not here is not looked at.
            if file.starts_with('/') && Path::new(file).is_file() {
                found.push(PathBuf::from(file));
            }
        }
        before = word;
    }
    found
}

/// The programs that a line of words runs, and the scripts that an interpreter would.
fn programs(line: &[String], path: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for argv in words::commands_of_argv(line) {
        let Some(first) = argv.first() else { continue };
        found.extend(locate(first, path));
        if INTERPRETERS.contains(&words::program(&argv)) {
            let script = argv.iter().skip(1).find(|word| !word.starts_with('-'));
            found.extend(
                script.filter(|word| word.contains('/') && !word.contains(char::is_whitespace)).and_then(|word| locate(word, path)),
            );
        }
    }
    found
}

fn locate(program: &str, path: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return std::path::absolute(program).ok().filter(|program| program.is_file());
    }
    path.split(':').map(|folder| Path::new(folder).join(program)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::model::{Origin, SourceText};

    #[test]
    fn every_program_and_file_of_this_machine_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            path.display().to_string()
        };
        let text = format!(
            "halligan_inventory: 1\ntransports:\n  a: {{kind: ssh, options: [-F, {0}, -i, {8}, -oUserKnownHostsFile={1}, -o, 'GlobalKnownHostsFile {2}', -o, IdentityFile={8}]}}\n  \
             b: {{kind: command, command: [sudo, {3}, --config={4}, '{{command}}'], quoting: argv}}\n  c: {{kind: kubectl-exec, options: [--kubeconfig, {5}]}}\n\
             hosts:\n  a: {{transport: a}}\n  b: {{transport: b}}\n  c: {{transport: c}}\nlocks:\n  here: {{acquire: [bash, {6}, {8}], release: [bash, -c, '{7} x']}}\n  \
             there: {{acquire: [{8}], release: [{8}], on: a}}\n",
            at("0"),
            at("1"),
            at("2"),
            at("3"),
            at("4"),
            at("5"),
            at("6"),
            at("7"),
            at("8"),
        );
        let (inventory, report) = Inventory::parse(SourceText::new("inventory.yaml", Origin::Bundled, &text));
        let inventory = inventory.unwrap_or_else(|| panic!("{}", report.plain()));
        let own: BTreeSet<String> = named(&inventory, "/nowhere")
            .into_iter()
            .filter_map(|file| Some(file.path.strip_prefix(folder.path()).ok()?.display().to_string()))
            .collect();
        assert_eq!(own.into_iter().collect::<Vec<_>>(), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    }

    #[test]
    fn the_program_of_a_lease_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("etcdctl"), "").unwrap();
        let text = "halligan_inventory: 1\nlocks:\n  here: {lease: etcd}\n  there: {lease: postgresql}\n";
        let (inventory, report) = Inventory::parse(SourceText::new("inventory.yaml", Origin::Bundled, text));
        let inventory = inventory.unwrap_or_else(|| panic!("{}", report.plain()));
        let found: Vec<NamedFile> = named(&inventory, folder.path().to_str().unwrap()).into_iter().collect();
        assert_eq!(found, [NamedFile { path: folder.path().join("etcdctl"), by: "the lock here".to_owned() }]);
    }
}
