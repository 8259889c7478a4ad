//! Far sides that do something else than what they are asked to.

/// What stands in the place of a login shell or a forced command, by its kind; `O` is what the client asked for.
pub(crate) const FORCED: &str = r#"O=$SSH_ORIGINAL_COMMAND
case $KIND in
true) exit 0 ;;
false) exit 1 ;;
echo) echo 'Please login as the user "debian".'; exit 0 ;;
nologin) exec nologin ;;
cat) exec cat ;;
tee) exec tee /dev/stderr ;;
bash) exec bash ;;
sh) exec sh -s ;;
python) exec python3 - ;;
line-then-bash) read -r line; exec bash ;;
bytes-then-bash) dd bs=1 count=37 of=/dev/null 2>/dev/null; exec bash ;;
block-then-sh) head -n 1 >/dev/null; exec sh ;;
sftp) exec /usr/lib/openssh/sftp-server ;;
rbash) exec rbash -c "$O" ;;
255) exit 255 ;;
killed) kill -KILL $$ ;;
says-command) echo "$O"; echo "$O" >&2; exit 0 ;;
checks-syntax) exec bash -n -c "$O" ;;
cut-letter) head -c 60 | sh -c "$O" ;;
no-input) exec sh -c "$O" </dev/null ;;
flood) yes 'Please login' | head -c 300000; exit 0 ;;
line-before) { echo echo junk; cat; } | sh -c "$O" ;;
upper-case) tr a-z A-Z | sh -c "$O" ;;
all-twice) tee -a /dev/null | sed p | sh -c "cat >/dev/null; exit 0" ;;
menu) echo '1) status  2) reboot'; read -r choice; echo "no such choice: $choice"; exit 0 ;;
cut-output) sh -c "$O" | head -c 30; exit 0 ;;
no-errors) sh -c "$O" 2>/dev/null ;;
other-code) sh -c "$O"; exit 0 ;;
last-word) sh -c "$O"; echo goodbye; echo goodbye >&2; exit 9 ;;
merged) exec sh -c "$O" 2>&1 ;;
dash) exec dash -c "$O" ;;
traced) exec bash -xvc "$O" ;;
*) exec bash -c "$O" ;;
esac
"#;

/// What the far bash reads before anything else.
pub(crate) const BASHRC: &str = r#"case $KIND in
rc-exits) exit 0 ;;
rc-returns-odd) exit 7 ;;
rc-reads) read -r line ;;
rc-reads-all) cat >/dev/null ;;
rc-execs) exec true ;;
rc-shell) read -r line; exec bash --norc ;;
rc-noise) echo noise; echo noise >&2 ;;
rc-noise-unended) printf noise; printf noise >&2 ;;
rc-fails) false; nosuchprogram; set -o nosuchoption ;;
rc-unset) echo "$NOPE" ;;
esac
"#;

/// Where nothing of the command may run.
pub(crate) const ELSEWHERE: &[&str] = &[
    "true",
    "false",
    "echo",
    "nologin",
    "cat",
    "tee",
    "bash",
    "sh",
    "python",
    "line-then-bash",
    "bytes-then-bash",
    "block-then-sh",
    "sftp",
    "rbash",
    "255",
    "killed",
    "says-command",
    "checks-syntax",
    "cut-letter",
    "no-input",
    "flood",
    "line-before",
    "upper-case",
    "all-twice",
    "menu",
    "rc-exits",
    "rc-returns-odd",
    "rc-reads",
    "rc-reads-all",
    "rc-execs",
    "rc-shell",
];
