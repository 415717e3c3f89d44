//! How long and how deep SQL may be: what is nested is walked by recursion, here and in the engine, and what is named
//! several times is planned as often.

use std::ops::ControlFlow;

use datafusion::sql::{
    parser::Statement,
    sqlparser::{
        ast,
        dialect::GenericDialect,
        keywords::Keyword,
        tokenizer::{Token, Tokenizer},
    },
};

use super::refusal::refused;
use crate::error::Error;

/// Bytes.
const BYTES_MAX: usize = 64 << 10;
/// Words, numbers and signs.
const TOKENS_MAX: usize = 4_000;
/// Operators of one item of the SELECT, or of all that stands between two commas outside of parentheses: each may be
/// one level of a tree. A thousand levels overflow a thread's stack.
const OPERATORS_MAX: usize = 256;
/// Tables that are named, also those of WITH: a name that stands for two of another doubles the plan.
const RELATIONS_MAX: usize = 16;

/// Looks at the text, before a tree is made of it.
pub(super) fn of_text(sql: &str) -> Result<(), Error> {
    let too_long = |what: String| Err(refused("the SQL", format!("{what}: make several projections of it")));
    if sql.len() > BYTES_MAX {
        return too_long(format!("it has {} bytes, more than {BYTES_MAX}", sql.len()));
    }
    // What cannot be cut into words, the parser names with its line.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize() else { return Ok(()) };
    let tokens: Vec<Token> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    if tokens.len() > TOKENS_MAX {
        return too_long(format!("it has {} words and signs, more than {TOKENS_MAX}", tokens.len()));
    }
    let (mut operators, mut depth) = (0_usize, 0_usize);
    for token in &tokens {
        match token {
            // The engine reads it and takes every row all the same.
            Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("TABLESAMPLE") => {
                let what = "TABLESAMPLE takes some of the rows: a projection counts all of them; use WHERE".to_owned();
                return Err(refused("FROM", what));
            }
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => operators = 0,
            token if is_operator(token) => operators += 1,
            _ => {}
        }
        if operators > OPERATORS_MAX {
            return too_long(format!("one expression of it has more than {OPERATORS_MAX} operators"));
        }
    }
    Ok(())
}

fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(
            word.keyword,
            Keyword::AND
                | Keyword::OR
                | Keyword::XOR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::BETWEEN
                | Keyword::AT
                | Keyword::COLLATE
                | Keyword::DIV
                | Keyword::JOIN
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
        ),
        Token::Number(_, _)
        | Token::SingleQuotedString(_)
        | Token::Comma
        | Token::Period
        | Token::SemiColon
        | Token::RBracket
        | Token::RBrace
        | Token::EOF => false,
        // Signs, whatever they mean.
        _ => true,
    }
}

/// Looks at a statement, before it is planned.
pub(super) fn of_statement(statement: &Statement) -> Result<(), Error> {
    let Statement::Statement(statement) = statement else { return Ok(()) };
    let mut relations = 0;
    let counted = ast::visit_relations(statement.as_ref(), |_| {
        relations += 1;
        if relations > RELATIONS_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match counted {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => {
            let what =
                format!("more than {RELATIONS_MAX} tables are named: a projection reads clicks once, and rulings");
            Err(refused("FROM", what))
        }
    }
}
