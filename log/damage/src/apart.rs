//! A test in a process of its own, with limits: a stack that overflows, or an allocation of any size, ends that process
//! and not the tests beside it.

#![expect(
    clippy::disallowed_methods,
    reason = "only tests come here: they start themselves again, told so by their environment"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

/// Tells the process that it is the one apart, and where it writes down each input before it is read.
const APART: &str = "CLICKTRAIL_TEST_APART";
/// What the process may have: 2 MiB of stack as a worker thread has, 6 GiB of addresses, 300 seconds of a core.
const LIMITS: &str = "ulimit -s 2048 && ulimit -v 6291456 && ulimit -t 300 && exec \"$0\" \"$@\"";
/// Of what the process says, so many last lines are shown.
const LINES_SHOWN: usize = 60;

/// Where inputs are written down, in the process apart.
pub(crate) fn place() -> Option<PathBuf> {
    env::var_os(APART).map(PathBuf::from)
}

/// A number from the environment.
pub(crate) fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// Runs one test of this program again, apart, and fails as it fails.
///
/// # Panics
/// If it fails, or ends in any other way.
pub(crate) fn run(test: &str) {
    let program = env::current_exe().expect("a running test has a program");
    let place = env::temp_dir().join(format!("clicktrail-damage-{}-{}", process::id(), test.replace("::", "-")));
    let mut command = Command::new("sh");
    command.args(["-c", LIMITS]).arg(&program).args([test, "--exact", "--nocapture", "--test-threads=1"]);
    // One arena: otherwise each thread that allocates takes 64 MiB of addresses, and nothing can be measured.
    command.env(APART, &place).env("MALLOC_ARENA_MAX", "1").env("RUST_BACKTRACE", "0");
    let ended = command.output().unwrap_or_else(|error| panic!("start {}: {error}", program.display()));
    let said = [String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr)].concat();
    let last = last_input(&place);
    let _ = fs::remove_file(&place);
    assert!(ended.status.success(), "{}\n{test} ended with {}; the last input:\n{last}", tail(&said), ended.status);
    assert!(said.contains("1 passed"), "{test} is not the path of this test:\n{}", tail(&said));
}

fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

fn last_input(place: &Path) -> String {
    fs::read(place).map_or_else(|_| "none".to_owned(), |bytes| shown(&bytes))
}

/// Input as it is shown: escaped, and cut.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 4_000;
    let cut = &bytes[..bytes.len().min(SHOWN)];
    format!("{} bytes: {}", bytes.len(), cut.escape_ascii())
}

/// The most memory that this process ever had addresses for, where the system says so.
pub(crate) fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
