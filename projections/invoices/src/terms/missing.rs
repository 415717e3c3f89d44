//! What an invoice needs, and an account or the seller lacks.

use super::parts::Terms;
use crate::seller::Seller;

impl Terms {
    /// What an invoice needs and these terms lack, each by its field and why. Nothing: they are complete.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = self.customer.missing("customer");
        let category = self.tax.category;
        if category.needs_customer_tax_id() && self.customer.tax_id.is_none() {
            missing.push(format!("customer.tax_id (tax category {category} needs it)"));
        }
        if category.needs_reason() && self.tax.exemption_reason.is_none() {
            missing.push(format!("tax.exemption_reason (tax category {category} needs it)"));
        }
        missing
    }

    /// As [`missing`](Self::missing), of these terms and of who sells.
    pub fn missing_with(&self, seller: &Seller) -> Vec<String> {
        let mut missing = self.missing();
        missing.extend(seller.missing());
        if self.tax.category.needs_seller_tax_id() && seller.party.tax_id.is_none() {
            missing.push(format!("seller.tax_id (tax category {} needs it)", self.tax.category));
        }
        missing
    }
}
