//! The currencies that an event may be priced in.
//!
//! Source: ISO 4217:2015 list one as maintained by SIX, with amendments up to the euro in Bulgaria (1 January 2026):
//! `BGN`, `HRK`, `ANG`, `CUC`, `SLL` and `ZWL` have left the list, `SLE`, `VED`, `XCG` and `ZWG` are on it. Left out
//! are the codes without a minor unit (metals, bond units, SDR, testing, "no currency"): nobody is invoiced in them.

/// Sorted, for binary search.
const ACTIVE: [&str; 164] = [
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD", "BIF", "BMD", "BND",
    "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF", "CHW", "CLF", "CLP", "CNY",
    "COP", "COU", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP",
    "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD",
    "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP",
    "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN",
    "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN",
    "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD",
    "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX",
    "USD", "USN", "UYI", "UYU", "UYW", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF",
    "YER", "ZAR", "ZMW", "ZWG",
];

/// Whether `code` is an active ISO 4217 code, in capitals.
pub fn is_active(code: &str) -> bool {
    ACTIVE.binary_search(&code).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_each_code_is_three_capitals() {
        assert!(ACTIVE.is_sorted_by(|a, b| a < b));
        assert!(ACTIVE.iter().all(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())));
    }

    #[test]
    fn only_active_money_is_a_currency() {
        for code in ["EUR", "USD", "JPY", "KWD", "XOF", "CLF", "XCG", "ZWG"] {
            assert!(is_active(code), "{code}");
        }
        for code in ["", "eur", "EURO", "EU", "DEM", "HRK", "BGN", "XXX", "XTS", "XAU", "BTC", "€€€"] {
            assert!(!is_active(code), "{code}");
        }
    }
}
