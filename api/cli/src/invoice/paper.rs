//! What sets the pages of documents, as people choose it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use clicktrail_billing::{making::Paper, paper::Typeset};
use clicktrail_rendering::{Fonts, Template};

/// How pages are set.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Arguments {
    /// A template of your own for the pages [default: the one that ships]. A document that was issued keeps its own
    #[arg(long, value_name = "FILE", env = "CLICKTRAIL_INVOICE_TEMPLATE")]
    template: Option<PathBuf>,
    /// Fonts beside those that ship: a directory of .ttf and .otf files
    #[arg(long, value_name = "DIR", env = "CLICKTRAIL_INVOICE_FONTS")]
    fonts: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn read(&self) -> anyhow::Result<Arc<dyn Paper>> {
        let template = match &self.template {
            None => Template::builtin(),
            Some(path) => {
                let named = || format!("read template {}", path.display());
                let text = std::fs::read_to_string(path).with_context(named)?;
                Template::new(&text).with_context(named)?
            }
        };
        let fonts = match &self.fonts {
            None => Fonts::builtin(),
            Some(path) => fonts(path).with_context(|| format!("read fonts in {}", path.display()))?,
        };
        Ok(Arc::new(Typeset::new(template, fonts)))
    }
}

fn fonts(directory: &Path) -> anyhow::Result<Fonts> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let is_font = path.extension().is_some_and(|suffix| ["ttf", "otf"].iter().any(|known| suffix == *known));
        if is_font {
            let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            files.push((name, std::fs::read(&path)?));
        }
    }
    files.sort();
    Ok(Fonts::with(files)?)
}
