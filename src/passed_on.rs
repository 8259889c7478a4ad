//! Variables of the operator's environment that a runbook has passed on to its commands: which may be, and which of them hold secrets.

use std::{collections::BTreeSet, fmt, path::Path};

use percent_encoding::percent_decode_str;

/// What a variable is called, or how the names of several begin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PassedVariable {
    /// Without the `*`.
    start: String,
    all: bool,
}

/// Why a variable is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotPassed {
    #[error("it is no name of an environment variable")]
    NoName,
    #[error("`*` stands only at the end")]
    Star,
    #[error("`*` needs at least {SHORTEST} characters before it")]
    Short,
    #[error("{name} {why}")]
    Refused { name: String, why: &'static str },
}

/// How much of a name must stand before `*`.
const SHORTEST: usize = 3;

const LOADER: &str = "changes which code a program loads";
const SHELL: &str = "changes what a shell does";
const STARTS: &str = "names a program or options of one, which other programs start";
const RESOLVER: &str = "changes which host a name leads to";
const LOCALE: &str = "changes how programs print: commands get LC_ALL=C.UTF-8";
const OWN: &str = "is set by halligan";

/// What is never passed on: it changes what runs, and not on what. `sudo` takes most of these away too (`initial_badenv_table` in its
/// `env.c`); the others are in the manual pages ld.so(8), bash(1), python(1), perlrun(1), resolv.conf(5), environ(7) and openssl-env(7).
const REFUSED: &[(&str, &str)] = &[
    ("BASHOPTS", SHELL),
    ("BASH_*", SHELL),
    ("BROWSER", STARTS),
    ("CDPATH", SHELL),
    ("CLASSPATH", LOADER),
    ("DYLD_*", LOADER),
    ("EDITOR", STARTS),
    ("ENV", SHELL),
    ("FPATH", SHELL),
    ("GCONV_PATH", LOADER),
    ("GETCONF_DIR", LOADER),
    ("GIT_*", STARTS),
    ("GLIBC_TUNABLES", LOADER),
    ("GLOBIGNORE", SHELL),
    ("HALLIGAN_*", OWN),
    ("HOSTALIASES", RESOLVER),
    ("IFS", SHELL),
    ("JAVA_TOOL_OPTIONS", LOADER),
    ("JDK_JAVA_OPTIONS", LOADER),
    ("LANG", LOCALE),
    ("LANGUAGE", LOCALE),
    ("LC_*", LOCALE),
    ("LD_*", LOADER),
    ("LESS*", STARTS),
    ("LOCALDOMAIN", RESOLVER),
    ("LOCPATH", LOADER),
    ("LUA_*", LOADER),
    ("MALLOC_*", LOADER),
    ("MANPAGER", STARTS),
    ("NLSPATH", LOADER),
    ("NODE_OPTIONS", LOADER),
    ("NODE_PATH", LOADER),
    ("OPENSSL_*", LOADER),
    ("PAGER", STARTS),
    ("PATH", OWN),
    ("PERL*", LOADER),
    ("POSIXLY_CORRECT", SHELL),
    ("PROMPT_COMMAND", SHELL),
    ("PS4", SHELL),
    ("PYTHON*", LOADER),
    ("RES_OPTIONS", RESOLVER),
    ("RESOLV_*", RESOLVER),
    ("RUBY*", LOADER),
    ("SHELL", SHELL),
    ("SHELLOPTS", SHELL),
    ("SSH_ASKPASS", STARTS),
    ("SSLKEYLOGFILE", "writes the keys of connections to a file"),
    ("SUDO_*", STARTS),
    ("VISUAL", STARTS),
    ("ZDOTDIR", SHELL),
    ("_JAVA_OPTIONS", LOADER),
];

/// The same, of one program: a `*` that would take them in passes over them.
const REFUSED_ALONE: &[(&str, &str)] = &[
    ("AWS_PAGER", STARTS),
    ("AZURE_EXTENSION_DIR", LOADER),
    ("CLOUDSDK_BQ_PYTHON", STARTS),
    ("CLOUDSDK_GSUTIL_PYTHON", STARTS),
    ("CLOUDSDK_PYTHON", STARTS),
    ("CLOUDSDK_PYTHON_ARGS", STARTS),
    ("CLOUDSDK_PYTHON_SITEPACKAGES", LOADER),
    ("GH_PAGER", STARTS),
    ("KUBECTL_EXTERNAL_DIFF", STARTS),
    ("KUBE_EDITOR", STARTS),
];

impl PassedVariable {
    /// # Errors
    /// Why it is not passed on.
    pub(crate) fn new(text: &str) -> Result<Self, NotPassed> {
        let (start, all) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
        let this = Self { start: start.to_owned(), all };
        if start.contains('*') {
            return Err(NotPassed::Star);
        }
        if all && start.len() < SHORTEST {
            return Err(NotPassed::Short);
        }
        let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
        if !start.starts_with(letter) || !start.chars().all(|c| letter(c) || c.is_ascii_digit()) {
            return Err(NotPassed::NoName);
        }
        let alone = REFUSED_ALONE.iter().filter(|_| !all);
        match REFUSED.iter().chain(alone).find(|(refused, _)| this.meets(refused)) {
            Some((name, why)) => Err(NotPassed::Refused { name: (*name).to_owned(), why }),
            None => Ok(this),
        }
    }

    /// Whether it is, or takes in, what is written so.
    fn meets(&self, written: &str) -> bool {
        match (self.all, written.strip_suffix('*')) {
            (false, Some(start)) => self.start.starts_with(start),
            (true, Some(start)) => self.start.starts_with(start) || start.starts_with(&self.start),
            (_, None) => self.takes_in(written),
        }
    }

    fn takes_in(&self, name: &str) -> bool {
        if self.all { name.starts_with(&self.start) } else { name == self.start }
    }

    /// Whether all that this passes on, the other one does.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        other.takes_in(&self.start) && (other.all || !self.all)
    }

    /// Which of these names it passes on.
    pub(crate) fn among<'n>(&self, names: &BTreeSet<&'n str>) -> Vec<&'n str> {
        let refused = |name: &str| REFUSED_ALONE.iter().any(|(refused, _)| *refused == name);
        names.iter().copied().filter(|name| self.takes_in(name) && !refused(name)).collect()
    }
}

impl fmt::Display for PassedVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.start, if self.all { "*" } else { "" })
    }
}

/// Parts of names that say that a secret is in the variable.
const TELLING: &[&str] = &["BEARER", "COOKIE", "CREDENTIAL", "KEY", "PASS", "PWD", "SECRET", "TOKEN"];
/// How names end that say where something is, or of what kind.
const TELLING_WHERE: &[&str] = &["_DIR", "_FILE", "_PATH", "_TYPE", "_URI", "_URL"];

/// What of a variable is a secret: its value, if the name says so, and the password of each URL in it.
pub(crate) fn secrets_in(name: &str, value: &str) -> Vec<String> {
    let mut secrets: Vec<String> = value.split([' ', ',', ';']).filter_map(password_in).collect();
    if is_secret(name, value) {
        secrets.push(value.to_owned());
    }
    let decoded: Vec<String> =
        secrets.iter().filter_map(|secret| Some(percent_decode_str(secret).decode_utf8().ok()?.into_owned())).collect();
    secrets.extend(decoded);
    secrets.sort_unstable();
    secrets.dedup();
    secrets
}

/// Whether a variable as a whole is a secret.
pub(crate) fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    // A word that stands in every output hides nothing, and to mask it would garble what commands say.
    let plain = ["", "true", "false", "none", "null"].contains(&value.to_ascii_lowercase().as_str());
    let path = value.starts_with('/') && Path::new(value).exists();
    TELLING.iter().any(|part| name.contains(part)) && !TELLING_WHERE.iter().any(|end| name.ends_with(end)) && !plain && !path
}

/// The password in `scheme://user:password@host`, with or without its scheme.
fn password_in(text: &str) -> Option<String> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (user, _) = rest.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_what_runs_is_refused_however_it_is_asked_for() {
        for refused in [
            "PATH",
            "LD_PRELOAD",
            "LD_*",
            "LD_P*",
            "BASH_ENV",
            "BASH*",
            "IFS",
            "PYTHONPATH",
            "PYT*",
            "PERL5*",
            "LC_ALL",
            "LANG*",
            "SHELL*",
            "GIT_SSH_COMMAND",
            "OPENSSL_CONF",
            "HALLIGAN_RUN",
            "PAT*",
            "AWS_PAGER",
            "KUBE_EDITOR",
            "_JAVA_OPTIONS",
            "CLOUDSDK_PYTHON",
            "_JA*",
            "RES*",
            "PAGER",
        ] {
            assert!(
                matches!(PassedVariable::new(refused), Err(NotPassed::Refused { .. })),
                "{refused}: {:?}",
                PassedVariable::new(refused)
            );
        }
        for (written, why) in [
            ("", NotPassed::NoName),
            ("*", NotPassed::Short),
            ("AW*", NotPassed::Short),
            ("*_PROXY", NotPassed::Star),
            ("AWS_*_ID", NotPassed::Star),
            ("AWS_**", NotPassed::Star),
            ("AWS-PROFILE", NotPassed::NoName),
            ("2ND", NotPassed::NoName),
            ("A=b", NotPassed::NoName),
            ("{{ params.x }}", NotPassed::NoName),
        ] {
            assert_eq!(PassedVariable::new(written), Err(why), "{written}");
        }
        for good in
            ["AWS_PROFILE", "AWS_*", "OS_*", "HTTPS_PROXY", "https_proxy", "KUBECONFIG", "KUBE*", "CLOUDSDK_*", "no_proxy", "SSL_CERT_FILE"]
        {
            assert_eq!(PassedVariable::new(good).unwrap().to_string(), good);
        }
    }

    #[test]
    fn a_star_passes_over_what_is_refused() {
        let names = BTreeSet::from(["AWS_PAGER", "AWS_PROFILE", "AWS", "AWSX", "AWS_REGION", "OS_CLOUD"]);
        let among = |written: &str| PassedVariable::new(written).unwrap().among(&names);
        assert_eq!(among("AWS_*"), ["AWS_PROFILE", "AWS_REGION"]);
        assert_eq!(among("AWS_PROFILE"), ["AWS_PROFILE"]);
        assert_eq!(among("AWS_PROFIL"), [""; 0]);
        let within = |one: &str, other: &str| PassedVariable::new(one).unwrap().is_within(&PassedVariable::new(other).unwrap());
        assert!(within("AWS_PROFILE", "AWS_*") && within("AWS_S3_*", "AWS_*") && within("AWS_*", "AWS_*"));
        assert!(!within("AWS_*", "AWS_PROFILE") && !within("AWS_*", "AWS_S3_*") && !within("OS_CLOUD", "AWS_*"));
    }

    #[test]
    fn a_name_tells_a_secret_and_a_url_has_one() {
        for (name, value, secrets) in [
            ("AWS_SECRET_ACCESS_KEY", "wJalr/XUtn", &["wJalr/XUtn"][..]),
            ("AWS_SESSION_TOKEN", "abcd", &["abcd"]),
            ("OS_PASSWORD", "hunter22", &["hunter22"]),
            ("MYSQL_PWD", "hunter22", &["hunter22"]),
            ("linode_cli_token", "abcd", &["abcd"]),
            ("OS_APPLICATION_CREDENTIAL_SECRET", "abcd", &["abcd"]),
            ("GOOGLE_APPLICATION_CREDENTIALS", "/", &[]),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token", &[]),
            ("AWS_PROFILE", "ops", &[]),
            ("OS_AUTH_URL", "https://keystone.example.org:5000/v3", &[]),
            ("KEY_CHECKS", "true", &[]),
            ("NO_PROXY", "10.0.0.0/8,::1", &[]),
            ("HTTPS_PROXY", "http://ops:p%40ss@proxy.example.org:3128", &["p%40ss", "p@ss"]),
            ("https_proxy", "ops:p@ss@proxy.example.org:3128", &["p@ss"]),
            ("BROKERS", "amqp://a:one@h1,amqp://b:two@h2", &["one", "two"]),
        ] {
            assert_eq!(secrets_in(name, value), secrets, "{name}");
        }
    }
}
