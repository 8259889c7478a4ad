//! Hosts that run something else than what they are asked to: nothing of it may be called a success.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use fastrand::Rng;

use super::{
    row::{Outcome, Setup},
    sides::{BASHRC, ELSEWHERE, FORCED},
    surroundings,
};

/// An sshd whose far side is of the kind that the client names.
struct Far {
    child: Child,
    directory: PathBuf,
    port: u16,
}

impl Far {
    fn start(directory: PathBuf) -> Self {
        let sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].into_iter().find(|path| Path::new(path).exists());
        let sshd = sshd.expect("sshd is missing: apt-get install openssh-server");
        let path = |name: &str| directory.join(name).display().to_string();
        fs::create_dir_all(directory.join("far_home")).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]).status().unwrap();
            assert!(made.success(), "ssh-keygen");
        }
        fs::copy(path("user.pub"), path("authorized_keys")).unwrap();
        // sshd as root does not start without it, and a container has not made it.
        let _ = fs::create_dir_all("/run/sshd");
        fs::write(path("forced"), FORCED).unwrap();
        fs::write(path("far_home/.bashrc"), BASHRC).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 1000\nPrintMotd no\nSetEnv HOME={}\nAcceptEnv KIND\n\
             ForceCommand exec sh {}\n",
            path("host"),
            path("authorized_keys"),
            path("far_home"),
            path("forced")
        );
        fs::write(path("sshd_config"), config).unwrap();
        let key = fs::read_to_string(path("host.pub")).unwrap();
        fs::write(path("known_hosts"), format!("[127.0.0.1]:{port} {key}")).unwrap();
        let mut server = Command::new(sshd);
        surroundings::plain(&mut server)
            .args(["-D", "-e", "-f", &path("sshd_config")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(path("sshd.log")).unwrap());
        let child = server.spawn().unwrap();
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        Self { child, directory, port }
    }

    /// One run there: a step that reads, one that changes and has an input, and what makes sure of it.
    fn point(&self, setup: &Setup, kind: &str, lines: usize, number: usize) -> Result<(), String> {
        let place = self.directory.join(number.to_string());
        fs::create_dir(&place).unwrap();
        let path = |name: &str| place.join(name).display().to_string();
        let input = format!("touch {}\n", path("obeyed")).repeat(lines);
        let host = &self.directory.display();
        let inventory = format!(
            "halligan_inventory: 1\nhosts: {{h1: {{address: 127.0.0.1, transport: lab}}}}\ntransports:\n  lab:\n    kind: ssh\n    \
             options: [-F, none, '-oPort={}', '-oIdentityFile={host}/user', '-oIdentitiesOnly=yes', '-oUserKnownHostsFile={host}/known_hosts', \
             '-oSetEnv=KIND={kind}']\n",
            self.port
        );
        let book = format!(
            "halligan: 1\nname: far\ntitle: Somewhere else\nsummary: For the torture.\nsteps:\n\
             - {{id: look, run: [test, -e, /], on: h1, effect: read, on_fail: continue}}\n\
             - id: change\n  run: [touch, {}]\n  stdin: {}\n  on: h1\n  effect: change\n  undo: {{impossible: no need}}\n  \
             verify: {{title: It is there, run: [test, -e, /], on: h1}}\n",
            path("ran"),
            serde_json::Value::from(input)
        );
        fs::write(path("inventory.yaml"), inventory).unwrap();
        fs::write(path("far.yaml"), book).unwrap();
        let output = surroundings::plain(&mut Command::new(&setup.binary))
            .args(["run", &path("far.yaml"), "--inventory", &path("inventory.yaml"), "--journal-dir", &path("journal"), "--yes"])
            .env_clear()
            .envs([("HOME", place.as_path()), ("PATH", Path::new("/usr/local/bin:/usr/bin:/bin"))])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let journal = fs::read_to_string(place.join("journal/journal.jsonl")).unwrap_or_default();
        let ended = journal.lines().filter(|line| ["\"step_ended\"", "\"step_in_doubt\""].iter().any(|kind| line.contains(kind)));
        let passed = ended.clone().filter(|line| line.contains("\"code\":0") || line.contains("\"passed\"")).count();
        let wrong = if ended.count() == 0 {
            format!("no step was tried: {said}")
        } else if output.status.code() == Some(0) || passed > 0 {
            format!("{passed} successes, exit {:?}", output.status.code())
        } else if place.join("ran").exists() || place.join("obeyed").exists() {
            "something of it was obeyed".to_owned()
        } else {
            fs::remove_dir_all(&place).unwrap();
            return Ok(());
        };
        Err(wrong)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn run(setup: &Setup) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rng = Rng::with_seed(setup.seed);
    let far = Far::start(setup.memory.join("far"));
    let rounds = if setup.long { 300 } else { ELSEWHERE.len() };
    for number in 0..rounds {
        let kind = ELSEWHERE[number % ELSEWHERE.len()];
        // In the letter or behind it.
        let lines = rng.usize(1..600);
        outcome.point(format!("{kind}, {lines} lines of input"), far.point(setup, kind, lines, number));
    }
    let honest = ["plain", "dash", "merged"];
    outcome.control("a host that does run it", honest.into_iter().enumerate().map(|(at, kind)| far.point(setup, kind, 1, rounds + at)));
    outcome
}
