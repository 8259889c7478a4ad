//! Verifiers that each leave something out: what a row finds of them shows that it would find it of the real one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use halligan::door::journal::{Digest, Head, verify};
use serde_json::Value;

/// Says whether a journal holds.
pub type Verifier = fn(&Path, &[Head]) -> bool;

/// What is left out, and the verifier that leaves it out.
pub const SHORN: [(&str, Verifier); 5] = [
    ("reads every line, and believes its checksum", |dir, _| lines(dir).is_some_and(|lines| lines.iter().all(|line| sound(line, true)))),
    ("looks at links and numbers, not at checksums or outputs", |dir, heads| {
        lines(dir).is_some_and(|lines| lines.iter().all(|line| sound(line, false)) && linked(&lines) && anchored(&lines, heads))
    }),
    ("looks at links, not at what was printed", |dir, heads| {
        lines(dir).is_some_and(|lines| lines.iter().all(|line| sound(line, true)) && linked(&lines) && anchored(&lines, heads))
    }),
    ("lets heads be", |dir, _| real(dir, &[])),
    ("compares how long it is, and not the hash", |dir, heads| {
        lines(dir).is_some_and(|lines| real(dir, &[]) && heads.iter().all(|head| head.size <= lines.len() as u64))
    }),
];

pub fn real(dir: &Path, heads: &[Head]) -> bool {
    verify(dir, heads).is_ok_and(|found| found.verdict.holds())
}

fn lines(dir: &Path) -> Option<Vec<Vec<u8>>> {
    let bytes = fs::read(dir.join("journal.jsonl")).ok()?;
    Some(bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
}

/// A line that is JSON, and what its checksum says if that is asked for.
pub fn sound(line: &[u8], checksum: bool) -> bool {
    let Some(line) = line.strip_suffix(b"\n") else { return false };
    let Ok(value) = serde_json::from_slice::<BTreeMap<String, Value>>(line) else { return false };
    let said = value.get("crc").and_then(Value::as_str).unwrap_or_default();
    !checksum || line.get(17..).is_some_and(|covered| said == format!("{:08x}", crc32fast::hash(covered)))
}

fn linked(lines: &[Vec<u8>]) -> bool {
    let mut previous = "0".repeat(64);
    lines.iter().zip(1u64..).all(|(line, seq)| {
        let Ok(value) = serde_json::from_slice::<Value>(line) else { return false };
        let follows = value["prev"] == previous.as_str() && value["seq"] == seq;
        previous = Digest::of(line).to_string();
        follows
    })
}

fn anchored(lines: &[Vec<u8>], heads: &[Head]) -> bool {
    let at = |head: &Head| lines.get(usize::try_from(head.size).unwrap() - 1).is_some_and(|line| Digest::of(line) == head.hash);
    heads.iter().all(at)
}

/// An operator's key, a stranger's, and who may sign.
pub struct Keys {
    pub operator: PathBuf,
    pub stranger: PathBuf,
    pub allowed: PathBuf,
}

impl Keys {
    pub fn make(below: &Path) -> Self {
        fs::create_dir_all(below).unwrap();
        let key = |name: &str| {
            let path = below.join(name);
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path).status();
            assert!(made.expect("ssh-keygen is missing").success());
            path
        };
        let keys = Self { operator: key("operator"), stranger: key("stranger"), allowed: below.join("allowed") };
        let public = fs::read_to_string(keys.operator.with_extension("pub")).unwrap();
        fs::write(&keys.allowed, format!("ops@example.org namespaces=\"halligan-head@v1,file\" {public}")).unwrap();
        keys
    }

    /// Signs a text as `ssh-keygen` lets anybody do.
    pub fn sign(key: &Path, namespace: &str, text: &Path) {
        let mut signature = text.as_os_str().to_owned();
        signature.push(".sig");
        let _ = fs::remove_file(&signature);
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(key).arg(text);
        let signed = command.output().unwrap();
        assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    }
}

/// What the real program says of a journal and a signed head: its exit code, and all that it prints.
pub fn asked(binary: &Path, dir: &Path, head: &Path, signers: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(binary);
    command.args(["journal", "verify", "--journal-dir"]).arg(dir).arg("--head").arg(head).arg("--allowed-signers").arg(signers);
    let output = command.env_clear().env("PATH", "/usr/bin:/bin").output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}
