//! The class of device and system that a user agent names, and what plainly contradicts it.
//!
//! A table of our own, because the rule needs no more than these classes: the parsers on offer (woothee 0.13, isbot
//! 0.1) have had no release for years, and answer with versions and vendors that nobody asks for here.
//! Browsers lie in known ways, and those contradict nothing: an iPad says Macintosh, and any phone that asks for the
//! desktop site says Macintosh or Linux.

/// An operating system by family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Windows,
    MacOs,
    Ios,
    Android,
    ChromeOs,
    Linux,
}

/// A device by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Desktop,
    Phone,
    Tablet,
}

/// A declaration and what the user agent says instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) declared: String,
    pub(super) agent: &'static str,
}

/// What a user agent names; `None` where it is silent or unclear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Device {
    system: Option<System>,
    form: Option<Form>,
}

impl Device {
    pub(super) fn parse(agent: &str) -> Self {
        let has = |word: &str| agent.contains(word);
        let of = |system, form| Self { system: Some(system), form };
        if has("Windows Phone") || has("Xbox") || has("Tizen") || has("SMART-TV") || has("SmartTV") {
            return Self { system: None, form: None };
        }
        if has("iPad") {
            return of(System::Ios, Some(Form::Tablet));
        }
        if has("iPhone") || has("iPod") {
            return of(System::Ios, Some(Form::Phone));
        }
        if has("Android") {
            // By Google's convention a phone says Mobile; what does not may be a tablet, a television or a car.
            return of(System::Android, has("Mobile").then_some(Form::Phone));
        }
        if has("Windows NT") {
            return of(System::Windows, Some(Form::Desktop));
        }
        if has("CrOS") {
            return of(System::ChromeOs, Some(Form::Desktop));
        }
        if has("Macintosh") {
            return of(System::MacOs, None);
        }
        if has("X11; Linux") || has("X11; Ubuntu") {
            return of(System::Linux, None);
        }
        Self { system: None, form: None }
    }

    /// What `declared` says of the form, if it cannot be.
    pub(super) fn contradicts_form(self, declared: &str) -> Option<Claim> {
        let (claimed, named) = (declared_form(declared)?, self.form?);
        let is_contradiction = match (claimed, named) {
            (Form::Desktop, Form::Phone | Form::Tablet) | (Form::Phone | Form::Tablet, Form::Desktop) => true,
            (Form::Desktop, Form::Desktop) | (Form::Phone | Form::Tablet, Form::Phone | Form::Tablet) => false,
        };
        is_contradiction.then(|| Claim { declared: declared.to_owned(), agent: form_name(named) })
    }

    /// What `declared` says of the system, if it cannot be.
    pub(super) fn contradicts_system(self, declared: &str) -> Option<Claim> {
        use System::{Android, ChromeOs, Ios, Linux, MacOs, Windows};
        let (claimed, named) = (declared_system(declared)?, self.system?);
        let is_contradiction = match (claimed, named) {
            // The desktop site, and what is Linux underneath.
            (Ios | Android, MacOs | Linux) | (Linux | ChromeOs, Android | Linux | ChromeOs) => false,
            (Windows | MacOs | Ios | Android | ChromeOs | Linux, _) => claimed != named,
        };
        is_contradiction.then(|| Claim { declared: declared.to_owned(), agent: system_name(named) })
    }
}

fn declared_form(text: &str) -> Option<Form> {
    match text.to_ascii_lowercase().as_str() {
        "desktop" | "pc" | "laptop" | "computer" => Some(Form::Desktop),
        "mobile" | "phone" | "smartphone" | "mobile phone" => Some(Form::Phone),
        "tablet" => Some(Form::Tablet),
        _ => None,
    }
}

fn declared_system(text: &str) -> Option<System> {
    let lower = text.to_ascii_lowercase();
    let is = |word: &str| lower == word || lower.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '/']));
    if is("windows phone") || is("windows mobile") {
        return None;
    }
    [
        ("windows", System::Windows),
        ("win", System::Windows),
        ("macos", System::MacOs),
        ("mac os", System::MacOs),
        ("mac os x", System::MacOs),
        ("os x", System::MacOs),
        ("ios", System::Ios),
        ("ipados", System::Ios),
        ("iphone os", System::Ios),
        ("android", System::Android),
        ("chrome os", System::ChromeOs),
        ("chromeos", System::ChromeOs),
        ("linux", System::Linux),
        ("ubuntu", System::Linux),
        ("debian", System::Linux),
        ("fedora", System::Linux),
    ]
    .into_iter()
    .find_map(|(word, system)| is(word).then_some(system))
}

const fn form_name(form: Form) -> &'static str {
    match form {
        Form::Desktop => "desktop",
        Form::Phone => "phone",
        Form::Tablet => "tablet",
    }
}

const fn system_name(system: System) -> &'static str {
    match system {
        System::Windows => "Windows",
        System::MacOs => "macOS",
        System::Ios => "iOS",
        System::Android => "Android",
        System::ChromeOs => "ChromeOS",
        System::Linux => "Linux",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15";
    const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15";
    const ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/141.0.0.0 Mobile Safari/537.36";
    const ANDROID_OTHER: &str =
        "Mozilla/5.0 (Linux; Android 12; SM-X906C) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36";
    const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36";
    const MAC: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15";
    const LINUX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0";

    #[test]
    fn only_what_cannot_be_contradicts() {
        for (agent, form, system, contradicts) in [
            (IPHONE, "mobile", "iOS", (false, false)),
            (IPHONE, "desktop", "Windows", (true, true)),
            (IPHONE, "tablet", "iPadOS", (false, false)),
            (IPAD, "tablet", "iPadOS", (false, false)),
            (IPAD, "desktop", "macOS", (true, true)),
            (ANDROID, "Mobile", "Android 10", (false, false)),
            (ANDROID, "desktop", "Linux", (true, false)),
            (ANDROID, "mobile", "iOS", (false, true)),
            (ANDROID_OTHER, "desktop", "Android", (false, false)),
            (WINDOWS, "desktop", "Windows 11", (false, false)),
            (WINDOWS, "mobile", "Android", (true, true)),
            (WINDOWS, "tablet", "iPadOS", (true, true)),
            (MAC, "tablet", "iPadOS", (false, false)),
            (MAC, "mobile", "Android", (false, false)),
            (MAC, "desktop", "Windows", (false, true)),
            (LINUX, "mobile", "Android", (false, false)),
            (LINUX, "desktop", "macOS", (false, true)),
            (LINUX, "desktop", "Ubuntu", (false, false)),
            (WINDOWS, "toaster", "BeOS", (false, false)),
            (WINDOWS, "mobile", "Windows Phone", (true, false)),
            ("curl/8.16.0", "mobile", "iOS", (false, false)),
            ("", "desktop", "Windows", (false, false)),
        ] {
            let device = Device::parse(agent);
            let found = (device.contradicts_form(form).is_some(), device.contradicts_system(system).is_some());
            assert_eq!(found, contradicts, "{agent} as {form}, {system}");
        }
    }
}
