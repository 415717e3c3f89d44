//! Where on the globe addresses are, from a database in MaxMind's format.

use std::{fmt, path::PathBuf};

use clicktrail_log::time::Timestamp;
use maxminddb::{PathElement, Reader};
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};

use super::{address::Address, error::Error, list_head::ListHead};

/// How many networks are looked at before a database counts as one without locations.
const PROBED_NETWORKS: usize = 10_000;

/// A point on the globe, in hundredths of a degree: about a kilometre, which is finer than any such database knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GeoPoint {
    /// North is positive.
    pub(crate) latitude: i16,
    /// East is positive.
    pub(crate) longitude: i16,
}

impl GeoPoint {
    fn of(latitude: f64, longitude: f64) -> Option<Self> {
        let hundredths = |degrees: f64, limit: f64| {
            let is_sane = degrees.abs() <= limit;
            #[allow(clippy::cast_possible_truncation, reason = "at most 18,000")]
            is_sane.then(|| libm::round(degrees * 100.0) as i16)
        };
        Some(Self { latitude: hundredths(latitude, 90.0)?, longitude: hundredths(longitude, 180.0)? })
    }

    /// The great-circle distance in metres on a sphere of 6,371 km, the same on every platform.
    pub(crate) fn metres_to(self, other: Self) -> u64 {
        const DIAMETER_METRES: f64 = 2.0 * 6_371_000.0;
        let radians = |hundredths: i16| f64::from(hundredths) / 100.0 * (std::f64::consts::PI / 180.0);
        let half_sine = |from: i16, to: i16| libm::sin((radians(to) - radians(from)) / 2.0);
        let (north, east) = (half_sine(self.latitude, other.latitude), half_sine(self.longitude, other.longitude));
        let cosines = libm::cos(radians(self.latitude)) * libm::cos(radians(other.latitude));
        let haversine = (north * north + cosines * east * east).clamp(0.0, 1.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and half the equator")]
        let metres = libm::round(DIAMETER_METRES * libm::asin(libm::sqrt(haversine))) as u64;
        metres
    }
}

/// Maps addresses to points on the globe: from one file, or from one for each version of addresses. Checked as a whole
/// when it is opened.
pub(crate) struct GeoDatabase {
    /// The one for version 4 before the one for version 6.
    files: Vec<GeoFile>,
}

struct GeoFile {
    path: PathBuf,
    reader: Reader<Vec<u8>>,
}

impl fmt::Debug for GeoDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeoDatabase").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl GeoDatabase {
    pub(super) fn open(files: Vec<(PathBuf, Vec<u8>)>) -> Result<Self, Error> {
        let mut opened = Vec::new();
        for (path, bytes) in files {
            opened.push(GeoFile::open(path, bytes)?);
        }
        opened.sort_by_key(|file| file.reader.metadata().ip_version);
        if let [first, second] = opened.as_slice() {
            let versions = [first, second].map(|file| file.reader.metadata().ip_version);
            if versions != [4, 6] {
                let problem = format!(
                    "it and {} both hold addresses of version {}: a pair is one file for version 4 and one for version 6",
                    first.path.display(),
                    versions[1],
                );
                return Err(Error::Database { path: second.path.clone(), problem });
            }
        }
        Ok(Self { files: opened })
    }

    /// Where `address` is, if the database knows.
    pub(crate) fn find(&self, address: Address) -> Option<GeoPoint> {
        let ip = address.ip();
        let holds = |file: &&GeoFile| ip.is_ipv4() || file.reader.metadata().ip_version == 6;
        self.files.iter().filter(holds).find_map(|file| location(&file.reader.lookup(ip).ok()?))
    }

    /// The name of the database.
    pub(crate) fn name(&self) -> String {
        self.files.iter().map(|file| file.path.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// What the files say about themselves.
    pub(super) fn heads(&self) -> impl Iterator<Item = ListHead> + '_ {
        self.files.iter().map(|file| {
            let metadata = file.reader.metadata();
            let micros = i64::try_from(metadata.build_epoch).ok().and_then(|seconds| seconds.checked_mul(1_000_000));
            ListHead {
                name: file.path.display().to_string(),
                source: Some(metadata.database_type.clone()),
                version: None,
                date: micros.map(Timestamp::from_micros),
                licence: None,
            }
        })
    }
}

impl GeoFile {
    fn open(path: PathBuf, bytes: Vec<u8>) -> Result<Self, Error> {
        let refuse = |problem: String| Error::Database { path: path.clone(), problem };
        let reader = Reader::from_source(bytes).map_err(|error| refuse(error.to_string()))?;
        reader.verify().map_err(|error| refuse(error.to_string()))?;
        let mut networks =
            reader.networks(maxminddb::WithinOptions::default()).map_err(|error| refuse(error.to_string()))?;
        let has_places = networks
            .by_ref()
            .take(PROBED_NETWORKS)
            .any(|network| network.is_ok_and(|found| location(&found).is_some()));
        if !has_places {
            let kind = &reader.metadata().database_type;
            return Err(refuse(format!("it holds no locations (its type is {kind:?}); a City database does")));
        }
        drop(networks);
        Ok(Self { path, reader })
    }
}

/// Degrees as databases have them: a number of any type, or its text.
struct Degrees(f64);

impl<'de> Deserialize<'de> for Degrees {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyNumber;

        impl Visitor<'_> for AnyNumber {
            type Value = Degrees;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("degrees")
            }

            fn visit_f64<E: de::Error>(self, degrees: f64) -> Result<Degrees, E> {
                Ok(Degrees(degrees))
            }

            fn visit_f32<E: de::Error>(self, degrees: f32) -> Result<Degrees, E> {
                Ok(Degrees(f64::from(degrees)))
            }

            fn visit_i64<E: de::Error>(self, degrees: i64) -> Result<Degrees, E> {
                i32::try_from(degrees).map(|degrees| Degrees(f64::from(degrees))).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, degrees: u64) -> Result<Degrees, E> {
                u32::try_from(degrees).map(|degrees| Degrees(f64::from(degrees))).map_err(E::custom)
            }

            fn visit_str<E: de::Error>(self, degrees: &str) -> Result<Degrees, E> {
                degrees.trim().parse().map(Degrees).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(AnyNumber)
    }
}

/// The place of a record: `location.latitude` and `location.longitude` as MaxMind has them, or both at the top.
fn location(found: &maxminddb::LookupResult<'_, Vec<u8>>) -> Option<GeoPoint> {
    let degrees = |path: &[PathElement<'_>]| found.decode_path::<Degrees>(path).ok().flatten().map(|degrees| degrees.0);
    let nested = |axis| degrees(&[PathElement::Key("location"), PathElement::Key(axis)]);
    let flat = |axis| degrees(&[PathElement::Key(axis)]);
    let axis = |axis| nested(axis).or_else(|| flat(axis));
    GeoPoint::of(axis("latitude")?, axis("longitude")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::tests::mmdb::{text, written};

    /// A record with both axes at its top, as numbers of a type or as texts.
    fn flat(latitude: &dyn Fn(&mut Vec<u8>), longitude: &dyn Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut record = vec![0b111_00011];
        text(&mut record, "country_code");
        text(&mut record, "DE");
        for (name, value) in [("latitude", latitude), ("longitude", longitude)] {
            text(&mut record, name);
            value(&mut record);
        }
        record
    }

    fn float(degrees: f32) -> impl Fn(&mut Vec<u8>) {
        move |bytes| {
            bytes.extend([4, 8]);
            bytes.extend(degrees.to_be_bytes());
        }
    }

    fn open(files: &[(&str, Vec<u8>)]) -> Result<GeoDatabase, Error> {
        GeoDatabase::open(files.iter().map(|(path, bytes)| (PathBuf::from(path), bytes.clone())).collect())
    }

    fn place(database: &GeoDatabase, address: &str) -> Option<(i16, i16)> {
        database.find(Address::parse(address).unwrap()).map(|point| (point.latitude, point.longitude))
    }

    const V4: u128 = 10 << 120;
    const V6: u128 = 0x2001_0db8 << 96;

    #[test]
    fn flat_records_of_numbers_and_texts_are_read() {
        let words = |degrees: &'static str| move |bytes: &mut Vec<u8>| text(bytes, degrees);
        for record in [
            flat(&float(52.5), &float(13.25)),
            flat(&words("52.5"), &words(" 13.25 ")),
            flat(&words("52.500001"), &float(13.25)),
        ] {
            let database = open(&[("flat.mmdb", written(4, &[(V4, 8, record)]))]).unwrap();
            assert_eq!(place(&database, "10.1.2.3"), Some((5250, 1325)));
            assert_eq!(place(&database, "::ffff:10.1.2.3"), Some((5250, 1325)));
            assert_eq!((place(&database, "11.0.0.1"), place(&database, "2001:db8::1")), (None, None));
        }
        for record in
            [flat(&words("north"), &float(13.0)), flat(&words(""), &words("")), flat(&words("91"), &float(0.0))]
        {
            let error = open(&[("flat.mmdb", written(4, &[(V4, 8, record)]))]).unwrap_err().to_string();
            assert!(error.contains("flat.mmdb") && error.contains("no locations"), "{error}");
        }
    }

    #[test]
    fn pair_of_files_is_asked_by_the_version_of_the_address() {
        let (v4, v6) = (
            written(4, &[(V4, 8, flat(&float(52.5), &float(13.25)))]),
            written(6, &[(V6, 32, flat(&float(-33.0), &float(151.0)))]),
        );
        for files in
            [[("4.mmdb", v4.clone()), ("6.mmdb", v6.clone())], [("6.mmdb", v6.clone()), ("4.mmdb", v4.clone())]]
        {
            let database = open(&files).unwrap();
            assert_eq!(place(&database, "10.1.2.3"), Some((5250, 1325)));
            assert_eq!(place(&database, "2001:db8::1"), Some((-3300, 15100)));
            assert_eq!(place(&database, "2001:db9::1"), None);
            assert_eq!(database.name(), "4.mmdb, 6.mmdb");
            assert_eq!(database.heads().next().and_then(|head| head.date_text()).as_deref(), Some("2020-09-13"));
        }
        for (one, other, version) in [(&v4, &v4, "version 4"), (&v6, &v6, "version 6")] {
            let error = open(&[("a.mmdb", one.clone()), ("b.mmdb", other.clone())]).unwrap_err().to_string();
            assert!(error.contains("a.mmdb") && error.contains("b.mmdb") && error.contains(version), "{error}");
        }
        let error = open(&[("4.mmdb", v4), ("6.mmdb", vec![7; 999])]).unwrap_err().to_string();
        assert!(error.starts_with("6.mmdb is not a usable address database"), "{error}");
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        let place = |latitude, longitude| GeoPoint::of(latitude, longitude).unwrap();
        let (berlin, paris) = (place(52.52, 13.40), place(48.86, 2.35));
        assert_eq!(berlin.metres_to(paris) / 1000, 877);
        assert_eq!(berlin.metres_to(paris), paris.metres_to(berlin));
        assert_eq!(berlin.metres_to(berlin), 0);
        assert_eq!(place(0.0, 0.0).metres_to(place(0.0, 180.0)), 20_015_087);
        assert_eq!(place(0.0, 179.99).metres_to(place(0.0, -179.99)), 2_224);
        assert_eq!(place(90.0, 0.0).metres_to(place(-90.0, 0.0)), 20_015_087);
    }

    #[test]
    fn impossible_degrees_are_no_place() {
        for (latitude, longitude) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(GeoPoint::of(latitude, longitude), None);
        }
    }
}
