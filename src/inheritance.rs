//! What the commands that halligan starts inherit of what it was started in: variables, and the working directory.
//!
//! As root, what names a place that others can write would let them say what root's commands do. It is never passed on: what
//! decides on what is acted keeps every command from being started, and all else is left out, which is told.

mod naming;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

use self::naming::{Naming, closed, file, judge, paths_in};
use crate::{
    account::LocalAccount,
    digest::Digest,
    passed_on::{self, PassedVariable},
    secret::Secrets,
    surroundings::{KeptVariable, PassedOn, Surroundings},
    trust::{self, Distrust, Exposed},
};

/// Where root's programs are looked for: nowhere that another user may write.
pub(crate) const SAFE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What becomes of a variable that cannot be trusted.
#[derive(Debug, Clone, Copy)]
enum Distrusted {
    /// It decides on what is acted: without it a command would act on something else.
    Refused,
    LeftOut,
    /// The home that the user's account has stands in its place.
    Home,
}

/// What a command may inherit of the operator's environment.
const INHERITED: &[(&str, Naming, Distrusted)] = &[
    ("CEPH_ARGS", Naming::Options, Distrusted::Refused),
    ("CEPH_CONF", Naming::Files(&[',', ';', '=', ' ', '\t']), Distrusted::Refused),
    ("HOME", Naming::Closed, Distrusted::Home),
    ("KUBECONFIG", Naming::Files(&[':']), Distrusted::Refused),
    ("LOGNAME", Naming::Nothing, Distrusted::LeftOut),
    ("LVM_SYSTEM_DIR", Naming::Closed, Distrusted::Refused),
    ("SSH_AUTH_SOCK", Naming::Place, Distrusted::LeftOut),
    ("TERM", Naming::Nothing, Distrusted::LeftOut),
    ("TMPDIR", Naming::Place, Distrusted::LeftOut),
    ("TZ", Naming::Zone, Distrusted::LeftOut),
    ("USER", Naming::Nothing, Distrusted::LeftOut),
    ("XDG_RUNTIME_DIR", Naming::Runtime, Distrusted::LeftOut),
];

/// What halligan itself was loaded with. Never passed on, and refused where others can write it: it is in this process.
const LOADER: &[&str] = &["LD_AUDIT", "LD_LIBRARY_PATH", "LD_PRELOAD"];

/// What commands are started with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inheritance {
    pub variables: BTreeMap<String, String>,
    /// What the runbook has passed on beside. It speaks of the operator: another user does not get it.
    pub passed: BTreeMap<String, String>,
    /// What the runbook would have passed on, and is not set.
    not_set: Vec<String>,
    /// Where a command is started that names no directory; `None` is where halligan was.
    pub directory: Option<PathBuf>,
    /// What is not passed on, and why, in a line each.
    pub left_out: Vec<String>,
    /// Why no command may be started at all.
    pub refused: Vec<RefusedVariable>,
}

/// A variable that decides on what is acted, and that somebody else could have a say in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedVariable {
    pub name: String,
    pub why: String,
}

impl RefusedVariable {
    /// In one line.
    pub(crate) fn line(&self) -> String {
        format!("the variable {} cannot be trusted: {}", self.name, self.why)
    }
}

impl Inheritance {
    /// That of this process, with what a runbook has `passed` on.
    #[must_use]
    pub(crate) fn of_process(passed: &[PassedVariable]) -> Self {
        let mut inheritance = Self::judged(|name| env::var_os(name), trust::needed());
        inheritance.pass_on(passed, env::vars_os(), trust::needed());
        if let Some((cwd, why)) = unsafe_directory() {
            inheritance.directory = Some(PathBuf::from("/"));
            inheritance.left_out.push(format!("commands are started in /, and not in {cwd}: {why}"));
        }
        inheritance
    }

    /// That of a run that was begun in other surroundings: what decides on what is acted is as it was then, the rest as it is `now`,
    /// and so is what the runbook has `passed` on, whose values nobody has kept.
    ///
    /// # Errors
    /// What was kept is not there any more, is not to be trusted now, or is not known and another one now.
    pub(crate) fn of_run(kept: &Surroundings, now: &Self, passed: &[PassedVariable]) -> Result<Self, String> {
        let variable = |name: &str| match kept.variables.get(name) {
            Some(KeptVariable::Value(value)) => Some(OsString::from(value)),
            None if decides(name) => None,
            Some(KeptVariable::Sha256(_)) | None => env::var_os(name),
        };
        let mut inheritance = Self::judged(variable, trust::needed());
        inheritance.pass_on(passed, env::vars_os(), trust::needed());
        for (name, value) in &kept.variables {
            let now = env::var(name).unwrap_or_default();
            if matches!(value, KeptVariable::Sha256(was) if *was != Digest::of(now.as_bytes()).to_string()) {
                return Err(format!("{name} is not what it was when the run began; its value was not recorded, for it may hold a secret"));
            }
        }
        match kept.directory.as_deref().map(Path::new) {
            Some(directory) if !directory.is_dir() => {
                return Err(format!("the run began in {}, which is no directory any more", directory.display()));
            }
            Some(directory) if trust::needed() => {
                closed(directory).map_err(|why| format!("the run began in {}, which cannot be trusted: {why}", directory.display()))?;
                inheritance.directory = Some(directory.to_owned());
            }
            Some(directory) => inheritance.directory = Some(directory.to_owned()),
            None => inheritance.directory.clone_from(&now.directory),
        }
        Ok(inheritance)
    }

    /// What of it decides on what is acted, to be kept with a run. What one of these `secrets` stands in is kept as a digest; of what the
    /// runbook has passed on, by name and value, only what `digest` makes of it.
    #[must_use]
    pub(crate) fn surroundings(&self, secrets: &Secrets, digest: impl Fn(&str, &str) -> Option<String>) -> Surroundings {
        let directory = self.directory.clone().or_else(|| env::current_dir().ok());
        let kept = |value: &String| {
            // A key of Ceph's is a secret that nobody has called one.
            let hidden = secrets.found_in(value) || value.contains("--key");
            if hidden { KeptVariable::Sha256(Digest::of(value.as_bytes()).to_string()) } else { KeptVariable::Value(value.clone()) }
        };
        let variables = self.variables.iter().filter(|(name, _)| decides(name)).map(|(name, value)| (name.clone(), kept(value)));
        let set: BTreeMap<_, _> = self.passed.iter().map(|(name, value)| (name.clone(), digest(name, value))).collect();
        let passed_on =
            (!set.is_empty() || !self.not_set.is_empty()).then(|| PassedOn { key: digest("", ""), set, not_set: self.not_set.clone() });
        let directory = directory.and_then(|path| path.into_os_string().into_string().ok());
        Surroundings { directory, variables: variables.collect(), passed_on }
    }

    /// What of the variables that the runbook has passed on must never be written anywhere.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.passed.iter().flat_map(|(name, value)| passed_on::secrets_in(name, value)).collect()
    }

    /// Whether something stands in what was kept that tells one value from another.
    #[must_use]
    pub(crate) fn passes_on(&self) -> bool {
        !self.passed.is_empty()
    }

    /// Takes in what a runbook has passed on. What commands get anyway stays as it is.
    fn pass_on(&mut self, passed: &[PassedVariable], variables: impl Iterator<Item = (OsString, OsString)>, root: bool) {
        let set: BTreeMap<String, OsString> = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        let names: BTreeSet<&str> = set.keys().map(String::as_str).collect();
        for variable in passed {
            let among = variable.among(&names);
            if among.is_empty() {
                self.not_set.push(variable.to_string());
            }
            for name in among.into_iter().filter(|name| INHERITED.iter().all(|(usual, ..)| usual != name)) {
                let judged = set.get(name).and_then(|value| value.to_str()).ok_or_else(|| "it is not UTF-8".to_owned()).and_then(|value| {
                    // No path, and what is wrong with it would be told.
                    if root && !passed_on::is_secret(name, value) {
                        paths_in(value).try_for_each(file)?;
                    }
                    Ok(value.to_owned())
                });
                match judged {
                    Ok(value) => {
                        self.passed.insert(name.to_owned(), value);
                    }
                    Err(why) => self.refused.push(RefusedVariable { name: name.to_owned(), why }),
                }
            }
        }
    }

    fn judged(variable: impl Fn(&str) -> Option<OsString>, root: bool) -> Self {
        let mut inheritance = Self::default();
        for (name, names, otherwise) in INHERITED.iter().copied() {
            let Some(value) = variable(name) else { continue };
            let judged = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned()).and_then(|value| {
                judge(names, value, root)?;
                Ok(value.to_owned())
            });
            match (judged, otherwise) {
                (Ok(value), _) => {
                    inheritance.variables.insert(name.to_owned(), value);
                }
                (Err(why), Distrusted::Refused) => inheritance.refused.push(RefusedVariable { name: name.to_owned(), why }),
                (Err(why), Distrusted::LeftOut) => inheritance.left_out.push(format!("{name} is not passed on to commands: {why}")),
                (Err(why), Distrusted::Home) => {
                    let home = LocalAccount::of(geteuid().as_raw()).map_or_else(|_| PathBuf::from("/"), |account| account.home);
                    inheritance.left_out.push(format!("{name} is {} for commands: {why}", home.display()));
                    inheritance.variables.insert(name.to_owned(), home.display().to_string());
                }
            }
        }
        for name in LOADER.iter().copied().filter(|_| root) {
            let value = variable(name).unwrap_or_default();
            let why =
                value.to_str().ok_or_else(|| "it is not UTF-8".to_owned()).and_then(|value| judge(Naming::Files(&[':', ' ']), value, true));
            if let Err(why) = why {
                inheritance.refused.push(RefusedVariable { name: name.to_owned(), why });
            }
        }
        let own = variable("PATH").and_then(|path| path.into_string().ok()).unwrap_or_default();
        let own: Vec<&str> = own.split(':').filter(|part| part.starts_with('/')).collect();
        let path = if root || own.is_empty() { SAFE_PATH.to_owned() } else { own.join(":") };
        inheritance.variables.insert("PATH".to_owned(), path);
        inheritance.variables.insert("LC_ALL".to_owned(), "C.UTF-8".to_owned());
        inheritance
    }
}

/// Whether a variable decides on what is acted: on which system, or by which settings.
fn decides(name: &str) -> bool {
    name == "HOME" || INHERITED.iter().any(|(known, _, otherwise)| *known == name && matches!(otherwise, Distrusted::Refused))
}

/// Where a helper of halligan's own is started; `None` is where halligan was.
#[must_use]
pub(crate) fn safe_directory() -> Option<PathBuf> {
    unsafe_directory().map(|_| PathBuf::from("/"))
}

/// The working directory, and why root starts nothing there: what a command looks for there by name, others may have made.
fn unsafe_directory() -> Option<(String, String)> {
    if !trust::needed() {
        return None;
    }
    match env::current_dir() {
        Ok(cwd) => closed(&cwd).err().map(|why| (cwd.display().to_string(), why)),
        Err(error) => Some(("the working directory".to_owned(), error.to_string())),
    }
}

/// What root's commands would be told by somebody else, in words for a place that an inventory or a runbook names.
#[must_use]
pub(crate) fn exposed(path: &Path) -> Option<Exposed> {
    match trust::place(path) {
        Err(Distrust::Exposed(exposed)) => Some(exposed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt, chown},
    };

    use super::*;

    fn judged(variables: &[(&str, &str)], root: bool) -> Inheritance {
        Inheritance::judged(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)), root)
    }

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn root_passes_on_nothing_that_others_can_write() {
        if !trust::needed() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::create_dir(path("own")).unwrap();
        fs::create_dir(path("his")).unwrap();
        mode(Path::new(&path("own")), 0o700);
        for file in ["own/file", "his/file"] {
            fs::write(path(file), "x").unwrap();
        }
        chown(path("his"), Some(65534), None).unwrap();
        for (name, shape, refused) in [
            ("KUBECONFIG", "/etc/hostname:@/file", true),
            ("CEPH_CONF", "/etc/hostname,@/file", true),
            ("CEPH_ARGS", "--id x --conf=@/file", true),
            ("CEPH_ARGS", "-c @/file", true),
            ("CEPH_ARGS", "-c@/file", true),
            ("CEPH_ARGS", "--keyring @/not-there", true),
            ("LVM_SYSTEM_DIR", "@", true),
            ("LD_PRELOAD", "@/file", true),
            ("LD_LIBRARY_PATH", "/usr/lib:@", true),
            ("TMPDIR", "@", false),
            ("SSH_AUTH_SOCK", "@/file", false),
            ("XDG_RUNTIME_DIR", "@", false),
            ("HOME", "@", false),
            ("TZ", ":@/file", false),
        ] {
            let own = shape.replace('@', &path("own"));
            let found = judged(&[(name, &own)], true);
            assert_eq!(found.refused, [], "{name}");
            assert!(LOADER.contains(&name) || found.variables.get(name) == Some(&own), "{name}: {found:?}");
            let found = judged(&[(name, &shape.replace('@', &path("his")))], true);
            assert_eq!((found.refused.len(), found.left_out.len()), if refused { (1, 0) } else { (0, 1) }, "{name}: {found:?}");
            let told = found.refused.first().map_or_else(|| found.left_out[0].clone(), RefusedVariable::line);
            assert!(told.contains(name) && told.contains(&path("his")), "{told}");
            assert_eq!(found.variables.contains_key(name), name == "HOME", "{name}");
        }
        let found = judged(&[("HOME", &path("his"))], true);
        assert_eq!(found.variables["HOME"], LocalAccount::of(geteuid().as_raw()).unwrap().home.display().to_string());
        // Where everybody may make files, a file that is looked for by name is anybody's, and so is one that is not there yet.
        mode(Path::new(&path("own")), 0o1777);
        for (name, value, passed) in [("TMPDIR", "own", true), ("HOME", "own", false), ("KUBECONFIG", "own/none", false)] {
            let found = judged(&[(name, &path(value))], true);
            assert_eq!(found.variables.get(name) == Some(&path(value)), passed, "{name}: {found:?}");
        }
    }

    /// A file of settings may name a program (`credential_process` of AWS).
    #[test]
    fn what_a_runbook_passes_on_is_judged_as_all_else() {
        let passed = ["AWS_*", "OS_CLOUD", "HTTPS_PROXY", "KUBECONFIG"].map(|name| PassedVariable::new(name).unwrap());
        let of = |variables: &[(&str, &str)], root: bool| {
            let mut found = judged(variables, root);
            found.pass_on(&passed, variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))), root);
            found
        };
        let found = of(&[("AWS_PROFILE", "ops"), ("AWS_PAGER", "less"), ("KUBECONFIG", "/x"), ("FOREIGN", "y")], false);
        assert_eq!(found.passed, BTreeMap::from([("AWS_PROFILE".to_owned(), "ops".to_owned())]));
        assert_eq!(found.not_set, ["OS_CLOUD", "HTTPS_PROXY"]);
        assert_eq!(found.variables["KUBECONFIG"], "/x", "what commands get anyway stays so");
        if !trust::needed() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let his = folder.path().join("his").display().to_string();
        fs::write(&his, "x").unwrap();
        chown(Path::new(&his), Some(65534), None).unwrap();
        for (name, value, passes) in [
            ("AWS_CONFIG_FILE", "/etc/hostname".to_owned(), true),
            ("AWS_CONFIG_FILE", his.clone(), false),
            ("AWS_X", format!("/etc/hostname:{his}"), false),
            ("AWS_X", format!("file={his}"), false),
            ("AWS_SHARED_CREDENTIALS_FILE", his.clone(), false),
            ("AWS_CREDENTIALS", his, false),
            ("HTTPS_PROXY", "http://ops:pw@proxy.example.org:3128/x".to_owned(), true),
            ("AWS_SECRET_ACCESS_KEY", "/no/such/directory/of/ours".to_owned(), true),
        ] {
            let found = of(&[(name, &value)], true);
            assert_eq!((found.passed.contains_key(name), found.refused.is_empty()), (passes, passes), "{name}={value}: {found:?}");
        }
    }

    #[test]
    fn a_runtime_directory_is_ones_own_whoever_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let value = folder.path().display().to_string();
        for (bits, passed) in [(0o700, true), (0o755, false), (0o770, false)] {
            mode(folder.path(), bits);
            assert_eq!(judged(&[("XDG_RUNTIME_DIR", &value)], false).variables.contains_key("XDG_RUNTIME_DIR"), passed, "{bits:o}");
        }
        assert_eq!(judged(&[("XDG_RUNTIME_DIR", "/nowhere"), ("KUBECONFIG", "/nowhere/x")], false).left_out.len(), 1);
    }

    #[test]
    fn programs_are_looked_for_in_absolute_places() {
        assert_eq!(judged(&[("PATH", "/a:b::/c")], false).variables["PATH"], "/a:/c");
        assert_eq!(judged(&[("PATH", "/a")], true).variables["PATH"], SAFE_PATH);
        assert_eq!(judged(&[("PATH", "b")], false).variables["PATH"], SAFE_PATH);
    }
}
