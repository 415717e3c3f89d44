//! The detectors as people know them: name, usual weight and category, what each finds, and where its rule comes from.

use crate::{schema::SCORE_PERMILLE_MAX, verdict::Category};

/// What holds for a detector whatever its parameters: its name in the file, and what a rule has if the file does not
/// say.
#[derive(Debug)]
pub(super) struct DetectorProfile {
    pub(super) name: &'static str,
    pub(super) weight_permille: u16,
    pub(super) category: Category,
    /// What it finds, in one sentence without its full stop.
    pub(super) finds: &'static str,
    /// Where the rule comes from.
    pub(super) source: &'static str,
}

const fn profile(
    name: &'static str,
    weight_permille: u16,
    category: Category,
    finds: &'static str,
    source: &'static str,
) -> DetectorProfile {
    DetectorProfile { name, weight_permille, category, finds, source }
}

const MRC: &str = "MRC Invalid Traffic Detection and Filtration Standards Addendum, June 2020";

const _: () = {
    let mut index = 0;
    while index < PROFILES.len() {
        let weight = PROFILES[index].weight_permille;
        assert!(0 < weight && weight <= SCORE_PERMILLE_MAX, "a rule that fires says something");
        index += 1;
    }
};

/// By [`Detector::profile`](super::detector::Detector::profile)'s index.
pub(super) static PROFILES: [DetectorProfile; 10] = [
    profile(
        "duplicate",
        1000,
        Category::Duplicate,
        "an event whose id was logged before",
        "house rule: an event is billed once, however often it is sent",
    ),
    profile(
        "double_click",
        1000,
        Category::Duplicate,
        "a click on an ad that the same user, or the same address and user agent, clicked shortly before",
        "house rule; IAB and MRC Click Measurement Guidelines 2009 count one click where a person meant one",
    ),
    profile(
        "address_rate",
        400,
        Category::Sivt,
        "more clicks from an address in a sliding window than people make",
        MRC,
    ),
    profile(
        "suspicious_agent",
        300,
        Category::Givt,
        "a request without a user agent, or an event whose agent names a robot or a tool",
        "MRC IVT Addendum 2020 (known robots, spiders, non-browser user agents); published lists of robots",
    ),
    profile(
        "impossible_click",
        500,
        Category::Sivt,
        "a click sooner after the impression of its ad than a person can react",
        "house rule",
    ),
    profile(
        "impossible_travel",
        300,
        Category::Sivt,
        "a user at two places, faster than an airliner flies",
        "house rule; places by the operator's address database",
    ),
    profile(
        "click_farm",
        600,
        Category::Sivt,
        "more users behind one address than a household, office or carrier gateway has, or a listed address",
        "house rule; MRC IVT Addendum 2020 (manipulated and incentivised activity)",
    ),
    profile(
        "device_mismatch",
        200,
        Category::Sivt,
        "a declared device or system that the user agent clearly contradicts",
        "house rule; MRC IVT Addendum 2020 (falsified attributes)",
    ),
    profile(
        "datacentre",
        400,
        Category::Givt,
        "an event from a listed network, such as a data centre's",
        "MRC IVT Addendum 2020 (data-centre traffic); networks that providers publish, or the operator's own list",
    ),
    profile(
        "click_injection",
        500,
        Category::Sivt,
        "a conversion sooner after its click than anybody can install or buy",
        "house rule; MRC IVT Addendum 2020 (attribution manipulation)",
    ),
];
