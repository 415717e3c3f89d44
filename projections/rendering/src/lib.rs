//! Issued documents as paper and XML.
