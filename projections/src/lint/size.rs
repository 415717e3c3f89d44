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

/// Bytes of a projection, and of a question, in which a list of ids may stand.
const BYTES_MAX: usize = 64 << 10;
const QUESTION_BYTES_MAX: usize = 1 << 20;
/// Words, numbers and signs.
const TOKENS_MAX: usize = 4_000;
/// Operators of one item of the SELECT, or of all that stands between two commas outside of parentheses: each may be
/// one level of a tree. A thousand levels overflow a thread's stack.
const OPERATORS_MAX: usize = 256;
/// Tables that are named, also those of WITH: a name that stands for two of another doubles the plan.
const RELATIONS_MAX: usize = 16;

/// Looks at the text of a projection, before a tree is made of it.
pub(super) fn of_text(sql: &str) -> Result<(), Error> {
    let excess = tokens(sql, BYTES_MAX).and_then(|tokens| {
        if tokens.len() > TOKENS_MAX {
            return Err(format!("it has {} words and signs, more than {TOKENS_MAX}", tokens.len()));
        }
        operators(&tokens)?;
        Ok(tokens)
    });
    let tokens = excess.map_err(|what| refused("the SQL", format!("{what}: make several projections of it")))?;
    if tokens.iter().any(is_sampling) {
        let what = "TABLESAMPLE takes some of the rows: a projection counts all of them; use WHERE";
        return Err(refused("FROM", what));
    }
    Ok(())
}

/// The engine reads it, and takes every row all the same.
fn is_sampling(token: &Token) -> bool {
    let Token::Word(word) = token else { return false };
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case("TABLESAMPLE")
}

/// Looks at a question of a person in the same way; lists in it may be long.
pub(crate) fn of_question(sql: &str) -> Result<(), Error> {
    let excess = tokens(sql, QUESTION_BYTES_MAX).and_then(|tokens| operators(&tokens));
    excess.map_err(|what| refused("the SQL", format!("{what}: write lists as IN (…), or ask several questions")))
}

/// The words, numbers and signs of a text; what cannot be cut into them, the parser names with its line.
fn tokens(sql: &str, bytes_max: usize) -> Result<Vec<Token>, String> {
    if sql.len() > bytes_max {
        return Err(format!("it has {} bytes, more than {bytes_max}", sql.len()));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().unwrap_or_default();
    Ok(tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect())
}

fn operators(tokens: &[Token]) -> Result<(), String> {
    let (mut operators, mut depth) = (0_usize, 0_usize);
    for token in tokens {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => operators = 0,
            token if is_operator(token) => operators += 1,
            _ => {}
        }
        if operators > OPERATORS_MAX {
            return Err(format!("one expression of it has more than {OPERATORS_MAX} operators"));
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
