//! What somebody has to do without, and whether a text of a runbook names it.

use std::fmt;

use crate::runbook::words;

/// A thing that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    Program(String),
    Host(String),
    /// A file, or a folder with all that is in it.
    File(String),
    Variable(String),
    User(String),
}

impl Missing {
    /// As it is written: `program:NAME`, `host:NAME`, `user:NAME`, `env:NAME` or `$NAME`, `file:PATH` or a path that begins with `/`. A
    /// name alone is that of a program and that of a host.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(crate) fn read(text: &str) -> Result<Vec<Self>, String> {
        let (kind, name) = match text.split_once(':') {
            Some((kind @ ("program" | "host" | "user" | "env" | "file"), name)) => (kind, name),
            _ if text.starts_with('/') => ("file", text),
            _ => text.strip_prefix('$').map_or(("", text), |name| ("env", name)),
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err("write a program, a host, a path such as /etc/ceph, or $VARIABLE; or program:NAME, host:NAME, user:NAME".to_owned());
        }
        let name = name.to_owned();
        Ok(match kind {
            "program" => vec![Self::Program(name)],
            "host" => vec![Self::Host(name)],
            "user" => vec![Self::User(name)],
            "env" => vec![Self::Variable(name)],
            "file" => vec![Self::File(name.trim_end_matches('/').to_owned())],
            _ => vec![Self::Program(name.clone()), Self::Host(name)],
        })
    }

    /// Whether a command that is run is this program.
    pub(super) fn is_run(&self, argv: &[String]) -> bool {
        let Self::Program(name) = self else { return false };
        if name.contains('/') { argv.first() == Some(name) } else { words::program(argv) == name }
    }

    /// Whether a text that is given to a command names this host or file; with `expanded`, whether it takes this variable's value.
    pub(super) fn is_named_in(&self, text: &str, expanded: bool) -> bool {
        match self {
            Self::Host(host) => {
                let in_names = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                text.split(|c| !in_names(c)).any(|word| word.trim_matches('.') == host)
            }
            Self::File(path) => {
                let between = |c: char| c.is_whitespace() || "\"'=:,;()<>|&{}`".contains(c);
                text.split(between)
                    .any(|word| word.strip_prefix(path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
            }
            Self::Variable(name) => expanded && takes(text, name),
            Self::Program(_) | Self::User(_) => false,
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name) => write!(f, "the program {name}"),
            Self::Host(name) => write!(f, "the host {name}"),
            Self::File(path) => write!(f, "{path}"),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::User(name) => write!(f, "the user {name}"),
        }
    }
}

/// Whether a script takes the value of a variable, `$NAME` or `${NAME…`, and does not set it itself.
fn takes(script: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let taken = script.match_indices('$').any(|(at, _)| {
        let rest = &script[at + 1..];
        rest.strip_prefix('{').unwrap_or(rest).strip_prefix(name).is_some_and(ends)
    });
    let sets = script.split([' ', '\n', ';', '\t']).any(|word| word.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')));
    taken && !sets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Missing {
        Missing::read(text).unwrap().remove(0)
    }

    #[test]
    fn what_is_missing_is_read_as_it_is_written() {
        let name = || "db3".to_owned();
        assert_eq!(Missing::read("db3").unwrap(), [Missing::Program(name()), Missing::Host(name())]);
        assert_eq!(Missing::read("host:db3").unwrap(), [Missing::Host(name())]);
        assert_eq!(one("$KUBECONFIG"), Missing::Variable("KUBECONFIG".to_owned()));
        assert_eq!(one("/etc/ceph/"), Missing::File("/etc/ceph".to_owned()));
        for wrong in ["", "host:", "$", "a b"] {
            assert!(Missing::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_found_where_it_is_named_and_not_beside() {
        for (missing, named, not) in [
            ("host:db3", &["db3", "root@db3:/x", "https://db3/", "-m db3,db4", "db3."][..], &["db30", "x-db3", "db3.site"][..]),
            ("/etc/ceph", &["/etc/ceph", "--conf=/etc/ceph/ceph.conf", "<'/etc/ceph/x'"], &["/etc/ceph2", "/x/etc/ceph"]),
            ("$TOKEN", &["echo $TOKEN", "\"${TOKEN:-}\"", "a\"$TOKEN\""], &["$TOKENS", "TOKEN", "TOKEN=1; echo $TOKEN"]),
        ] {
            for text in named {
                assert!(one(missing).is_named_in(text, true), "{missing} in {text}");
            }
            for text in not {
                assert!(!one(missing).is_named_in(text, true), "{missing} in {text}");
            }
        }
        assert!(!one("$TOKEN").is_named_in("$TOKEN", false), "no shell expands it there");
        let argv = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(one("program:ceph").is_run(&argv("/usr/bin/ceph -s")) && !one("program:ceph").is_run(&argv("rados ceph")));
    }
}
