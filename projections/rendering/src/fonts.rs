//! The fonts that pages are set in: those that are shipped, and those that the operator adds.
//!
//! Fonts of the machine are never looked at: the same document must give the same bytes everywhere.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use clicktrail_log::frame::Digest;
use sha2::{Digest as _, Sha256};
use typst::{
    foundations::Bytes,
    text::{Font, FontBook},
    utils::LazyHash,
};

use crate::error::Error;

/// What is shipped, in the order in which a character's font is looked for. `fonts/README.md` says where they come
/// from. A change of this list is a new version of the layout.
const SHIPPED: &[&[u8]] = &[
    include_bytes!("../fonts/NotoSans-Regular.ttf"),
    include_bytes!("../fonts/NotoSans-Bold.ttf"),
    // Before the symbols: they have some of its characters, but not the modifiers behind them.
    include_bytes!("../fonts/NotoEmoji-Regular.ttf"),
    include_bytes!("../fonts/NotoSansArabic-Regular.ttf"),
    include_bytes!("../fonts/NotoSansArmenian-Regular.ttf"),
    include_bytes!("../fonts/NotoSansBengali-Regular.ttf"),
    include_bytes!("../fonts/NotoSansDevanagari-Regular.ttf"),
    include_bytes!("../fonts/NotoSansEthiopic-Regular.ttf"),
    include_bytes!("../fonts/NotoSansGeorgian-Regular.ttf"),
    include_bytes!("../fonts/NotoSansGujarati-Regular.ttf"),
    include_bytes!("../fonts/NotoSansGurmukhi-Regular.ttf"),
    include_bytes!("../fonts/NotoSansHebrew-Regular.ttf"),
    include_bytes!("../fonts/NotoSansKannada-Regular.ttf"),
    include_bytes!("../fonts/NotoSansKhmer-Regular.ttf"),
    include_bytes!("../fonts/NotoSansLao-Regular.ttf"),
    include_bytes!("../fonts/NotoSansMalayalam-Regular.ttf"),
    include_bytes!("../fonts/NotoSansMyanmar-Regular.ttf"),
    include_bytes!("../fonts/NotoSansOriya-Regular.ttf"),
    include_bytes!("../fonts/NotoSansSinhala-Regular.ttf"),
    include_bytes!("../fonts/NotoSansTamil-Regular.ttf"),
    include_bytes!("../fonts/NotoSansTelugu-Regular.ttf"),
    include_bytes!("../fonts/NotoSansThaana-Regular.ttf"),
    include_bytes!("../fonts/NotoSansThai-Regular.ttf"),
    include_bytes!("../fonts/NotoSansSymbols-Regular.ttf"),
    include_bytes!("../fonts/NotoSansSymbols2-Regular.ttf"),
    include_bytes!("../fonts/NotoSansMath-Regular.ttf"),
    // Chinese, Japanese, Korean.
    include_bytes!("../fonts/DroidSansFallback.ttf"),
];
/// Bytes of the fonts that an operator adds. They stay in memory.
pub const ADDED_BYTES_MAX: usize = 256 << 20;

/// Codes that Unicode has room for.
const CODES: usize = 0x11_0000;

/// Fonts, ready for use. Copies share them.
#[derive(Clone)]
pub struct Fonts(Arc<Loaded>);

struct Loaded {
    fonts: Vec<Font>,
    book: LazyHash<FontBook>,
    families: Vec<String>,
    /// A bit for each character that some font has.
    shown: Vec<u64>,
    /// Of the files that were added, if there are any.
    added: Option<Digest>,
}

impl Fonts {
    /// The fonts that are shipped.
    pub fn builtin() -> Self {
        static BUILTIN: LazyLock<Fonts> = LazyLock::new(|| {
            let shipped = SHIPPED.iter().map(|file| Bytes::new(*file));
            let fonts = shipped.map(|file| Font::new(file, 0).expect("what is shipped is tested")).collect();
            Fonts::of(fonts, None)
        });
        BUILTIN.clone()
    }

    /// The fonts that are shipped, and behind them files of the operator's, each with its name: TrueType or OpenType,
    /// also collections. The order of the files matters: sort them.
    ///
    /// # Errors
    /// [`Error::Font`] names the file that is none.
    pub fn with(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<Self, Error> {
        let mut all = Self::builtin().0.fonts.clone();
        let mut digest = Sha256::new();
        let (mut bytes, shipped) = (0_usize, all.len());
        for (file, content) in files {
            bytes = bytes.saturating_add(content.len());
            if bytes > ADDED_BYTES_MAX {
                return Err(Error::Font { file, problem: "with it, added fonts are larger than 256 MiB" });
            }
            digest.update(Digest::of(&content).0);
            let known = all.len();
            all.extend(Font::iter(Bytes::new(content)));
            if all.len() == known {
                return Err(Error::Font { file, problem: "it must be a .ttf, .otf, .ttc or .otc" });
            }
        }
        let added = (all.len() > shipped).then(|| Digest(digest.finalize().into()));
        Ok(Self::of(all, added))
    }

    fn of(fonts: Vec<Font>, added: Option<Digest>) -> Self {
        let mut families: Vec<String> = Vec::new();
        let mut shown = vec![0_u64; CODES / 64];
        for info in fonts.iter().map(Font::info) {
            if !families.contains(&info.family) {
                families.push(info.family.clone());
            }
            for code in info.coverage.iter() {
                let word = usize::try_from(code >> 6).ok().and_then(|at| shown.get_mut(at));
                if let Some(word) = word {
                    *word |= 1 << (code & 63);
                }
            }
        }
        let book = LazyHash::new(FontBook::from_fonts(&fonts));
        Self(Arc::new(Loaded { fonts, book, families, shown, added }))
    }

    /// Whether some font has a character.
    pub fn has(&self, c: char) -> bool {
        let code = u32::from(c);
        let word = usize::try_from(code >> 6).ok().and_then(|at| self.0.shown.get(at));
        word.is_some_and(|word| (word >> (code & 63)) & 1 == 1)
    }

    /// The families, in the order in which a character's font is looked for.
    pub fn families(&self) -> &[String] {
        &self.0.families
    }

    /// What tells added fonts from others; `None` if only those that are shipped are used.
    pub fn added(&self) -> Option<Digest> {
        self.0.added
    }

    pub(crate) fn book(&self) -> &LazyHash<FontBook> {
        &self.0.book
    }

    pub(crate) fn font(&self, index: usize) -> Option<Font> {
        self.0.fonts.get(index).cloned()
    }
}

impl fmt::Debug for Fonts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fonts").field("families", &self.0.families).field("added", &self.0.added).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One character of each script that docs/invoices.md says is shipped, and of what stands in names.
    const SHIPPED_SCRIPTS: &str = "AzßŁőΩяЖאعंकবગਕதతಕമକකกກកကქԱአދ中語한のカ①→€₹₿☂✓🚀👍🏽𝐁�";

    #[test]
    fn shipped_fonts_have_every_script_that_is_promised() {
        let fonts = Fonts::builtin();
        let missing: String = SHIPPED_SCRIPTS.chars().filter(|c| !fonts.has(*c)).collect();
        assert_eq!(missing, "");
        assert!(!fonts.has('\u{13000}') && !fonts.has('\u{e000}') && !fonts.has('\u{10ffff}'));
        assert_eq!(fonts.added(), None);
    }

    #[test]
    fn shipped_fonts_are_smaller_than_twelve_megabytes() {
        let bytes: usize = SHIPPED.iter().map(|file| file.len()).sum();
        assert!(bytes < 12_000_000, "{bytes}");
    }

    #[test]
    fn added_fonts_are_known_by_their_digest_and_no_font_is_named() {
        let file = |name: &str| (name.to_owned(), SHIPPED[0].to_vec());
        let one = Fonts::with([file("a.ttf")]).unwrap();
        assert_eq!(one.added(), Fonts::with([file("b.ttf")]).unwrap().added());
        assert_ne!(one.added(), Fonts::with([file("a.ttf"), file("a.ttf")]).unwrap().added());
        assert_eq!(Fonts::with([]).unwrap().added(), None);

        let error = Fonts::with([file("a.ttf"), ("notes.txt".to_owned(), b"no font".to_vec())]).unwrap_err();
        assert!(error.to_string().starts_with("notes.txt is no font"), "{error}");
    }
}
