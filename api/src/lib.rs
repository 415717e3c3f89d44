//! The doors: HTTP and the `clicktrail` command. Thin: parse, call, render.
//!
//! - [`capture`] turns bytes into validated events, whichever door they came through; [`http`] is that door on the
//!   network, [`import`] on files, [`simulate`] makes events up;
//! - [`instance`] opens logs, archive and catalog, wherever they are; [`history`] writes past events;
//! - [`cli`] is one file per subcommand.

pub mod capture;
pub mod cli;
pub mod history;
pub mod http;
pub mod import;
pub mod instance;
pub mod simulate;

/// For every binary that links this room: glibc's per-thread arenas keep most of what sealing an hour freed, so that
/// resident memory grew with the number of hours.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
