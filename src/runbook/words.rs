//! The commands inside a command line: what `ssh`, `sudo` and a shell would run in the end.

/// Options of `ssh` that take the word after them.
const SSH_WITH_WORD: &[&str] =
    &["-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O", "-o", "-p", "-Q", "-R", "-S", "-W", "-w", "-B"];

/// How deep commands are looked for inside commands.
const DEPTH: usize = 6;

/// Every simple command that an argv leads to, from the outermost in.
#[must_use]
pub(crate) fn commands_of_argv(argv: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    unwrap(argv, &mut found, 0);
    found
}

/// Every simple command in a shell script, as far as it can be told without running it.
#[must_use]
pub(crate) fn commands_of_script(script: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    script_into(script, &mut found, 0);
    found
}

/// The name of a program without its directory.
#[must_use]
pub(crate) fn program(argv: &[String]) -> &str {
    argv.first().map_or("", |word| word.rsplit('/').next().unwrap_or(word))
}

/// Whether a word is what a pattern says; `*` at its end stands for any ending.
pub(super) fn fits(pattern: &str, word: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == word, |start| word.starts_with(start))
}

/// Where a rule's last word stands in a command, if the rule fits: a program's name, then words in this order.
pub(super) fn matched(rule: &[String], argv: &[String]) -> Option<usize> {
    let (name, rest) = rule.split_first()?;
    if !fits(name, program(argv)) {
        return None;
    }
    let mut at = 0;
    for pattern in rest {
        at += 1 + argv.get(at + 1..)?.iter().position(|word| fits(pattern, word))?;
    }
    Some(at)
}

fn script_into(script: &str, found: &mut Vec<Vec<String>>, depth: usize) {
    for line in script.replace("\\\n", " ").lines().filter(|line| !line.trim_start().starts_with('#')) {
        for part in line.split([';', '|', '&', '(', ')', '`', '{', '}', '\n']) {
            let words: Vec<String> = part
                .split_whitespace()
                .map(|word| word.trim_matches(['"', '\'']).to_owned())
                .skip_while(|word| {
                    matches!(word.as_str(), "" | "!" | "$" | "if" | "then" | "else" | "elif" | "while" | "until" | "do" | "time" | "exec")
                        || word.split_once('=').is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
                })
                .collect();
            unwrap(&words, found, depth + 1);
        }
    }
}

fn unwrap(argv: &[String], found: &mut Vec<Vec<String>>, depth: usize) {
    if argv.is_empty() || depth > DEPTH {
        return;
    }
    found.push(argv.to_vec());
    let rest = &argv[1..];
    let option = |word: &str| word.starts_with('-') && word.len() > 1;
    let after_options = |with_word: &[&str], skip: usize| -> &[String] {
        let mut at = 0;
        while let Some(word) = rest.get(at).filter(|word| option(word)) {
            at += if with_word.contains(&word.as_str()) { 2 } else { 1 };
            if word == "--" {
                break;
            }
        }
        rest.get(at + skip..).unwrap_or_default()
    };
    let after_dashes = || rest.iter().position(|word| word == "--").map_or::<&[String], _>(&[], |at| &rest[at + 1..]);
    let inner: &[String] = match program(argv) {
        "sudo" => after_options(&["-u", "-g", "-U", "-C", "-D", "-h", "-p", "-R", "-T"], 0),
        "doas" | "runuser" => after_options(&["-u", "-g"], 0),
        "timeout" => after_options(&["-k", "-s"], 1),
        "chroot" => after_options(&[], 1),
        "nice" | "stdbuf" => after_options(&["-n", "-i", "-o", "-e"], 0),
        "ionice" => after_options(&["-c", "-n", "-p"], 0),
        "nohup" | "setsid" | "exec" | "time" => after_options(&[], 0),
        "xargs" => after_options(&["-n", "-I", "-P", "-d", "-L", "-a"], 0),
        "flock" => after_options(&["-w", "-E"], 1),
        "env" => {
            let rest = after_options(&["-u", "-C"], 0);
            &rest[rest.iter().take_while(|word| word.contains('=')).count()..]
        }
        "nsenter" | "unshare" if rest.iter().any(|word| word == "--") => after_dashes(),
        "nsenter" | "unshare" => after_options(&["-t", "--target"], 0),
        "kubectl" | "cephadm" => after_dashes(),
        "docker" | "podman" if rest.first().is_some_and(|word| word == "exec") => {
            let at = 1 + rest[1..].iter().take_while(|word| option(word)).count() + 1;
            rest.get(at..).unwrap_or_default()
        }
        "ssh" => {
            let remote = after_options(SSH_WITH_WORD, 1);
            return script_into(&remote.join(" "), found, depth + 1);
        }
        "bash" | "sh" | "dash" => {
            if let Some(at) = rest.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c')) {
                script_into(rest.get(at + 1).map_or("", String::as_str), found, depth + 1);
            }
            return;
        }
        _ => return,
    };
    unwrap(inner, found, depth + 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(line: &str) -> String {
        let argv: Vec<String> = line.split(' ').map(|word| word.replace('_', " ")).collect();
        commands_of_argv(&argv).pop().unwrap().join(" ")
    }

    #[test]
    fn what_is_wrapped_is_found() {
        assert_eq!(last("ssh -o BatchMode=yes -p 22 host systemctl restart x"), "systemctl restart x");
        assert_eq!(last("ssh host sudo_-u_root_rm_-f_/x"), "rm -f /x");
        assert_eq!(last("sudo -u root env A=1 timeout 5 rm x"), "rm x");
        assert_eq!(last("timeout -k 5 10s rm x"), "rm x");
        assert_eq!(last("nsenter --target 1 --mount -- umount /x"), "umount /x");
        assert_eq!(last("kubectl exec -n rook pod -- ceph osd out 1"), "ceph osd out 1");
        assert_eq!(last("bash -euc true;_rm_x"), "rm x");
        assert_eq!(last("sudo"), "sudo");
    }

    #[test]
    fn a_script_is_taken_apart() {
        let found = commands_of_script("# rm no\nif ! ceph -s | grep -q ok; then A=1 rm \"$X\" && x=$(mv a b)\nfi");
        let programs: Vec<&str> = found.iter().map(|argv| program(argv)).collect();
        assert_eq!(programs, ["ceph", "grep", "rm", "mv", "fi"]);
    }
}
