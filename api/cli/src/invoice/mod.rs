//! `clicktrail invoice draft|list|show|diff|review|approve|void|issue|export|correct|regenerate|verify|explain`

mod approve;
mod command;
pub(crate) mod correct;
mod diff;
mod dispute;
mod draft;
mod explain;
pub(crate) mod export;
mod finishing;
mod issue;
mod limits;
mod list;
pub(crate) mod named;
pub(crate) mod paper;
pub(crate) mod patience;
mod regenerate;
mod review;
mod show;
mod verify;
mod void;

pub(super) use command::{Command, run};
pub(crate) use finishing::{finish, looking};
