//! A bad network: a TCP proxy of ours between two sides, which delays, holds back, swallows, half closes, refuses and
//! cuts.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How often a silent connection is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What happens to bytes from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They pass.
    Fair,
    /// Each piece waits so many milliseconds.
    Slow(u64),
    /// None pass, and none are lost: they come when it is fair again.
    Stalled,
    /// What goes to the far side is lost, without a word: the far side hears nothing, and its words arrive.
    Deaf,
    /// What comes from the far side is lost, without a word.
    Mute,
    /// The far side is told that nothing more comes, and may go on speaking.
    HalfClosed,
    /// Every connection is cut, and no new one is taken.
    Refused,
}

/// The weather of a proxy, and how often its connections were cut.
struct Sky {
    weather: Mutex<Weather>,
    cuts: AtomicU64,
}

impl Sky {
    fn weather(&self) -> Weather {
        *self.weather.lock().unwrap()
    }

    fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }
}

/// A proxy; its threads end with the test's process.
pub(crate) struct Network {
    port: u16,
    sky: Arc<Sky>,
}

impl Network {
    /// One in front of what listens at `target`.
    pub(crate) fn before(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let sky = Arc::new(Sky { weather: Mutex::new(Weather::Fair), cuts: AtomicU64::new(0) });
        let shared = Arc::clone(&sky);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if shared.weather() == Weather::Refused {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)) else { continue };
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                let born = shared.cuts();
                let (near_in, far_in) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let (there, back) = (Arc::clone(&shared), Arc::clone(&shared));
                thread::spawn(move || pump(near_in, far, true, born, &there));
                thread::spawn(move || pump(far_in, near, false, born, &back));
            }
        });
        Self { port, sky }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on. What was swallowed or half closed cannot be mended: with fair weather its connections are cut.
    pub(crate) fn set(&self, weather: Weather) {
        let before = std::mem::replace(&mut *self.sky.weather.lock().unwrap(), weather);
        let is_broken = matches!(before, Weather::Deaf | Weather::Mute | Weather::HalfClosed);
        if is_broken || weather == Weather::Refused {
            self.cut();
        }
    }

    /// Cuts every connection, in the middle of whatever passes.
    pub(crate) fn cut(&self) {
        self.sky.cuts.fetch_add(1, Ordering::SeqCst);
    }
}

/// Passes bytes on in one direction, as the weather allows, until the connection ends or is cut.
fn pump(mut from: TcpStream, mut to: TcpStream, is_there: bool, born: u64, sky: &Sky) {
    let mut buffer = vec![0; 65_536];
    from.set_read_timeout(Some(LOOK)).unwrap();
    while sky.cuts() == born {
        if is_there && sky.weather() == Weather::HalfClosed {
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
        let length = match from.read(&mut buffer) {
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => break,
        };
        while sky.weather() == Weather::Stalled && sky.cuts() == born {
            thread::sleep(LOOK);
        }
        let is_lost = match sky.weather() {
            Weather::Deaf => is_there,
            Weather::Mute => !is_there,
            Weather::Slow(millis) => {
                thread::sleep(Duration::from_millis(millis));
                false
            }
            Weather::Fair | Weather::Stalled | Weather::HalfClosed | Weather::Refused => false,
        };
        if !is_lost && sky.cuts() == born && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
