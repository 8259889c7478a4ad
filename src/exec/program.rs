//! A program of this machine: found, and fit to be started, or why not.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    sys::statvfs::{FsFlags, fstatvfs},
    unistd::{AccessFlags, access},
};

/// So much of a program says what it is.
const HEAD: u64 = 512;

/// Why a program cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("not found on this machine")]
    Absent,
    #[error("it is a directory")]
    Directory,
    #[error("it is not a regular file")]
    Irregular,
    #[error("it is not executable (mode {mode:04o}): no x bit")]
    NoExecuteBit { mode: u32 },
    #[error("halligan's user may not execute it (mode {mode:04o}, owner {owner})")]
    Forbidden { mode: u32, owner: u32 },
    #[error("its file system is mounted noexec")]
    Noexec,
    #[error("its interpreter `{interpreter}` is not there (first line, `#!`)")]
    NoInterpreter { interpreter: String },
    #[error("its interpreter `{interpreter}` cannot be executed (first line, `#!`)")]
    BadInterpreter { interpreter: String },
    #[error("its first line ends with a carriage return, which belongs to the name of the interpreter then")]
    CarriageReturn,
    #[error("it is empty")]
    Empty,
    #[error("it is a text file without a first line `#!`, so no interpreter is named")]
    NoFirstLine,
    #[error("it cannot be looked at: {why}")]
    Unreadable { why: String },
}

impl Unfit {
    /// In the words of a command that was not started.
    pub(super) fn at_the_start(&self, program: &str, user: Option<&str>) -> String {
        match (self, user) {
            (Self::Absent, Some(user)) if program == "sudo" => format!("there is no sudo on this machine to run it as {user}"),
            (Self::Absent, _) if program.contains('/') => format!("there is no program {program}"),
            (Self::Absent, _) => format!("there is no program `{program}` on the PATH"),
            (unfit, _) => format!("{program}: {unfit}"),
        }
    }
}

/// Finds a program as the kernel would when it is started, on a PATH or by its own path.
///
/// # Errors
/// It is not there; or what is there cannot be started, and why.
pub(super) fn find(path: &str, program: &str) -> Result<PathBuf, Unfit> {
    if program.contains('/') {
        return look(Path::new(program)).map(|()| PathBuf::from(program));
    }
    let mut first = Unfit::Absent;
    for candidate in path.split(':').map(|directory| Path::new(directory).join(program)) {
        match look(&candidate) {
            Ok(()) => return Ok(candidate),
            // A directory of that name is no program, and none is meant.
            Err(Unfit::Absent | Unfit::Directory) => {}
            Err(unfit) if first == Unfit::Absent => first = unfit,
            Err(_) => {}
        }
    }
    Err(first)
}

/// Whether a directory can be a command's working directory.
///
/// # Errors
/// Why not.
pub(super) fn enter(directory: &Path) -> Result<(), String> {
    let shown = directory.display();
    match fs::metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!("the working directory {shown} does not exist")),
        Err(error) => Err(format!("the working directory {shown} cannot be entered: {error}")),
        Ok(found) if !found.is_dir() => Err(format!("the working directory {shown} is not a directory")),
        Ok(_) => access(directory, AccessFlags::X_OK)
            .map_err(|errno| format!("the working directory {shown} cannot be entered: {}", errno.desc())),
    }
}

/// What is opened is judged, not the name before.
fn look(path: &Path) -> Result<(), Unfit> {
    let unreadable = |error: io::Error| Unfit::Unreadable { why: error.to_string() };
    let open = |flags: OFlag| fs::OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let file = match open(OFlag::O_PATH) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Err(Unfit::Absent),
        Err(error) => return Err(unreadable(error)),
    };
    let found = file.metadata().map_err(unreadable)?;
    if found.is_dir() {
        return Err(Unfit::Directory);
    }
    if !found.is_file() {
        return Err(Unfit::Irregular);
    }
    let (mode, owner) = (found.mode() & 0o7777, found.uid());
    if let Err(errno) = access(path, AccessFlags::X_OK) {
        let noexec = fstatvfs(file.as_fd()).is_ok_and(|system| system.flags().contains(FsFlags::ST_NOEXEC));
        return Err(match errno {
            Errno::EACCES if mode & 0o111 == 0 => Unfit::NoExecuteBit { mode },
            Errno::EACCES if noexec => Unfit::Noexec,
            Errno::EACCES => Unfit::Forbidden { mode, owner },
            errno => Unfit::Unreadable { why: errno.desc().to_owned() },
        });
    }
    // One that may be executed and not read is the kernel's to judge.
    let Ok(program) = open(OFlag::O_NONBLOCK | OFlag::O_NOCTTY) else { return Ok(()) };
    let same = program.metadata().is_ok_and(|opened| opened.ino() == found.ino() && opened.dev() == found.dev());
    if same { begins(program) } else { Ok(()) }
}

/// By its beginning. What the C library would give to `sh`, since the kernel does not know it, is not what was asked for.
fn begins(program: File) -> Result<(), Unfit> {
    let mut head = Vec::new();
    program.take(HEAD).read_to_end(&mut head).map_err(|error| Unfit::Unreadable { why: error.to_string() })?;
    let Some(line) = head.strip_prefix(b"#!") else {
        return match head.as_slice() {
            [] => Err(Unfit::Empty),
            head if head.contains(&0) || std::str::from_utf8(head).is_err_and(|error| error.error_len().is_some()) => Ok(()),
            _ => Err(Unfit::NoFirstLine),
        };
    };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_start();
    let name: Vec<u8> = line.iter().copied().take_while(|byte| !matches!(byte, b' ' | b'\t' | 0)).collect();
    if name.ends_with(b"\r") {
        return Err(Unfit::CarriageReturn);
    }
    let interpreter = String::from_utf8_lossy(&name).into_owned();
    match access(Path::new(&interpreter), AccessFlags::X_OK) {
        Ok(()) => Ok(()),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Err(Unfit::NoInterpreter { interpreter }),
        Err(_) => Err(Unfit::BadInterpreter { interpreter }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn each_cause_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, mode: u32, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let text = |interpreter: &str| format!("#!{interpreter}\nexit 0\n");
        file("good", 0o755, &text("/bin/sh -e"));
        file("plain", 0o644, &text("/bin/sh"));
        file("lost", 0o755, &text("/nowhere/python3"));
        file("bad", 0o755, &text("/etc/passwd"));
        file("windows", 0o755, "#!/bin/sh\r\nexit 0\r\n");
        file("bare", 0o755, "exit 0\n");
        file("empty", 0o755, "");
        fs::create_dir(folder.path().join("dir")).unwrap();
        let found = |program: &str| find(&folder.path().display().to_string(), program);
        assert_eq!(found("good"), Ok(folder.path().join("good")));
        for (program, unfit) in [
            ("plain", Unfit::NoExecuteBit { mode: 0o644 }),
            ("lost", Unfit::NoInterpreter { interpreter: "/nowhere/python3".to_owned() }),
            ("bad", Unfit::BadInterpreter { interpreter: "/etc/passwd".to_owned() }),
            ("windows", Unfit::CarriageReturn),
            ("bare", Unfit::NoFirstLine),
            ("empty", Unfit::Empty),
            ("none", Unfit::Absent),
        ] {
            assert_eq!(found(program), Err(unfit.clone()), "{program}");
            assert_eq!(found(&folder.path().join(program).display().to_string()), Err(unfit), "{program}");
        }
        // On a PATH it is passed over, as the kernel does.
        assert_eq!(found("dir"), Err(Unfit::Absent));
        assert_eq!(found(&folder.path().join("dir").display().to_string()), Err(Unfit::Directory));
        assert_eq!(found("/dev/null"), Err(Unfit::Irregular));
        assert!(find("/usr/bin:/bin", "sh").is_ok() && find("/usr/bin", "/bin/sh").is_ok());
        let both = format!("{}:/usr/bin", folder.path().display());
        file("cat", 0o644, "");
        assert_eq!(find(&both, "cat"), Ok(PathBuf::from("/usr/bin/cat")));
    }

    #[test]
    fn a_working_directory_is_there_and_can_be_entered() {
        assert_eq!(enter(Path::new("/")), Ok(()));
        assert_eq!(enter(Path::new("/nowhere/at-all")), Err("the working directory /nowhere/at-all does not exist".to_owned()));
        assert_eq!(enter(Path::new("/etc/passwd")), Err("the working directory /etc/passwd is not a directory".to_owned()));
    }
}
