//! What happens to the world from step to step: clicks come, time passes, clocks run apart, stores are away, processes
//! are killed, directories are copied and put back.

use std::sync::Arc;

use super::{
    auditor::Auditor,
    broker::Broker,
    capture::Capture,
    clients::{Click, send},
    dice::Dice,
    gate::pause,
    place::Place,
    roles::{Role, Service},
    world::{Files, Skewed, World},
};

/// The lane of the run itself.
const LANE: u64 = 9;
const HOUR: i64 = 3_600_000_000;
/// In runs of more hours than these, everything works for one hour of so many: where something goes wrong at every
/// twentieth operation for days, no role gets through what it has to read after a start.
const LULL_AFTER: i64 = 12;
const LULL_OF: i64 = 6;
/// How long everything may take to come to rest once nothing goes wrong any more, in looks of a second.
const LOOKS_MAX: u32 = 900;
/// A click is sent again after at most so many others.
const AGAIN_WITHIN: usize = 200;
/// Advertisers and their ads. The last sends clicks on its own ad under the ids of the others.
const ADS: [(&str, &str); 3] = [("acme", "ad-1"), ("bolt", "ad-2"), ("mallory", "ad-3")];

/// The course of one run.
pub(super) struct Course {
    world: Arc<World>,
    dice: Dice,
    auditor: Auditor,
    captures: Vec<Arc<Capture>>,
    archivers: Vec<Arc<Skewed>>,
    sent: Vec<Click>,
    /// A copy of the first server's spool, to be put back later.
    saved: Option<Broker>,
    /// A copy of the catalog, to be put back later, and how often one was.
    saved_catalog: Option<Files>,
    catalogs: usize,
}

impl Course {
    /// Starts every process.
    pub(super) fn begin(world: &Arc<World>, mut dice: Dice) -> Self {
        let clock = || Arc::new(Skewed::new(&world.wall));
        let first = Arc::new(Capture::new(clock(), 1, dice.chance(800)));
        let archivers: Vec<_> = (0..2).map(|_| clock()).collect();
        let mut services = vec![
            Service::new("capture", 0, Role::Capture(Arc::clone(&first))),
            Service::new("judge", 2, Role::Judge),
            Service::new("projector", 4, Role::Projector),
            Service::new("archiver", 6, Role::Archiver(Arc::clone(&archivers[0]))),
        ];
        if dice.chance(300) {
            services.push(Service::new("other judge", 3, Role::Judge));
        }
        if dice.chance(200) {
            services.push(Service::new("other projector", 5, Role::Projector));
        }
        if dice.chance(300) {
            services.push(Service::new("other archiver", 7, Role::Archiver(Arc::clone(&archivers[1]))));
        }
        for service in services {
            service.start(world, dice.fork());
        }
        let auditor = Auditor::default();
        Self {
            world: Arc::clone(world),
            dice,
            auditor,
            captures: vec![first],
            archivers,
            sent: Vec::new(),
            saved: None,
            saved_catalog: None,
            catalogs: 0,
        }
    }

    /// Runs for so many hours, then until everything is at rest.
    pub(super) async fn run(&mut self, hours: i64) -> Result<(), String> {
        let end = self.world.now().plus_micros(hours * HOUR);
        while self.world.now() < end {
            pause(&self.world.journal, LANE, self.dice.between(50, 1_500)).await;
            if hours > LULL_AFTER {
                self.world.toxics.set_calm(self.world.now().hour().as_i64() % LULL_OF == 0);
            }
            self.step();
            self.audit()?;
        }
        self.world.toxics.set_calm(true);
        self.world.journal.note("from now on nothing goes wrong");
        self.set_clocks(0);
        // Far enough into an hour for the one before to be over.
        self.world.pass(HOUR);
        let into = self.world.now().micros() - self.world.now().hour().start().micros();
        self.world.pass((60_000_000 - into).max(0));
        for _ in 0..LOOKS_MAX {
            pause(&self.world.journal, LANE, 1_000).await;
            self.audit()?;
            if self.auditor.is_at_rest(&self.world).is_ok() {
                return Ok(());
            }
        }
        self.auditor.is_at_rest(&self.world).map_err(|what| format!("nothing comes to rest: {what}"))
    }

    fn audit(&mut self) -> Result<(), String> {
        let captures: Vec<&Capture> = self.captures.iter().map(AsRef::as_ref).collect();
        let audited = self.auditor.audit(&self.world, &captures);
        match self.world.journal.is_broken() {
            Some(what) => Err(what),
            None => audited,
        }
    }

    fn step(&mut self) {
        for _ in 0..self.dice.roll(4) {
            self.click();
        }
        let micros = self.dice.micros(0, 10 * 60 * 1_000_000);
        self.world.pass(micros);
        if self.world.toxics.is_calm() {
            return;
        }
        match self.dice.roll(20) {
            0 | 1 => self.outage(),
            2 => self.kill(),
            3 => self.run_clocks_apart(),
            4 => self.copy_server(),
            5 => self.restore_spool(),
            8 => self.restore_catalog(),
            6 | 7 => Place::ALL.iter().for_each(|place| self.world.toxics.set_away(*place, false)),
            _ => {}
        }
    }

    /// A new click; one that its sender sends again; or one that a stranger sends under its id.
    fn click(&mut self) {
        let number = self.sent.len();
        let (advertiser, ad) = *self.dice.one(&ADS[..2]);
        let mut click =
            Click { advertiser, ad, id: format!("c-{number}"), user: format!("u-{number}"), first: self.world.now() };
        if !self.sent.is_empty() && self.dice.chance(300) {
            let recent = &self.sent[self.sent.len().saturating_sub(AGAIN_WITHIN)..];
            let earlier = self.dice.one(recent).clone();
            let is_strangers = self.dice.chance(500);
            if earlier.is_fresh(self.world.now()) {
                click = Click { user: click.user, ..earlier };
            }
            if is_strangers {
                (click.advertiser, click.ad) = ADS[2];
            }
        }
        self.sent.push(click.clone());
        let capture = Arc::clone(self.dice.one(&self.captures));
        tokio::spawn(send(Arc::clone(&self.world), capture, click, self.dice.fork()));
    }

    fn outage(&mut self) {
        let place = *self.dice.one(&Place::ALL);
        let rare = self.world.toxics.refused > 0 || self.world.toxics.unknown > 0;
        if rare {
            self.world.journal.note(&format!("{place:?} is away"));
            self.world.toxics.set_away(place, true);
        }
    }

    fn kill(&mut self) {
        let running = self.world.running();
        if self.world.toxics.crash > 0 && !running.is_empty() {
            let (name, process) = self.dice.one(&running);
            self.world.journal.note(&format!("{name} is killed"));
            process.die();
        }
    }

    fn run_clocks_apart(&mut self) {
        let most = self.world.toxics.apart;
        if most > 0 {
            self.set_clocks(most);
        }
    }

    /// Sets every clock apart by at most so much, ahead or back.
    fn set_clocks(&mut self, most: i64) {
        let captures = self.captures.iter().map(|capture| &capture.clock);
        let clocks = captures.chain(&self.archivers).chain(&self.world.log_clocks).chain([&self.world.clock]);
        for clock in clocks {
            clock.set_apart(self.dice.micros(-most, most + 1));
        }
    }

    /// Another server begins on a copy of the first one's directory.
    fn copy_server(&mut self) {
        if self.captures.len() == 1 && self.world.toxics.crash > 0 {
            let clock = Arc::new(Skewed::new(&self.world.wall));
            let copied = Arc::new(self.captures[0].copied(clock, !self.dice.chance(500), 2));
            self.world.journal.note("the server's directory is copied, and another begins on it");
            Service::new("copy", 1, Role::Capture(Arc::clone(&copied))).start(&self.world, self.dice.fork());
            self.captures.push(copied);
        }
    }

    /// The file of the first server's spool is put back as it was a while ago, with nothing on it that is not logged or
    /// in the copy.
    fn restore_spool(&mut self) {
        let capture = &self.captures[0];
        let is_running = self.world.running().iter().any(|(name, _)| *name == "capture");
        match self.saved.take() {
            None => self.saved = Some(capture.spool().copy()),
            Some(saved) if !is_running && capture.spool().held().is_empty() => {
                self.world.journal.note("the spool is put back as it was");
                capture.restore(saved);
            }
            Some(saved) => self.saved = Some(saved),
        }
    }

    /// The catalog is copied, or put back as it was a while ago: no process lives through that.
    fn restore_catalog(&mut self) {
        if self.world.toxics.crash == 0 {
            return;
        }
        let Some(saved) = self.saved_catalog.take() else {
            self.saved_catalog = Some(self.world.save_catalog());
            return;
        };
        self.catalogs += 1;
        self.world.running().iter().for_each(|(_, process)| process.die());
        self.world.journal.note("the catalog is put back as it was");
        self.world.restore_catalog(&saved, self.catalogs);
    }

    pub(super) fn size(&self) -> [usize; 3] {
        self.auditor.size()
    }
}
