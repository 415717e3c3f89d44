//! Pages and XML of documents, by the room that renders them.

use bytes::Bytes;
use clicktrail_invoices::document::Document;
use clicktrail_log::{archive::keys::invoices::Form, frame::Digest};
use clicktrail_rendering::{Fonts, Template, render, renderer};

use crate::{
    error::Error,
    making::{Forms, Paper},
};

/// Pages by a template, in fonts; XML by EN 16931.
#[derive(Debug, Clone)]
pub struct Typeset {
    template: Template,
    fonts: Fonts,
    renderer: String,
}

impl Typeset {
    /// With a template and fonts.
    pub fn new(template: Template, fonts: Fonts) -> Self {
        let renderer = renderer(&fonts);
        Self { template, fonts, renderer }
    }
}

impl Paper for Typeset {
    fn forms(&self, document: &Document, template: Option<&[u8]>) -> Result<Forms, Error> {
        let pinned;
        let template = match template {
            Some(text) if Digest::of(text) != self.template.digest() => {
                let text = std::str::from_utf8(text)
                    .map_err(|_| Error::Contradiction("the template that it pins is no text".to_owned()))?;
                pinned = Template::new(text)?;
                &pinned
            }
            Some(_) | None => &self.template,
        };
        let rendered = render(document, template, &self.fonts)?;
        let forms = [(Form::Pdf, Some(rendered.pdf)), (Form::Ubl, rendered.ubl), (Form::Cii, rendered.cii)];
        let forms = forms.into_iter().filter_map(|(form, bytes)| Some((form, Bytes::from(bytes?))));
        Ok((forms.collect(), rendered.remarks))
    }

    fn renderer(&self) -> &str {
        &self.renderer
    }

    fn chosen(&self) -> Option<Digest> {
        Some(self.template.digest())
    }

    fn template(&self, digest: &Digest) -> Option<Bytes> {
        let shipped = Template::builtin();
        let known = [&self.template, &shipped].into_iter().find(|template| template.digest() == *digest);
        known.map(|template| Bytes::from(template.text().to_owned()))
    }
}

/// No pages and no XML: the document and its lines alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Paper for Plain {
    fn forms(&self, _document: &Document, _template: Option<&[u8]>) -> Result<Forms, Error> {
        Ok((Vec::new(), Vec::new()))
    }

    fn renderer(&self) -> &str {
        "none"
    }

    fn chosen(&self) -> Option<Digest> {
        None
    }

    fn template(&self, _digest: &Digest) -> Option<Bytes> {
        None
    }
}
