//! What a page looks like: a text in typst's language that lays a sheet out.

use std::fmt;

use clicktrail_log::frame::Digest;
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};

use crate::{error::Error, files::files, fonts::Fonts, sample};

/// The template that is shipped.
const BUILTIN: &str = include_str!("../templates/invoice.typ");
/// Bytes of a template. It holds no pictures.
const BYTES_MAX: usize = 1 << 20;

/// A template that was tried.
#[derive(Clone)]
pub struct Template {
    source: Source,
    digest: Digest,
}

impl Template {
    /// The template that is shipped.
    pub fn builtin() -> Self {
        Self::untried(BUILTIN)
    }

    /// A template of the operator's. It is tried with a made-up invoice and a made-up credit note, in the fonts that
    /// are shipped, with their XML in them.
    ///
    /// # Errors
    /// [`Error::Template`] names the line, or why no XML goes into its PDF; [`Error::TooSlow`] and
    /// [`Error::TooManyPages`] say that it does not end.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.len() > BYTES_MAX {
            let problem = format!("it has {} bytes, more than {BYTES_MAX}", text.len());
            return Err(Error::Template { line: None, problem });
        }
        let template = Self::untried(text);
        let fonts = Fonts::builtin();
        for document in sample::documents() {
            files(&document, &template.source, &fonts)?;
        }
        Ok(template)
    }

    /// A template that may be wrong.
    pub(crate) fn untried(text: &str) -> Self {
        Self { source: Source::new(file("invoice.typ"), text.to_owned()), digest: Digest::of(text.as_bytes()) }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        self.source.text()
    }

    /// What tells it from others: documents pin it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }
}

/// A file that exists only here.
fn file(name: &str) -> FileId {
    let path = VirtualPath::new(name).expect("a name is a path");
    RootedPath::new(VirtualRoot::Project, path).intern()
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Template").field("digest", &self.digest).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_template_passes_its_own_trial() {
        let tried = Template::new(Template::builtin().text()).unwrap();
        assert_eq!(tried.digest(), Template::builtin().digest());
    }

    #[test]
    fn a_template_that_is_wrong_for_notes_alone_is_refused_too() {
        let text = "#let sheet = json(\"invoice.json\")\n#if sheet.kind != \"invoice\" { sheet.nothing }";
        let error = Template::new(text).unwrap_err().to_string();
        assert!(
            error.starts_with("the template is wrong in line 2: dictionary does not contain key \"nothing\""),
            "{error}"
        );
    }

    /// Its documents could not be issued: whoever reads them would not know which invoice is meant.
    #[test]
    fn a_template_that_attaches_an_invoice_of_its_own_is_refused_before_anything_is_issued() {
        for name in ["factur-x.xml", "ZUGFeRD-invoice.xml", "Xrechnung.xml"] {
            let text = format!(
                "#pdf.attach(\"{name}\", bytes(\"<a/>\"), relationship: \"data\", mime-type: \"text/xml\", \
                 description: \"x\")\nplain"
            );
            let error = Template::new(&text).unwrap_err().to_string();
            assert!(error.contains("the template is wrong") && error.contains(name), "{error}");
        }
        let text = "#pdf.attach(\"terms.txt\", bytes(\"terms\"), relationship: \"supplement\", mime-type: \
                    \"text/plain\", description: \"x\")\nplain";
        Template::new(text).unwrap();
    }

    #[test]
    fn a_template_that_is_too_long_is_refused() {
        let error = Template::new(&"a".repeat(BYTES_MAX + 1)).unwrap_err().to_string();
        assert!(error.contains("bytes, more than"), "{error}");
    }
}
