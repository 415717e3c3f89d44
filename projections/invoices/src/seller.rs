//! Who sells: the operator of this system, as its invoices name it. Versioned as terms are.

mod parts;
mod stored;

pub use parts::Seller;
