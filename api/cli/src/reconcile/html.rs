//! The report as one page that needs nothing else: no script, no file beside it, no address that is fetched. All that
//! comes from file or log is escaped.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use clicktrail_evidence::counted::{count, verb};
use clicktrail_query::reconcile::Reason;

use super::{
    print::{ROW_HEADER, SUM_HEADER, TOTAL_HEADER, row_cells, sum_cells, total_cells},
    reconciled::Reconciled,
};

/// So many rows are on the page, which a browser must hold; CSV has all of them.
const ROWS_MAX: usize = 10_000;

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
<title>Reconciliation</title>\n<style>\n\
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #1b1b1b; }\n\
table { border-collapse: collapse; margin: 1rem 0 2rem; font-size: 14px; }\n\
th, td { border-bottom: 1px solid #d0d0d0; padding: .3rem .6rem; text-align: left; vertical-align: top; }\n\
th { background: #f3f3f3; position: sticky; top: 0; }\n\
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }\n\
td { overflow-wrap: anywhere; }\n\
</style>\n</head>\n<body>\n<h1>Reconciliation</h1>\n";

pub(super) fn write(path: &Path, reconciled: &Reconciled) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    page(&mut out, reconciled)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

fn page(out: &mut impl Write, reconciled: &Reconciled) -> io::Result<()> {
    let Reconciled { report, read, .. } = reconciled;
    out.write_all(HEAD.as_bytes())?;
    let about = [
        format!("Clicks of {} from {} to {}", reconciled.advertiser, reconciled.from, reconciled.to),
        format!(" ({}), as {} has them", reconciled.zone, reconciled.file),
        format!(" (SHA-256 {}), and as our log has them.", reconciled.file_digest),
        format!(" Times are the same up to {} seconds.", reconciled.tolerance_seconds),
    ];
    writeln!(out, "<p>{}</p>", escaped(&about.concat()))?;
    if read.unreadable > 0 {
        writeln!(
            out,
            "<p><strong>Of the file {} could not be read and {} in no sum.</strong></p>",
            count(read.unreadable, "line"),
            verb(read.unreadable, "is", "are")
        )?;
    }
    writeln!(out, "<h2>What both sides ask for</h2>")?;
    head(out, &TOTAL_HEADER)?;
    for cells in total_cells(reconciled) {
        row(out, &cells)?;
    }
    writeln!(out, "</table>\n<h2>Why they differ</h2>")?;
    writeln!(out, "<p>Each click has one reason. The differences of this table add up to those above.</p>")?;
    head(out, &SUM_HEADER)?;
    for (key, sum) in report.sums() {
        row(out, &sum_cells(key, sum))?;
    }
    writeln!(out, "</table>\n<dl>")?;
    let mut last: Option<&str> = None;
    for reason in report.sums().keys().map(|key| key.1) {
        if last != Some(Reason::code(reason)) {
            writeln!(out, "<dt><code>{}</code></dt><dd>{}.</dd>", reason.code(), escaped(reason.sentence()))?;
        }
        last = Some(reason.code());
    }
    writeln!(out, "</dl>\n<h2>The clicks</h2>")?;
    let all = report.rows(reconciled.all).count();
    if all > ROWS_MAX {
        writeln!(out, "<p>The first {ROWS_MAX} of {all}; the CSV file has all of them.</p>")?;
    }
    head(out, &ROW_HEADER)?;
    for shown in report.rows(reconciled.all).take(ROWS_MAX) {
        row(out, &row_cells(&shown))?;
    }
    writeln!(out, "</table>\n</body>\n</html>")
}

fn head(out: &mut impl Write, names: &[&str]) -> io::Result<()> {
    write!(out, "<table>\n<tr>")?;
    for name in names {
        write!(out, "<th>{}</th>", escaped(&name.replace('_', " ")))?;
    }
    writeln!(out, "</tr>")
}

fn row(out: &mut impl Write, cells: &[String]) -> io::Result<()> {
    write!(out, "<tr>")?;
    for cell in cells {
        let is_number = !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit() || b".-".contains(&byte));
        write!(out, "<td{}>{}</td>", if is_number { " class=\"n\"" } else { "" }, escaped(cell))?;
    }
    writeln!(out, "</tr>")
}

/// Text as HTML shows it. What a browser would take for markup, and what nobody sees but changes how the text around
/// it is read, is written as a reference or as its code.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                html.push_str(&format!("U+{:04X}", u32::from(letter)));
            }
            control if control.is_control() => html.push_str(&format!("U+{:04X}", u32::from(control))),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_file_is_markup() {
        let text = escaped("<script>alert(\"x\" & 'y')</script>\u{202e}\u{7}ü");
        assert_eq!(text, "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;U+202EU+0007ü");
    }
}
