//! A projection as one text, which plans, units and generations keep: whoever has that text needs no directory.
//!
//! Of counters it is the SQL of a candidate, or nothing for the program's own. Of a user's projection it is the TOML,
//! each line behind a mark that makes it a comment of SQL, a line that ends it, and the SQL as it is. The TOML is
//! written anew from what it says, so that a comment or a space in the file makes no other plan.

use super::definition::{Measure, Projection};
use crate::{counters, error::Error};

/// Before each line of TOML.
const TOML_LINE: &str = "--| ";
/// Between TOML and SQL.
const SQL_FOLLOWS: &str = "--.";

impl Projection {
    /// The text that [`from_text`](Self::from_text) reads.
    pub fn to_text(&self) -> String {
        if self.is_built_in() {
            return String::new();
        }
        if self.name() == counters::NAME {
            return self.sql().to_owned();
        }
        let lines = self.toml();
        let lines: String = lines.lines().map(|line| format!("{TOML_LINE}{line}\n")).collect();
        format!("{lines}{SQL_FOLLOWS}\n{}", self.sql())
    }

    /// The projection of a name and of its text.
    ///
    /// # Errors
    /// [`Error::Refused`] if there is none of that name, the text is none, or the lint refuses it today.
    pub async fn from_text(name: &str, text: &str) -> Result<Self, Error> {
        if name == counters::NAME {
            return if text.is_empty() { Ok(Self::counters()) } else { Self::candidate_of_counters(text).await };
        }
        if text.is_empty() {
            return Err(Error::Refused(format!("there is no projection {name:?} in this program")));
        }
        let none = || Error::Refused(format!("what is kept of the projection {name} is not its TOML and SQL"));
        let (toml, sql) = parts(text).ok_or_else(none)?;
        Self::from_files(name, &toml, sql).await
    }

    /// The same name and columns with other SQL.
    ///
    /// # Errors
    /// [`Error::Refused`] if the lint refuses it, or it gives other columns.
    pub async fn with_sql(&self, sql: &str) -> Result<Self, Error> {
        match self.name() {
            counters::NAME => Self::candidate_of_counters(sql).await,
            name => Self::from_files(name, &self.toml(), sql).await,
        }
    }

    /// What a TOML file says that says the same.
    fn toml(&self) -> String {
        let key: Vec<String> = self.key().iter().map(|field| format!("{:?}", field.name())).collect();
        let measure = |measure: &Measure| {
            format!("[[measures]]\nname = {:?}\ntype = {:?}\n", measure.name, measure.kind.as_str())
        };
        let measures: String = self.measures().iter().map(measure).collect();
        let (key, time, unit) = (key.join(", "), self.time(), self.unit().as_str());
        format!("key = [{key}]\ntime = {time:?}\nunit = {unit:?}\n{measures}")
    }
}

/// TOML and SQL of a text.
fn parts(text: &str) -> Option<(String, &str)> {
    let (mut toml, mut rest) = (String::new(), text);
    loop {
        let (line, after) = rest.split_once('\n')?;
        if line == SQL_FOLLOWS {
            return Some((toml, after));
        }
        toml.push_str(line.strip_prefix(TOML_LINE)?);
        toml.push('\n');
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = include_str!("../../../examples/projections/spend_by_country_and_device.toml");
    const SQL: &str = include_str!("../../../examples/projections/spend_by_country_and_device.sql");

    #[tokio::test]
    async fn text_of_a_projection_is_read_back_as_the_same_code() {
        let of_user = Projection::from_files("spend", TOML, SQL).await.unwrap();
        let again = Projection::from_text("spend", &of_user.to_text()).await.unwrap();
        assert_eq!(again.code_digest(), of_user.code_digest());
        assert_eq!((again.sql(), again.to_text()), (SQL, of_user.to_text()));
        // SQL that begins as TOML is marked stays SQL.
        let marked = of_user.with_sql(&format!("--| key\n--.\n{SQL}")).await.unwrap();
        let again = Projection::from_text("spend", &marked.to_text()).await.unwrap();
        assert_eq!((again.code_digest(), again.sql()), (marked.code_digest(), marked.sql()));
        assert_ne!(marked.code_digest(), of_user.code_digest());
        // Comments of the file make no other text.
        let bare = Projection::from_files("spend", &format!("# other words\n{TOML}"), SQL).await.unwrap();
        assert_eq!(bare.to_text(), of_user.to_text());
        assert_eq!(Projection::counters().to_text(), "");
        assert!(Projection::from_text("counters", "").await.unwrap().is_built_in());
        for text in ["", "SELECT 1", "--| key = []\nSELECT 1\n", "--.\nSELECT 1"] {
            assert!(Projection::from_text("spend", text).await.is_err(), "{text:?}");
        }
    }
}
