//! `clicktrail replay verify`

use clicktrail_log::time::Hour;
use clicktrail_projections::{counters, session};
use clicktrail_replay::{
    codes::Codes,
    diff::RowChange,
    gates,
    verify::{Against, Repeated, Verified, Verify, sample},
};
use serde_json::json;

use crate::{
    exit::Exit,
    global::{Format, Global},
    output::{self, Table},
    progress,
    replay::{generation, trail::Said},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// `live`: what counts, held against this program's code. A generation: held against its own code
    #[arg(value_name = "live|ID")]
    which: String,
    /// With `live`: which projection. One of the directory that --projections names is held against its definition
    /// there; the id of a generation means its projection and its code, and needs no directory
    #[arg(long, value_name = "NAME|ID", default_value = counters::NAME)]
    projection: String,
    /// Only so many hours, others each hour that it is asked: for a nightly check
    #[arg(long, value_name = "HOURS")]
    sample_hours: Option<usize>,
    #[command(flatten)]
    said: Said,
}

pub(super) async fn run(global: &Global, arguments: Arguments) -> anyhow::Result<Exit> {
    let by = arguments.said.by(global)?;
    let instance = global.open_recorded().await?;
    let (codes, mut pointers, against, clicks_before) = match arguments.which.as_str() {
        "live" => {
            let own = generation::projection(global, &instance, &arguments.projection).await?;
            let (first, last) = (Hour::from_i64(i64::MIN / 2), Hour::from_i64(i64::MAX / 2));
            let pointers = instance.catalog.live_pointers(own.name(), first, last).await?;
            (Codes::own(own), pointers, Against::Program, None)
        }
        id => {
            let generation = generation::named(&instance, id).await?;
            let units = gates::units(instance.catalog.as_ref(), &generation).await?;
            let pointers = units.iter().filter_map(|unit| gates::pointer(&generation, unit)).collect();
            let codes = generation::codes(&instance, &generation).await?;
            (codes, pointers, Against::TheirOwn, generation.clicks_before)
        }
    };
    if let Some(hours) = arguments.sample_hours {
        pointers = sample(pointers, hours, instance.clock.now().hour().as_i64());
    }
    let history = instance.rulings();
    let verify = Verify {
        archive: &instance.archive,
        history: &history,
        codes: &codes,
        clicks_before,
        limits: session::Limits::default(),
    };
    let bar = progress::bar(pointers.len() as u64, "verify");
    let verified = verify.run(&pointers, against, |done| bar.set_position(done)).await;
    bar.finish_and_clear();
    let verified = verified?;
    print(codes.of_program().name(), &verified, global);
    let exit = exit(&verified);
    let (equal, all) = (verified.equal, verified.equal + verified.findings.len() as u64);
    let (action, which) = match against {
        Against::Program => (clicktrail_live::verified::ACTION, String::new()),
        Against::TheirOwn => ("verify", format!("generation {}: ", arguments.which)),
    };
    let detail = format!("{which}{equal} of {} came out the same", output::count(all, "hour"));
    by.write(&instance, action, exit, detail).await?;
    Ok(exit)
}

/// Success only if something was compared, and all of it was equal.
fn exit(verified: &Verified) -> Exit {
    let failed = |repeated: &Repeated| matches!(repeated, Repeated::Failed(_));
    match (verified.equal, verified.findings.values().all(failed)) {
        (0, _) if verified.findings.is_empty() => Exit::InputIncomplete,
        (_, _) if verified.findings.is_empty() => Exit::Ok,
        (_, true) => Exit::InputIncomplete,
        (_, false) => Exit::Differences,
    }
}

fn print(projection: &str, verified: &Verified, global: &Global) {
    match global.output {
        Format::Json => {
            let findings = verified.findings.iter().map(|(hour, repeated)| {
                let (what, detail) = words(repeated);
                json!({"hour": hour.to_string(), "finding": what, "detail": detail})
            });
            output::json(&json!({
                "equal_hours": verified.equal,
                "hours_of_other_code": verified.other_code,
                "findings": findings.collect::<Vec<_>>(),
            }));
        }
        Format::Table => {
            if !verified.findings.is_empty() {
                let mut table = Table::new(&["hour", "finding", "detail"]);
                for (hour, repeated) in &verified.findings {
                    let (what, detail) = words(repeated);
                    table.push(vec![hour.to_string(), what.to_owned(), detail]);
                }
                table.print();
            }
            let all = verified.equal + verified.findings.len() as u64;
            output::line(&format!(
                "{} of {} came out the same, to the byte",
                verified.equal,
                output::count(all, "hour")
            ));
        }
    }
    if verified.other_code > 0 {
        let hours = output::count(verified.other_code, "hour");
        output::note(&format!(
            "{hours} were made by other code than that of {projection} here: `replay plan {projection}` says which"
        ));
    }
    if verified.equal == 0 && verified.findings.is_empty() {
        output::note("nothing was compared: there is no sealed hour that counts");
    }
}

fn words(repeated: &Repeated) -> (&'static str, String) {
    match repeated {
        Repeated::Equal => ("equal", String::new()),
        Repeated::Rows(row, measures) => ("rows", first_row(row, measures)),
        Repeated::Other(what) => ("bytes", what.clone()),
        Repeated::Failed(why) => ("not compared", why.clone()),
    }
}

/// The first row that differs, and in what.
fn first_row(row: &RowChange, measures: &[String]) -> String {
    let key = row.key.iter().map(|value| value.as_deref().unwrap_or("-")).collect::<Vec<_>>().join(" ");
    match (&row.before, &row.after) {
        (Some(_), None) => format!("{key}: it counts, and is not computed"),
        (None, _) => format!("{key}: it is computed, and does not count"),
        (Some(before), Some(after)) => {
            let differs = measures.iter().zip(before.iter().zip(after)).filter(|(_, (before, after))| before != after);
            let texts: Vec<String> =
                differs.map(|(name, (before, after))| format!("{name} {before}, computed {after}")).collect();
            format!("{key}: {}", texts.join("; "))
        }
    }
}
