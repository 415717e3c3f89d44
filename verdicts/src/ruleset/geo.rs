//! Where on the globe addresses are, from a database in MaxMind's format.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use maxminddb::{PathElement, Reader};

use super::{address::Address, error::Error};

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

/// Maps addresses to points on the globe. Checked as a whole when it is opened.
pub(crate) struct GeoDatabase {
    path: PathBuf,
    reader: Reader<Vec<u8>>,
}

impl fmt::Debug for GeoDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeoDatabase").field("path", &self.path).finish_non_exhaustive()
    }
}

impl GeoDatabase {
    pub(super) fn open(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let refuse = |problem: String| Error::Database { path: path.to_owned(), problem };
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
        Ok(Self { path: path.to_owned(), reader })
    }

    /// Where `address` is, if the database knows.
    pub(crate) fn find(&self, address: Address) -> Option<GeoPoint> {
        location(&self.reader.lookup(address.ip()).ok()?)
    }

    /// The name of the database.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }
}

fn location(found: &maxminddb::LookupResult<'_, Vec<u8>>) -> Option<GeoPoint> {
    let degrees = |axis| {
        let path = [PathElement::Key("location"), PathElement::Key(axis)];
        found.decode_path::<f64>(&path).ok().flatten()
    };
    GeoPoint::of(degrees("latitude")?, degrees("longitude")?)
}

#[cfg(test)]
mod tests {
    use super::*;

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
