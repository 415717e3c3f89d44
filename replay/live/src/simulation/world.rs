//! What outlives every process: logs, archive, catalog, clocks, and what clients were told.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use clicktrail_catalog::{Catalog, Sqlite};
use clicktrail_log::{
    recent::Recent,
    time::{Clock, Hour, Timestamp},
};
use object_store::memory::InMemory;

use super::{
    broker::{Broker, Through},
    catalog::Bridge,
    gate::{Gate, Process},
    journal::Journal,
    ledger::Ledger,
    place::Place,
    planted::Planted,
    toxics::Toxics,
};

/// When every run begins, by the clocks on the walls.
pub(super) fn start() -> Timestamp {
    Hour::parse("2026-05-01T00").unwrap().start()
}

/// A clock that stands apart from the others.
#[derive(Debug)]
pub(super) struct Skewed {
    wall: Arc<AtomicI64>,
    apart: AtomicI64,
}

impl Skewed {
    pub(super) fn new(wall: &Arc<AtomicI64>) -> Self {
        Self { wall: Arc::clone(wall), apart: AtomicI64::new(0) }
    }

    pub(super) fn set_apart(&self, micros: i64) {
        self.apart.store(micros, Ordering::SeqCst);
    }
}

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall.load(Ordering::SeqCst) + self.apart.load(Ordering::SeqCst))
    }
}

/// Everything that processes share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) journal: Arc<Journal>,
    pub(super) toxics: Arc<Toxics>,
    pub(super) planted: Option<Planted>,
    pub(super) bridge: Bridge,
    pub(super) wall: Arc<AtomicI64>,
    /// The clock of the judge.
    pub(super) clock: Arc<Skewed>,
    /// The clocks of the logs.
    pub(super) log_clocks: [Arc<Skewed>; 2],
    pub(super) clicks: Arc<Broker>,
    pub(super) verdicts: Arc<Broker>,
    /// Decoded click frames, if the processes share them as roles of one server do.
    pub(super) recent: Option<Arc<Recent>>,
    pub(super) objects: Arc<InMemory>,
    /// The catalog that processes use who start now, and the directory that it lies in.
    catalog: Mutex<(Arc<dyn Catalog>, PathBuf)>,
    pub(super) ledger: Ledger,
    processes: Mutex<Vec<(&'static str, Arc<Process>)>>,
}

/// The runtime of what works on threads.
static REAL: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

const FILE: &str = "catalog.sqlite";
const JOURNAL: &str = "catalog.sqlite-wal";

/// In memory, if there is such a place: nothing here is about disks.
pub(super) fn directory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// The files of a catalog, in which nothing is being written: what SQLite shares between processes is made again.
#[derive(Debug)]
pub(super) struct Files(Vec<(&'static str, Vec<u8>)>);

impl Files {
    fn read(directory: &Path) -> Self {
        let found = [FILE, JOURNAL].into_iter().filter(|file| directory.join(file).exists());
        Self(found.map(|file| (file, std::fs::read(directory.join(file)).unwrap())).collect())
    }

    fn write(&self, directory: &Path) {
        std::fs::create_dir(directory).unwrap();
        self.0.iter().for_each(|(file, bytes)| std::fs::write(directory.join(file), bytes).unwrap());
    }

    /// Opens a catalog that begins with them.
    fn open(&self, bridge: &Bridge, directory: &Path) -> Arc<dyn Catalog> {
        self.write(directory);
        Arc::new(bridge.wait(Sqlite::open(&directory.join(FILE))).unwrap())
    }
}

/// Those of a catalog that nobody has used: all seeds begin with the same, so its tables are made once.
static EMPTY: LazyLock<Files> = LazyLock::new(|| {
    let (directory, bridge) = (directory(), Bridge(REAL.handle().clone()));
    let _catalog = Files(Vec::new()).open(&bridge, &directory.path().join("empty"));
    Files::read(&directory.path().join("empty"))
});

impl World {
    pub(super) fn new(toxics: Toxics, planted: Option<Planted>, recent: Option<Arc<Recent>>, directory: &Path) -> Self {
        let bridge = Bridge(REAL.handle().clone());
        let first = directory.join("0");
        let catalog = EMPTY.open(&bridge, &first);
        let wall = Arc::new(AtomicI64::new(start().micros()));
        let clock = || Arc::new(Skewed::new(&wall));
        let log_clocks = [clock(), clock()];
        let broker = |clock: &Arc<Skewed>| Arc::new(Broker::new(Arc::clone(clock) as Arc<_>, true, planted));
        let [clicks, verdicts] = log_clocks.each_ref().map(broker);
        Self {
            journal: Arc::new(Journal::new()),
            toxics: Arc::new(toxics),
            planted,
            bridge,
            clock: clock(),
            log_clocks,
            wall,
            clicks,
            verdicts,
            recent,
            objects: Arc::new(InMemory::new()),
            catalog: Mutex::new((catalog, first)),
            ledger: Ledger::default(),
            processes: Mutex::default(),
        }
    }

    /// The same once more in another directory, where other things go wrong.
    pub(super) fn copied(&self, toxics: Toxics, directory: &Path) -> Self {
        let mut other = Self::new(toxics, self.planted, None, directory);
        other.pass(self.now().micros() - other.now().micros());
        (other.clicks, other.verdicts) = (Arc::new(self.clicks.copy()), Arc::new(self.verdicts.copy()));
        other.objects = Arc::new(self.objects.fork());
        let copied = directory.join("copied");
        other.catalog = Mutex::new((self.save_catalog().open(&other.bridge, &copied), copied));
        other
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall.load(Ordering::SeqCst))
    }

    pub(super) fn pass(&self, micros: i64) {
        self.wall.fetch_add(micros, Ordering::SeqCst);
    }

    /// The catalog itself.
    pub(super) fn catalog(&self) -> Arc<dyn Catalog> {
        Arc::clone(&self.catalog.lock().unwrap().0)
    }

    /// A copy of the catalog as it is now.
    pub(super) fn save_catalog(&self) -> Files {
        Files::read(&self.catalog.lock().unwrap().1)
    }

    /// Begins with a copy of it instead, the so-manieth catalog of the run. No process may use the other any more.
    pub(super) fn restore_catalog(&self, saved: &Files, number: usize) {
        let mut catalog = self.catalog.lock().unwrap();
        let restored = catalog.1.with_file_name(number.to_string());
        std::fs::remove_dir_all(&catalog.1).unwrap();
        *catalog = (saved.open(&self.bridge, &restored), restored);
    }

    /// A log as a role reaches it.
    pub(super) fn through(&self, broker: &Arc<Broker>, place: Place, gate: &Arc<Gate>) -> Through {
        Through { broker: Arc::clone(broker), gate: Arc::clone(gate), place, planted: self.planted }
    }

    /// A process that starts.
    pub(super) fn process(&self, name: &'static str) -> Arc<Process> {
        let process = Arc::new(Process::default());
        self.processes.lock().unwrap().push((name, Arc::clone(&process)));
        process
    }

    /// A process that died.
    pub(super) fn gone(&self, process: &Arc<Process>) {
        self.processes.lock().unwrap().retain(|(_, other)| !Arc::ptr_eq(other, process));
    }

    /// The processes that run.
    pub(super) fn running(&self) -> Vec<(&'static str, Arc<Process>)> {
        self.processes.lock().unwrap().clone()
    }
}
