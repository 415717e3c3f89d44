//! Checking a bundle of evidence with a million rows, in a process that does nothing else; and bundles that somebody
//! changed, none of which may verify.

use std::{
    collections::BTreeMap, fs::File, io::Write as _, path::PathBuf, process::Command, sync::Mutex, time::Instant,
};

use anyhow::ensure;
use clicktrail_evidence::{
    made_up::{
        Dossier, LeftOut, OwnBiller, Plan, Random, Wanted,
        mutation::{forge, mutate},
        rows::Shape,
    },
    note::VerifierKey,
    verify::{Kind, Trust, verify},
};

use crate::{
    memory,
    sizes::Sizes,
    table::{Table, Target, float, millis, note, rate},
};

const MIB: f64 = 1_048_576.0;
/// What a laptop takes for a month of a large advertiser.
const SECONDS_MAX: f64 = 2.0;
const BYTES_MAX: f64 = 100.0 * MIB;
const ROUNDS: usize = 3;
/// Changed bundles of each honest one.
const MUTATIONS_EACH: u64 = 50;
const THREADS: u64 = 2;

/// Check a bundle, and print how long it took and the peak of memory
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    file: PathBuf,
    key: VerifierKey,
}

/// A log in which the first advertiser has about so many rows, in hours of a month.
fn large(rows: u64) -> Plan {
    let shape = Shape { advertisers: 4, campaigns: 40, first_permille: 300, other_kinds_permille: 50 };
    // Of an hour's rows 47 % are the first advertiser's; an hour has 2.5 frames, which are half full.
    Plan { seed: 1, hours: 720, frames: 4, rows: (rows / 385).max(2), shape, ruled_permille: 100 }
}

pub(crate) async fn run(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let rows = sizes.evidence_rows;
    note(&format!("make evidence of about {rows} rows"));
    let home = tempfile::tempdir()?;
    let file = home.path().join("bundle.zip");
    let key = {
        let dossier = Dossier::new(&large(rows), &OwnBiller);
        std::fs::write(&file, dossier.evidence().zip())?;
        dossier.key.verifier().to_string()
    };
    let bytes = std::fs::metadata(&file)?.len();
    let (mut best, mut peak, mut found) = (f64::INFINITY, 0.0, 0);
    for _ in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe()?);
        child.arg("verify-bundle").arg(&file).arg(&key);
        let output = tokio::task::spawn_blocking(move || child.output()).await??;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let numbers: Vec<u64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [micros, of_memory, rows] = numbers.as_slice() else { anyhow::bail!("a child prints three numbers") };
        best = best.min(float(*micros) / 1e6);
        peak = float(*of_memory).max(peak);
        found = *rows;
    }
    let name = format!("evidence of {found} rows, {:.0} MB", float(bytes) / 1e6);
    table.judge(format!("{name}: verified"), best, Target::AtMost(SECONDS_MAX), millis);
    let mib = |bytes: f64| format!("{:.0} MiB", bytes / MIB);
    table.judge(format!("{name}: resident memory"), peak, Target::AtMost(BYTES_MAX), mib);
    mutations(sizes, table)
}

/// Checks, and prints microseconds, the peak of this process in bytes, and rows.
pub(crate) fn child(Arguments { file, key }: Arguments) -> anyhow::Result<()> {
    let begun = Instant::now();
    let report = verify(&Mutex::new(File::open(file)?), &Trust { keys: vec![key], ..Trust::default() });
    let took = begun.elapsed();
    ensure!(report.verified, "{report}");
    writeln!(std::io::stdout(), "{} {} {}", took.as_micros(), memory::peak_bytes()?, report.numbers.rows)?;
    Ok(())
}

/// How changed bundles ended: how many with each exit code.
type Ended = BTreeMap<u8, u64>;

fn mutations(sizes: &Sizes, table: &mut Table) -> anyhow::Result<()> {
    let begun = Instant::now();
    let bundles = sizes.evidence_mutations.div_ceil(MUTATIONS_EACH);
    let ended = std::thread::scope(|scope| {
        let of_thread = |thread| (thread..bundles).step_by(2).try_fold(Ended::new(), of_bundle);
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || of_thread(thread))).collect();
        let mut all = Ended::new();
        for thread in threads {
            let ended = thread.join().map_err(|_| anyhow::anyhow!("a mutation made the verifier panic"))??;
            ended.into_iter().for_each(|(code, count)| *all.entry(code).or_default() += count);
        }
        anyhow::Ok(all)
    })?;
    let took = begun.elapsed().as_secs_f64();
    let tried: u64 = ended.values().sum();
    let verified = ended.get(&0).copied().unwrap_or_default();
    let whole = |count: f64| format!("{count:.0}");
    table.judge(format!("evidence: of {tried} changed bundles verify"), float(verified), Target::AtMost(0.0), whole);
    let refused = Kind::ALL.map(|kind| {
        let count = ended.get(&kind.exit_code()).copied().unwrap_or_default();
        format!("{count} {} ({})", kind.as_str(), kind.exit_code())
    });
    table.say("evidence: changed bundles refused as", refused.join(", "));
    table.say("evidence: changed bundles checked in a second", rate(float(tried) / took));
    Ok(())
}

/// Changes one bundle many times: bytes, files with their digests repaired, and what is left out behind right proofs.
fn of_bundle(mut ended: Ended, seed: u64) -> anyhow::Result<Ended> {
    let dossier = Dossier::new(&Plan::small(seed), &OwnBiller);
    let (keys, witnesses) = (vec![dossier.key.verifier().clone()], vec![dossier.witness.verifier().clone()]);
    let trust = Trust { keys, witnesses, documents: Vec::new() };
    let wanted = Wanted { case: seed.is_multiple_of(3).then(|| "A-17".to_owned()), ..Wanted::default() };
    let honest = dossier.evidence_of(&wanted, &LeftOut::default());
    let archive = honest.zip();
    let report = verify(&archive, &trust);
    ensure!(report.verified, "seed {seed}: the honest bundle does not verify: {report}");
    let mut random = Random::new(!seed);
    for number in 0..MUTATIONS_EACH {
        let forged = if number % 5 == 0 { forge(&mut random, &dossier, &wanted, &archive) } else { None };
        let mutated = forged.unwrap_or_else(|| mutate(&mut random, &honest, &archive));
        let report = verify(&mutated.bytes, &trust);
        if report.verified {
            note(&format!("seed {seed}, mutation {number}: {} and it verifies", mutated.what));
        }
        *ended.entry(report.exit_code).or_default() += 1;
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_bundles_are_counted_by_how_they_end_and_none_verifies() {
        let ended = [5, 6].into_iter().try_fold(Ended::new(), of_bundle).unwrap();
        assert_eq!(ended.values().sum::<u64>(), 2 * MUTATIONS_EACH);
        assert!(!ended.contains_key(&0) && ended.contains_key(&2) && ended.contains_key(&3), "{ended:?}");
    }
}
