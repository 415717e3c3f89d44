//! Invoices as values.
