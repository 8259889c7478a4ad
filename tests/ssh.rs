//! Commands on other hosts, through a real sshd on loopback addresses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "ssh/sides.rs"]
mod sides;
mod surroundings;

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use halligan::door::{
    Inventory, ProcessExecutor, Secrets,
    event::{Captured, Effect, Exit, Part, Place, ReadNeeds, SentSignal, Words},
    ports::{Capture, EnvValue, Executor, Interrupts, LedgerError, Order, Ran, Site},
    runbook::{Origin, SourceText},
};
use sides::{BASHRC, ELSEWHERE, FORCED};

/// An sshd of the test's own, on every loopback address, as a child that ends with the test.
struct Server {
    child: Child,
    directory: tempfile::TempDir,
    port: u16,
}

impl Server {
    fn start() -> Self {
        Self::with(|_| "MaxStartups 1000\n".to_owned())
    }

    /// With more lines of its configuration, which may name files of its directory.
    fn with(more: impl Fn(&dyn Fn(&str) -> String) -> String) -> Self {
        surroundings::settle();
        let sshd = ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].into_iter().find(|path| Path::new(path).exists());
        let sshd = sshd.expect("sshd is missing: apt-get install openssh-server");
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for key in ["host", "user", "other"] {
            run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]);
        }
        fs::copy(path("user.pub"), path("authorized_keys")).unwrap();
        if whoami() == "root" {
            // sshd as root does not start without it, and a container has not made it.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPermitRootLogin yes\nPrintMotd no\nSetEnv HOME={}\n{}",
            path("host"),
            path("authorized_keys"),
            // A login shell reads its start files even here: it gets a home without any.
            path("far_home"),
            more(&path)
        );
        fs::create_dir(path("far_home")).unwrap();
        fs::write(path("sshd_config"), config).unwrap();
        let key = fs::read_to_string(path("host.pub")).unwrap();
        fs::write(path("known_hosts"), format!("[127.0.0.*]:{port} {key}")).unwrap();
        let client = format!(
            "# sshd listens at one address only; each of the others is a host of its own to ssh all the same.\nHost 127.0.0.*\n  HostName 127.0.0.1\nHost *\n  Port {port}\n  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n  KexAlgorithms curve25519-sha256\n",
            whoami(),
            path("user"),
            path("known_hosts")
        );
        fs::write(path("ssh_config"), client).unwrap();
        let log = fs::File::create(path("sshd.log")).unwrap();
        let mut server = Command::new(sshd);
        surroundings::plain(&mut server)
            .args(["-D", "-e", "-f", &path("sshd_config")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let server = Self { child: server.spawn().unwrap(), directory, port };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "{}", server.log());
            thread::sleep(Duration::from_millis(10));
        }
        server
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("sshd.log")).unwrap_or_default()
    }

    /// An inventory of so many hosts, `h1` and on.
    fn inventory_text(&self, hosts: u8, options: &[&str]) -> String {
        let config = self.path("ssh_config").display().to_string();
        let options: Vec<&str> = ["-F", &config].into_iter().chain(options.iter().copied()).collect();
        let mut text = format!("halligan_inventory: 1\ntransport: lab\ntransports:\n  lab: {{kind: ssh, options: {options:?}}}\nhosts:\n");
        for host in 1..=hosts {
            text.extend([format!("  h{host}: {{address: 127.0.0.{host}, vars: {{number: {host}}}}}\n")]);
        }
        let names: Vec<String> = (1..=hosts).map(|host| format!("h{host}")).collect();
        text + &format!("groups:\n  all: {{hosts: [{}]}}\n", names.join(", "))
    }

    fn executor(&self, options: &[&str]) -> ProcessExecutor {
        executor(&self.inventory_text(1, options))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn executor(inventory: &str) -> ProcessExecutor {
    let (inventory, report) = Inventory::parse(SourceText::new("inventory.yaml", Origin::Bundled, inventory));
    let inventory = inventory.unwrap_or_else(|| panic!("{}", report.plain()));
    ProcessExecutor::new(Secrets::default(), Some(Arc::new(inventory)), None)
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(status.success(), "{program} {arguments:?}");
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn kill(signal: &str, pid: &str) {
    assert!(pid.parse::<u32>().is_ok_and(|pid| pid > 1), "{pid:?}");
    run("kill", &["-s", signal, pid]);
}

#[derive(Default)]
struct Sink(u64);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Capture for Sink {
    fn finish(self: Box<Self>) -> Result<Captured, LedgerError> {
        Ok(Captured { bytes: self.0, ..Captured::empty() })
    }
}

/// Keeps what it is told, and acts on lines.
struct Watch<F> {
    signals: Mutex<Vec<String>>,
    line: F,
}

impl<F: Fn(&str) + Sync> Site for Watch<F> {
    fn spawned(&self, _: u32, _: u64) -> Result<(), LedgerError> {
        Ok(())
    }
    fn signalled(&self, signal: SentSignal) -> Result<(), LedgerError> {
        self.signals.lock().unwrap().push(signal.to_string());
        Ok(())
    }
    fn capture(&self) -> Result<Box<dyn Capture>, LedgerError> {
        Ok(Box::new(Sink::default()))
    }
    fn line(&self, text: &str) {
        (self.line)(text);
    }
    fn listens(&self) -> bool {
        true
    }
    fn remark(&self, _: &str) -> Result<(), LedgerError> {
        Ok(())
    }
}

fn watch<F: Fn(&str) + Sync>(line: F) -> Watch<F> {
    Watch { signals: Mutex::default(), line }
}

fn order(argv: &[&str]) -> Order {
    Order {
        query: None,
        place: Place::top("test"),
        part: Part::Main,
        words: Words::Argv(argv.iter().map(|word| (*word).to_owned()).collect()),
        effect: Effect::Change,
        host: Some("h1".to_owned()),
        user: None,
        cwd: None,
        env: Vec::new(),
        stdin: None,
        timeout: Some(Duration::from_secs(60)),
        interactive: false,
        reading: ReadNeeds::default(),
    }
}

fn execute(executor: &ProcessExecutor, order: &Order) -> Ran {
    executor.execute(order, &watch(|_| ()), &Interrupts::default()).unwrap()
}

fn awkward(count: usize) -> Vec<String> {
    let pieces = [
        "",
        " ",
        "  ",
        "\t",
        "\n",
        "\r",
        "\n\n",
        "'",
        "\"",
        "`",
        "$",
        "$(touch /tmp/x)",
        "`id`",
        "${HOME}",
        "$HOME",
        "\\",
        "\\n",
        "\\0101",
        "!",
        "!!",
        "#",
        "~",
        "*",
        "?",
        "[a]",
        "{a,b}",
        "&",
        "&&",
        "|",
        ";",
        "<",
        ">",
        "(",
        ")",
        "=",
        "-",
        "--",
        "-n",
        "-rf",
        "%s",
        "%",
        "é",
        "Á",
        "漢字",
        "🦀",
        "\u{202e}",
        "\u{200b}",
        "\u{feff}",
        "\u{1b}[31m",
        "\u{7}",
        "\u{1}",
        "\u{7f}",
        "\u{81}",
        "\u{88}",
        "a",
        "0",
        "EOF",
        "p=1",
    ];
    // The same on every run: a plain linear congruence picks the pieces.
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut all: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
    while all.len() < count {
        let length = 1 + next(12);
        all.push((0..length).map(|_| pieces[next(pieces.len())]).collect());
    }
    all.truncate(count);
    all
}

#[test]
fn five_hundred_awkward_words_arrive_byte_for_byte() {
    let server = Server::start();
    let executor = server.executor(&[]);
    for words in awkward(500).chunks(50) {
        let mut argv = vec!["printf", "%s\\0"];
        argv.extend(words.iter().map(String::as_str));
        let ran = execute(&executor, &order(&argv));
        assert_eq!((ran.exit, String::from_utf8_lossy(&ran.stderr.head).as_ref()), (Exit::Code(0), ""));
        let text = String::from_utf8(ran.stdout.head).unwrap();
        assert_eq!(text.split_terminator('\0').collect::<Vec<_>>(), words);
    }
    // Longer than one argument may be on the way.
    let long = "x".repeat(100_000);
    let ran = execute(&executor, &order(&["printf", "%s", &long]));
    assert!(ran.stdout.head == long.as_bytes());
    // All of this went over one connection, which is gone when nobody needs it.
    assert_eq!(server.log().matches("Accepted publickey").count(), 1, "{}", server.log());
    drop(executor);
    let began = Instant::now();
    while !server.log().contains("Disconnected from user") {
        assert!(began.elapsed() < Duration::from_secs(5), "{}", server.log());
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn environment_input_directory_scripts_and_codes_are_the_commands_own() {
    let server = Server::start();
    let executor = server.executor(&[]);
    let secret = "hunter2 it's a \"secret\"\n$(id)";
    let mut cat = order(&["bash", "-c", "pwd; printf '%s' \"$SECRET\"; cat; cat /proc/[0-9]*/cmdline 2>/dev/null | grep -ac 'hunter[2]'"]);
    cat.env = vec![EnvValue { name: "SECRET".to_owned(), value: secret.to_owned() }];
    cat.cwd = Some("/usr".into());
    cat.stdin = Some("first\nsecond".to_owned());
    let ran = execute(&executor, &cat);
    assert_eq!(String::from_utf8_lossy(&ran.stdout.head), format!("/usr\n{secret}first\nsecond0\n"), "no process list shows the secret");
    let mut script = order(&[]);
    script.words = Words::Script("false | true\necho unreached".to_owned());
    let ran = execute(&executor, &script);
    assert_eq!((ran.exit, ran.stdout.head), (Exit::Code(1), Vec::new()));
    for code in [0, 1, 2, 126, 254, 255] {
        let ran = execute(&executor, &order(&["bash", "-c", &format!("echo said >&2; exit {code}")]));
        assert_eq!((ran.exit, String::from_utf8_lossy(&ran.stderr.head).trim_end()), (Exit::Code(code), "said"), "{code}");
    }
    let ran = execute(&executor, &order(&["bash", "-c", "kill -9 $$"]));
    assert_eq!(ran.exit, Exit::Code(137));
    let ran = execute(&executor, &order(&["cat"]));
    assert_eq!((ran.exit, ran.stdout.head), (Exit::Code(0), Vec::new()), "a command without input has none");
}

/// A command that says which process of sshd carries it, and its own pid.
const TELL: &str = "read -r _ _ _ carrier _ </proc/$PPID/stat; echo $carrier $$; exec sleep 60";

#[test]
fn a_connection_that_breaks_leaves_the_step_in_doubt() {
    let server = Server::start();
    let executor = server.executor(&["-oServerAliveInterval=1", "-oServerAliveCountMax=2"]);
    for signal in ["KILL", "STOP"] {
        let pids = Mutex::new(Vec::new());
        let began = Instant::now();
        let site = watch(|line| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            kill(signal, &words[0]);
            *pids.lock().unwrap() = words;
        });
        let ran = executor.execute(&order(&["bash", "-c", TELL]), &site, &Interrupts::default()).unwrap();
        for pid in pids.into_inner().unwrap() {
            let _ = Command::new("kill").args(["-s", "KILL", &pid]).stderr(Stdio::null()).status();
        }
        let Exit::Lost { why } = &ran.exit else { panic!("{signal}: {:?}", ran.exit) };
        assert!(ran.exit.in_doubt() && !why.is_empty() && began.elapsed() < Duration::from_secs(15), "{signal}: {why}");
        // The next command opens the connection again.
        assert_eq!(execute(&executor, &order(&["true"])).exit, Exit::Code(0), "after {signal}");
    }
    // The far shell alone is gone: its connection stands, and still nobody knows.
    let site = watch(|line| kill("KILL", line.trim()));
    let tell = ["bash", "-c", "shell=$PPID; echo $shell; for i in {1..3000}; do kill -0 $shell 2>/dev/null || exit; sleep 0.01; done"];
    let ran = executor.execute(&order(&tell), &site, &Interrupts::default()).unwrap();
    assert!(matches!(ran.exit, Exit::Lost { .. }), "{:?}", ran.exit);
}

#[test]
fn a_host_that_does_not_answer_is_told_from_a_command_that_failed() {
    let server = Server::start();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("-oPort={}", silent.local_addr().unwrap().port());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let stranger = server.path("stranger");
    let key = fs::read_to_string(server.path("other.pub")).unwrap();
    fs::write(&stranger, format!("[127.0.0.1]:{} {key}", server.port)).unwrap();
    for (options, expected) in [
        (vec![port, "-oConnectTimeout=1".to_owned()], "timed out"),
        (vec![format!("-oPort={closed}")], "Connection refused"),
        (vec![format!("-oUserKnownHostsFile={}", stranger.display())], "the host has another key than the one that is known"),
        (vec!["-oPubkeyAuthentication=no".to_owned()], "Permission denied"),
    ] {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let executor = server.executor(&options);
        let began = Instant::now();
        let ran = execute(&executor, &order(&["touch", "/nonexistent/x"]));
        let Exit::NotStarted { why } = &ran.exit else { panic!("{options:?}: {:?}", ran.exit) };
        assert!(why.contains(expected) && began.elapsed() < Duration::from_secs(10), "{options:?}: {why}");
    }
    let mut unknown = order(&["true"]);
    unknown.host = Some("h2".to_owned());
    let ran = execute(&server.executor(&[]), &unknown);
    assert!(matches!(ran.exit, Exit::NotStarted { why } if why.contains("not in the inventory")));
}

#[test]
fn what_takes_too_long_is_ended_on_the_far_side() {
    let server = Server::start();
    let executor = server.executor(&[]);
    let pid = Mutex::new(String::new());
    let site = watch(|line| line.trim().clone_into(&mut pid.lock().unwrap()));
    let mut slow = order(&["bash", "-c", "echo $$; sleep 60 & wait"]);
    slow.timeout = Some(Duration::from_millis(500));
    let ran = executor.execute(&slow, &site, &Interrupts::default()).unwrap();
    assert!(matches!(ran.exit, Exit::TimedOut { killed: false, .. }), "{:?}", ran.exit);
    assert_eq!(*site.signals.lock().unwrap(), ["TERM"]);
    let pid = pid.into_inner().unwrap();
    assert!(!Path::new("/proc").join(&pid).exists(), "{pid} is still there");
    // One that does not heed TERM is killed, and then unknown how far the command got.
    let pid = Mutex::new(String::new());
    let site = watch(|line| line.trim().clone_into(&mut pid.lock().unwrap()));
    let mut deaf = order(&["bash", "-c", "trap '' TERM; echo $$; sleep 60; sleep 60"]);
    deaf.timeout = Some(Duration::from_millis(500));
    let ran = executor.execute(&deaf, &site, &Interrupts::default()).unwrap();
    assert!(matches!(ran.exit, Exit::TimedOut { killed: true, .. }), "{:?}", ran.exit);
    assert_eq!(*site.signals.lock().unwrap(), ["TERM", "KILL"]);
    let pid = pid.into_inner().unwrap();
    let began = Instant::now();
    while Path::new("/proc").join(&pid).exists() {
        assert!(began.elapsed() < Duration::from_secs(5), "{pid} is still there");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_command_of_the_sites_own_carries_words_too() {
    let awkward = awkward(60);
    for (quoting, stdin) in [("argv", true), ("argv", false), ("shell", true), ("shell", false)] {
        let command = match quoting {
            "argv" => "[env, 'HOST={host}', '{command}']",
            _ => "[env, 'HOST={host}', bash, -c, '{command}']",
        };
        let executor = executor(&format!(
            "halligan_inventory: 1\ntransport: own\ntransports:\n  own: {{kind: command, command: {command}, quoting: {quoting}, stdin: {stdin}, \
             lost: {{codes: [7]}}}}\nhosts: {{h1: {{address: there}}}}\n"
        ));
        let mut argv = vec!["bash", "-c", "printf '%s\\0' \"$HOST\" \"$@\"", "x"];
        argv.extend(awkward.iter().map(String::as_str));
        let ran = execute(&executor, &order(&argv));
        let text = String::from_utf8(ran.stdout.head).unwrap();
        let words: Vec<&str> = text.split_terminator('\0').collect();
        assert_eq!((words[0], &words[1..]), ("there", &awkward.iter().map(String::as_str).collect::<Vec<_>>()[..]), "{quoting} {stdin}");
        // A code that is the transport's too is the command's own where the far side says so.
        for code in [0, 7, 8] {
            assert_eq!(execute(&executor, &order(&["bash", "-c", &format!("exit {code}")])).exit, Exit::Code(code));
        }
        assert!(matches!(execute(&executor, &order(&["bash", "-c", "kill -KILL $PPID"])).exit, Exit::Lost { .. }));
    }
}

#[test]
fn a_transport_of_the_sites_own_that_runs_something_else_has_not_started_it() {
    for (command, lost, in_doubt) in [
        ("[\"true\", '{command}']", "", false),
        ("[echo, '{command}']", "", false),
        ("[sh, -c, 'cat; cat >&2', '{command}']", "", false),
        ("[sh, -c, 'exit 127', '{command}']", "", false),
        // Whether the connection broke nobody can tell here; where the inventory says how that looks, it is told.
        ("[sh, -c, 'exit 3', '{command}']", "", true),
        ("[sh, -c, 'exit 3', '{command}']", ", lost: {codes: [7]}", false),
        ("[sh, -c, 'exit 7', '{command}']", ", lost: {codes: [7]}", true),
    ] {
        let executor = executor(&format!(
            "halligan_inventory: 1\ntransport: own\ntransports:\n  own: {{kind: command, command: {command}, quoting: argv{lost}}}\n\
             hosts: {{h1: {{address: there}}}}\n"
        ));
        let exit = execute(&executor, &order(&["true"])).exit;
        assert!(matches!(exit, Exit::NotStarted { .. }) != in_doubt && exit.in_doubt() == in_doubt, "{command}{lost}: {exit:?}");
        assert!(executor.missing_on("h1", &["true".to_owned()], &Interrupts::default()).is_err(), "{command}");
    }
}

const EVERYWHERE: &str = "\
halligan: 1
name: everywhere
title: Ask every host
summary: For tests.
requires: {commands: [echo]}
steps:
- id: ask
  for_each:
    items: \"{{ inventory.groups.all }}\"
    as: host
    batch: 200
    parallel: 200
    max_failures: 3
  steps:
  - id: number
    run: [echo, \"{{ inventory.hosts[host].vars.number }}\"]
    on: \"{{ host }}\"
    effect: read
";

#[test]
fn two_hundred_hosts_at_once() {
    let server = Server::start();
    let path = |name: &str| server.path(name).display().to_string();
    fs::write(path("everywhere.yaml"), EVERYWHERE).unwrap();
    fs::write(path("inventory.yaml"), server.inventory_text(200, &[])).unwrap();
    let environment: BTreeMap<String, String> =
        [("HOME", path("home")), ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned())].map(|(name, value)| (name.to_owned(), value)).into();
    fs::create_dir(path("home")).unwrap();
    let output = surroundings::plain(&mut Command::new(env!("CARGO_BIN_EXE_halligan")))
        .args(["run", &path("everywhere.yaml"), "--inventory", &path("inventory.yaml"), "--journal-dir", &path("journal"), "--yes"])
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("ask[host=h200]"), "{text}");
    assert_eq!(server.log().matches("Accepted publickey").count(), 200, "one connection a host");
}

/// A server whose far side is of the kind that the client names with `-oSetEnv=KIND=`.
fn far_sides() -> Server {
    let server = Server::with(|path| format!("AcceptEnv KIND\nForceCommand exec sh {}\nBanner {}\n", path("forced"), path("banner")));
    fs::write(server.path("forced"), FORCED).unwrap();
    fs::write(server.path("banner"), "*** AUTHORISED USE ONLY ***\n").unwrap();
    fs::write(server.path("far_home/.bashrc"), BASHRC).unwrap();
    server
}

#[test]
fn where_something_else_runs_nothing_is_a_success_and_nothing_is_obeyed() {
    let server = far_sides();
    let [ran, obeyed] = ["ran", "obeyed"].map(|name| server.path(name));
    for kind in ELSEWHERE {
        let executor = server.executor(&[&format!("-oSetEnv=KIND={kind}")]);
        let mut touch = order(&["touch", ran.to_str().unwrap()]);
        let line = format!("touch {}\n", obeyed.display());
        // Short and long: in the letter, and behind it.
        for input in [None, Some(line.clone()), Some(line.repeat(1000))] {
            touch.stdin = input;
            let told = execute(&executor, &touch);
            let why = match &told.exit {
                Exit::NotStarted { why } => why.clone(),
                Exit::Lost { why } if ["255", "killed"].contains(kind) => why.clone(),
                other => panic!("{kind}: {other:?}"),
            };
            assert!(!why.is_empty() && !why.contains("AUTHORISED"), "{kind}: {why}");
            assert!(!ran.exists() && !obeyed.exists(), "{kind}: {why}");
            let said = [&told.stdout.head, &told.stderr.head].map(|stream| String::from_utf8_lossy(stream).into_owned()).concat();
            assert!(!said.contains("\\0040") && !said.contains("0040trap"), "{kind} shows the letter: {said}");
        }
        let asked = executor.missing_on("h1", &["true".to_owned()], &Interrupts::default());
        assert!(asked.is_err(), "{kind}: {asked:?}");
    }
    let told = execute(&server.executor(&["-oSetEnv=KIND=echo"]), &order(&["true"]));
    assert!(matches!(&told.exit, Exit::NotStarted { why } if why.contains("Please login as")), "{:?}", told.exit);
}

#[test]
fn what_is_said_around_a_command_is_not_its_own() {
    let server = far_sides();
    let both = ["sh", "-c", "echo out; echo err >&2; exit 3"];
    for kind in ["plain", "rc-noise", "rc-noise-unended", "rc-fails", "rc-unset", "dash", "other-code", "last-word", "merged", "traced"] {
        let executor = server.executor(&[&format!("-oSetEnv=KIND={kind}")]);
        let mut script = order(&[]);
        script.words = Words::Script("echo out; echo err >&2; exit 3".to_owned());
        for order in [order(&both), script] {
            let ran = execute(&executor, &order);
            let [stdout, stderr] = [&ran.stdout.head, &ran.stderr.head].map(|stream| String::from_utf8_lossy(stream).into_owned());
            let expected = match kind {
                "last-word" => ("out\ngoodbye\n", "err\ngoodbye\n"),
                "merged" => ("out\nerr\n", ""),
                _ => ("out\n", "err\n"),
            };
            assert_eq!((&ran.exit, stdout.as_str(), stderr.as_str()), (&Exit::Code(3), expected.0, expected.1), "{kind}");
        }
    }
}

#[test]
fn an_end_that_is_not_told_is_in_doubt() {
    let server = far_sides();
    for kind in ["cut-output", "no-errors"] {
        let executor = server.executor(&[&format!("-oSetEnv=KIND={kind}")]);
        let ran = execute(&executor, &order(&["sh", "-c", "echo a line that is longer than what is let through"]));
        assert!(ran.exit.in_doubt(), "{kind}: {:?}", ran.exit);
    }
}

#[test]
fn what_a_command_leaves_behind_keeps_nobody_waiting() {
    let server = Server::start();
    let began = Instant::now();
    let ran = execute(&server.executor(&[]), &order(&["sh", "-c", "sleep 50 & echo $!; exit 4"]));
    let pid = String::from_utf8(ran.stdout.head).unwrap();
    kill("KILL", pid.trim());
    assert_eq!((ran.exit, ran.leaked), (Exit::Code(4), true));
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
}

#[test]
fn a_kill_that_cannot_be_sent_is_no_kill() {
    // No second session, so no signal gets there.
    let server = Server::with(|_| "MaxSessions 1\n".to_owned());
    let pid = Mutex::new(String::new());
    let site = watch(|line| line.trim().clone_into(&mut pid.lock().unwrap()));
    let mut slow = order(&["sh", "-c", "echo $$; exec sleep 60"]);
    slow.timeout = Some(Duration::from_secs(2));
    let ran = server.executor(&[]).execute(&slow, &site, &Interrupts::default()).unwrap();
    kill("KILL", &pid.lock().unwrap());
    let Exit::Lost { why } = &ran.exit else { panic!("{:?}", ran.exit) };
    assert!(why.contains("timed out after") && why.contains("may still be running"), "{why}");
    let signals = site.signals.into_inner().unwrap();
    assert!(signals.iter().all(|signal| signal.contains("could not be sent")), "{signals:?}");
}

#[test]
fn reasons_are_those_of_this_connection() {
    let server = far_sides();
    let pid = Mutex::new(String::new());
    let site = watch(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        kill("KILL", words[0]);
        words[1].clone_into(&mut pid.lock().unwrap());
    });
    let ran = server.executor(&["-oSetEnv=KIND=plain"]).execute(&order(&["bash", "-c", TELL]), &site, &Interrupts::default()).unwrap();
    let _ = Command::new("kill").args(["-s", "KILL", pid.into_inner().unwrap().trim()]).stderr(Stdio::null()).status();
    assert!(matches!(&ran.exit, Exit::Lost { why } if !why.contains("AUTHORISED")), "{:?}", ran.exit);
    let (changed, unknown) = (server.path("changed"), server.path("unknown"));
    let key = fs::read_to_string(server.path("other.pub")).unwrap();
    fs::write(&changed, format!("[127.0.0.1]:{} {key}", server.port)).unwrap();
    fs::write(&unknown, "").unwrap();
    for (file, expected) in [(changed, "has another key"), (unknown, "key is not known")] {
        let ran = execute(&server.executor(&[&format!("-oUserKnownHostsFile={}", file.display())]), &order(&["true"]));
        assert!(matches!(&ran.exit, Exit::NotStarted { why } if why.contains(expected)), "{:?}", ran.exit);
    }
}

#[test]
fn a_host_whose_key_is_not_known_is_nobodys_whatever_the_configuration_says() {
    let server = Server::start();
    fs::write(server.path("unknown"), "").unwrap();
    let config = fs::read_to_string(server.path("ssh_config")).unwrap();
    for lax in ["no", "accept-new", "off"] {
        let text = format!("StrictHostKeyChecking {lax}\nUserKnownHostsFile {}\n{config}", server.path("unknown").display());
        fs::write(server.path("ssh_config"), text).unwrap();
        let ran = execute(&server.executor(&[]), &order(&["true"]));
        assert!(matches!(&ran.exit, Exit::NotStarted { why } if why.contains("key is not known")), "{lax}: {:?}", ran.exit);
        assert_eq!(fs::read_to_string(server.path("unknown")).unwrap(), "", "{lax}: no key is learnt");
    }
}

#[test]
fn a_crowd_that_is_refused_comes_again() {
    // One connection that is not authenticated yet, and no more.
    let server = Server::with(|_| "MaxStartups 1:100:1\n".to_owned());
    let executor = executor(&server.inventory_text(12, &[]));
    let exits: Vec<Exit> = thread::scope(|threads| {
        let started: Vec<_> = (1..=12)
            .map(|host| {
                let mut order = order(&["true"]);
                order.host = Some(format!("h{host}"));
                let executor = &executor;
                threads.spawn(move || execute(executor, &order).exit)
            })
            .collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let failed: Vec<&Exit> = exits.iter().filter(|exit| **exit != Exit::Code(0)).collect();
    assert!(failed.iter().all(|exit| matches!(exit, Exit::NotStarted { why } if why.contains("MaxStartups"))), "{failed:?}");
    assert!(server.log().contains("MaxStartups") || server.log().contains("drop connection"), "no crowd was refused: {}", server.log());
    assert!(failed.len() <= 3, "{failed:?}");
}

/// An inventory's worth of hosts that are reached through one other host, an sshd that takes as many at once as OpenSSH's own settings say.
#[test]
fn nobody_is_refused_by_a_bastion_with_the_settings_of_openssh() {
    const HOSTS: u8 = 60;
    let bastion = Server::with(|_| String::new());
    let server = Server::start();
    let config = server.path("ssh_config");
    let through = format!(
        "Host bastion\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile {}\n  UserKnownHostsFile {}\nHost 127.0.0.*\n  ProxyJump bastion\n{}",
        bastion.port,
        bastion.path("user").display(),
        bastion.path("known_hosts").display(),
        fs::read_to_string(&config).unwrap()
    );
    fs::write(&config, through).unwrap();
    let executor = executor(&server.inventory_text(HOSTS, &[]));
    let at_once = |work: &(dyn Fn(u8) -> Option<String> + Sync), hosts: u8| -> Vec<String> {
        thread::scope(|threads| {
            let started: Vec<_> = (1..=hosts).map(|host| threads.spawn(move || work(host))).collect();
            started.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        })
    };
    let by_halligan = |host: u8| {
        let mut order = order(&["true"]);
        order.host = Some(format!("h{host}"));
        let exit = execute(&executor, &order).exit;
        (exit != Exit::Code(0)).then(|| format!("h{host}: {exit:?}"))
    };
    let refused = at_once(&by_halligan, HOSTS);
    assert!(refused.is_empty(), "{refused:?}\n{}", bastion.log());
    // The control: whoever opens 32 at once is refused some.
    let bare = |host: u8| {
        let mut ssh = Command::new("ssh");
        let ssh = surroundings::plain(&mut ssh).arg("-F").arg(&config).args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
        let status = ssh.arg(format!("127.0.0.{host}")).arg("true").stdin(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        (!status.success()).then(|| format!("127.0.0.{host}: {status}"))
    };
    let refused = at_once(&bare, 32);
    assert!(!refused.is_empty(), "32 at once were taken: the bastion is no bottleneck");
}
