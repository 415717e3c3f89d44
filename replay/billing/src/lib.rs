//! Periods to invoices.
