//! Real power cuts: a server, its catalog and its log lie on a file system of their own, which is shut down under load
//! without a flush, as if the machine had lost its power. What was acknowledged before is there afterwards, once.
//!
//! Each test runs again in a mount namespace of its own, so that no mount outlives it, however it ends. Where nobody
//! may mount, it says loudly that nothing was cut, and passes.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output},
    thread,
    time::{Duration, Instant, SystemTime},
};

use clicktrail_log::log::Stream;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{
    installation::{Installation, service},
    loader::{self, AD, Loader},
    nats_server::NatsServer,
    recount::Recount,
    seed::Seed,
    server::Server,
};

/// How often the power is cut.
const CUTS: usize = 10;
/// When, after the server has begun to listen.
const LIFE_MS: std::ops::Range<u64> = 150..600;
/// How long everything runs on over a dead disk.
const AFTERLIFE_MS: std::ops::Range<u64> = 0..50;
/// How long what was spooled may take to reach the log, and a disk to be let go.
const PATIENCE: Duration = Duration::from_secs(30);
/// Tells the process that it may mount what it likes.
const APART: &str = "CLICKTRAIL_TEST_MOUNTS";
const IMAGE_BYTES: u64 = 512 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_of_the_embedded_log_lose_and_double_no_acknowledged_event() {
    if !is_apart("power::power_cuts_of_the_embedded_log_lose_and_double_no_acknowledged_event") {
        return;
    }
    let installation = Installation::embedded();
    cut(&installation, None, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_of_jetstream_lose_and_double_no_acknowledged_event() {
    if !is_apart("power::power_cuts_of_jetstream_lose_and_double_no_acknowledged_event") {
        return;
    }
    let mut broker = NatsServer::start();
    broker.stop();
    let installation = Installation::on_broker(&broker);
    let expected = ["the log is away; frames go to the spool", "frame is sent again"];
    cut(&installation, Some(&mut broker), &expected).await;
}

/// Cuts the power again and again under load, and checks event by event that what was acknowledged before a cut is
/// there once, judged once and counted once. (A machine without power acknowledges nothing afterwards. Here the
/// processes live on for some milliseconds, and a broker without copies acknowledges what it can no longer write.)
async fn cut(installation: &Installation, mut broker: Option<&mut NatsServer>, expected: &[&str]) {
    let mut folders = vec![("data", installation.data())];
    folders.extend(broker.as_ref().map(|broker| ("store", broker.store())));
    let (mut disk, loader, mut seed) = (Disk::new(folders), Loader::default(), Seed::take());
    let mut kept: BTreeSet<String> = BTreeSet::new();
    for number in 0..CUTS {
        disk.mount();
        restart(&mut broker);
        if number == 0 {
            installation.register_ads(&[AD]);
        }
        let (server, begun_at) = (Server::start(installation), SystemTime::now());
        let clients = loader.start(&server.url(), &CancellationToken::new());
        tokio::time::sleep(Duration::from_millis(seed.draw(LIFE_MS))).await;
        let cut_at = disk.cut();
        tokio::time::sleep(Duration::from_millis(seed.draw(AFTERLIFE_MS))).await;
        server.kill();
        if let Some(broker) = &mut broker {
            broker.kill();
        }
        loader::ended(clients).await;
        disk.unmount();
        let is_before = |at: &SystemTime| begun_at <= *at && *at < cut_at;
        loader.look(|record| {
            let before = record.acknowledged_at.iter().filter(|(_, at)| is_before(at));
            kept.extend(before.map(|(id, _)| id.clone()));
        });
    }
    disk.mount();
    restart(&mut broker);
    // What the others said of a dead disk is theirs.
    fs::write(installation.server_log(), "").unwrap();
    let server = Server::start(installation);
    until_logged(installation, &kept).await;
    server.stop(expected);
    let recount = Recount::of(installation.log(Stream::Clicks).await.as_ref()).await;
    let doubled: Vec<_> = recount.positions.iter().filter(|(_, positions)| positions.len() > 1).collect();
    assert!(doubled.is_empty() && recount.alarms.is_empty(), "{doubled:?}, {:?}", recount.alarms);
    recount.check_verdicts(installation).await;
    recount.check_counters(installation);
    assert!(kept.len() > 20 * CUTS, "only {} events were acknowledged before a cut", kept.len());
}

fn restart(broker: &mut Option<&mut NatsServer>) {
    if let Some(broker) = broker {
        broker.restart();
    }
}

/// Waits until events are in the log; what waits on the spool comes after a start.
async fn until_logged(installation: &Installation, events: &BTreeSet<String>) {
    let (log, begin) = (installation.log(Stream::Clicks).await, Instant::now());
    loop {
        let recount = Recount::of(log.as_ref()).await;
        let missing: Vec<_> = events.iter().filter(|id| !recount.positions.contains_key(*id)).collect();
        if missing.is_empty() {
            return;
        }
        let some = &missing[..missing.len().min(5)];
        assert!(begin.elapsed() < PATIENCE, "{} acknowledged events are lost: {some:?}", missing.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A file system on a file, some of whose folders stand in other places.
struct Disk {
    home: TempDir,
    folders: Vec<(&'static str, PathBuf)>,
    is_mounted: bool,
}

impl Disk {
    fn new(folders: Vec<(&'static str, PathBuf)>) -> Self {
        let home = TempDir::new().unwrap();
        make_image(home.path()).unwrap();
        Self { home, folders, is_mounted: false }
    }

    fn point(&self) -> PathBuf {
        self.home.path().join("disk")
    }

    fn mount(&mut self) {
        run("mount", &["-o", "loop", &text(&self.home.path().join("image")), &text(&self.point())]);
        self.is_mounted = true;
        for (name, place) in &self.folders {
            let folder = self.point().join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::create_dir_all(place).unwrap();
            run("mount", &["--bind", &text(&folder), &text(place)]);
        }
    }

    /// From now on nothing reaches the file. Returns a moment before which everything did.
    fn cut(&self) -> SystemTime {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/power_cut.py");
        let mut command = Command::new(service("CLICKTRAIL_TEST_PYTHON"));
        let output = command.arg(script).arg(self.point()).output().unwrap();
        said("power_cut.py", &output).unwrap();
        let nanos: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap();
        SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos)
    }

    fn unmount(&mut self) {
        self.is_mounted = false;
        for (_, place) in &self.folders {
            let_go(place);
        }
        let_go(&self.point());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            for place in self.folders.iter().map(|(_, place)| place.clone()).chain([self.point()]) {
                let _ = Command::new("umount").arg("--lazy").arg(place).output();
            }
        }
    }
}

/// A process that was killed may hold a disk for a moment more.
fn let_go(place: &Path) {
    let begin = Instant::now();
    while !Command::new("umount").arg(place).output().unwrap().status.success() {
        assert!(begin.elapsed() < PATIENCE, "{} is still in use", place.display());
        thread::sleep(Duration::from_millis(20));
    }
}

/// An empty file system as `image`, and where it is mounted as `disk`.
fn make_image(home: &Path) -> io::Result<()> {
    let image = home.join("image");
    fs::File::create(&image)?.set_len(IMAGE_BYTES)?;
    fs::create_dir(home.join("disk"))?;
    said("mkfs.ext4", &Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image).output()?)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn said(program: &str, output: &Output) -> io::Result<()> {
    let error = || io::Error::other(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    output.status.success().then_some(()).ok_or_else(error)
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    said(program, &Command::new(program).args(arguments).output().unwrap()).unwrap();
}

/// Whether this process may mount. If not, the test runs again in one that may, and fails as it fails; if there is none
/// either, everybody is told.
fn is_apart(test: &str) -> bool {
    if std::env::var_os(APART).is_some() {
        return true;
    }
    match may_mount() {
        Ok(()) => {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
            let ended = command.args([test, "--exact", "--nocapture"]).env(APART, "1").output().unwrap();
            let said = [ended.stdout, ended.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(ended.status.success() && said.contains("1 passed"), "{said}");
        }
        // Straight to stderr: what a passing test prints is not shown.
        Err(why) => {
            let said = format!("\nNOT TESTED, no power was cut: {test}: nobody may mount here: {why}\n\n");
            io::stderr().write_all(said.as_bytes()).unwrap();
        }
    }
    false
}

/// Tries a mount, and that power can be cut.
fn may_mount() -> io::Result<()> {
    let home = TempDir::new()?;
    make_image(home.path())?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", "mount -o loop image disk && umount disk"]);
    said("mount", &command.current_dir(home.path()).output()?)
}
