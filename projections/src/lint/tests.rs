use crate::{Error, Projection, counters};

const TOML: &str = r#"
key = ["country", "hour", "currency"]
time = "hour"
unit = "hour"
measures = [{ name = "clicks", type = "count" }, { name = "spend_micros", type = "sum" }]
"#;

const SPEND: &str = "COALESCE(SUM(CAST(price_micros AS DECIMAL(38, 0))) FILTER (WHERE r.category IS NULL), 0)";

/// The SQL that every case below changes in one place.
const SQL: &str = "
    SELECT country, date_trunc('hour', event_time) AS hour, currency,
        COUNT(*) FILTER (WHERE kind = 'click') AS clicks,
        COALESCE(SUM(CAST(price_micros AS DECIMAL(38, 0))) FILTER (WHERE r.category IS NULL), 0) AS spend_micros
    FROM clicks c LEFT JOIN rulings r ON c.position = r.position
    WHERE kind <> 'probe'
    GROUP BY country, date_trunc('hour', event_time), currency";

async fn said(toml: &str, sql: &str) -> String {
    match Projection::from_files("spend", toml, sql).await {
        Ok(_) => String::from("nothing"),
        Err(Error::Refused(what)) => what,
        Err(other) => panic!("{sql}\n{other:?}"),
    }
}

/// Every case: what is replaced in the SQL, with what, the place that the refusal names, and what it says to do.
async fn check(cases: &[(&str, &str, &str, &str)]) {
    assert_eq!(said(TOML, SQL).await, "nothing");
    for (old, new, place, instead) in cases {
        assert!(SQL.contains(old), "{old}");
        let sql = SQL.replacen(old, new, 1);
        let said = said(TOML, &sql).await;
        let is_named = said.starts_with(&format!("spend.sql: {place}: "));
        assert!(is_named && said.contains(instead), "{new}\n{said}\nwanted: {place}: … {instead}");
    }
}

#[tokio::test]
async fn counters_pass_their_own_lint() {
    Projection::candidate_of_counters(&format!("{}\n", counters::SQL)).await.unwrap();
}

/// I12: nothing in a fold reads a clock, a random source, or the order of its rows.
#[tokio::test]
async fn what_gives_another_answer_the_next_time_is_refused() {
    let (clock, event) = ("event_time, captured_at or logged_at", "event_id or position");
    let single = "verdicts query";
    check(&[
        ("kind = 'click'", "event_time < now()", "column clicks", clock),
        ("kind = 'click'", "CAST(event_time AS DATE) = current_date", "column clicks", clock),
        ("kind = 'click'", "CAST(event_time AS TIME) < current_time", "column clicks", clock),
        ("kind = 'click'", "event_time < current_timestamp", "column clicks", clock),
        ("kind <> 'probe'", "event_time > now() - INTERVAL '1 day'", "WHERE", clock),
        ("kind <> 'probe'", "random() < 0.5", "WHERE", event),
        ("kind <> 'probe'", "uuid() > event_id", "WHERE", event),
        ("c.position = r.position", "c.position = r.position AND random() < 0.5", "JOIN", event),
        ("kind <> 'probe'", "c.position IN (SELECT position FROM rulings WHERE random() < 0.1)", "WHERE", event),
        ("COUNT(*)", "first_value(price_micros)", "column clicks", "no ORDER BY"),
        ("COUNT(*)", "last_value(price_micros)", "column clicks", single),
        ("COUNT(*)", "first_value(price_micros ORDER BY c.position)", "column clicks", "cannot be added up"),
        ("COUNT(*)", "nth_value(price_micros, 2)", "column clicks", single),
        ("COUNT(*)", "array_agg(ad_id)", "column clicks", "part of the key"),
        ("COUNT(*)", "string_agg(ad_id, ',')", "column clicks", "part of the key"),
        ("COUNT(*)", "approx_distinct(user_id)", "column clicks", "of what is exact"),
        ("kind <> 'probe'", "kind <> $1", "WHERE", "write the value"),
    ])
    .await;
}

/// One event must not take all memory, whatever its texts are, and what tells of the engine is nobody's click.
#[tokio::test]
async fn what_has_no_bound_or_is_not_about_the_event_is_refused() {
    let (bound, engine) = ("any amount of memory or time", "tells of the engine");
    check(&[
        ("kind <> 'probe'", "length(lpad(ad_id, 2000000000, 'x')) > 3", "WHERE", bound),
        ("kind <> 'probe'", "length(repeat(ad_id, 100000000)) > 3", "WHERE", bound),
        ("kind <> 'probe'", "version() = 'x'", "WHERE", engine),
        ("FROM clicks c", "FROM clicks c TABLESAMPLE (10 PERCENT)", "FROM", "TABLESAMPLE"),
    ])
    .await;
}

#[tokio::test]
async fn rows_left_out_by_their_order_are_refused() {
    let group_by = "GROUP BY country, date_trunc('hour', event_time), currency";
    check(&[
        (group_by, &format!("{group_by} LIMIT 10"), "LIMIT", "limit what is asked"),
        (group_by, &format!("{group_by} ORDER BY clicks OFFSET 1"), "LIMIT", "limit what is asked"),
        ("FROM clicks c", "FROM (SELECT * FROM clicks LIMIT 5) c", "LIMIT", "limit what is asked"),
        ("FROM clicks c", "FROM (SELECT DISTINCT ON (event_id) * FROM clicks) c", "DISTINCT", "limit what is asked"),
    ])
    .await;
}

#[tokio::test]
async fn windows_are_refused() {
    let over = |order: &str| format!("FROM (SELECT *, row_number() OVER ({order}) AS n FROM clicks) c");
    let judge = "a rule of the judge";
    check(&[
        ("FROM clicks c", &over("PARTITION BY event_id ORDER BY event_time"), "OVER", "no ORDER BY position"),
        ("FROM clicks c", &over(""), "OVER", judge),
        ("FROM clicks c", &over("ORDER BY position"), "OVER", "looks at other rows"),
    ])
    .await;
}

#[tokio::test]
async fn floating_point_is_refused_with_what_to_do_instead() {
    let micros = "whole micros";
    check(&[
        ("CAST(price_micros AS DECIMAL(38, 0))", "CAST(price_micros AS DOUBLE)", "column spend_micros", micros),
        ("CAST(price_micros AS DECIMAL(38, 0))", "price_micros * 0.5", "column spend_micros", micros),
        ("CAST(price_micros AS DECIMAL(38, 0))", "price_micros / 1e6", "column spend_micros", "DECIMAL(38, 0)"),
        ("CAST(price_micros AS DECIMAL(38, 0))", "sqrt(price_micros)", "column spend_micros", micros),
        ("COUNT(*)", "avg(price_micros)", "column clicks", "keep SUM(…) and COUNT(…)"),
        ("kind <> 'probe'", "CAST(price_micros AS REAL) > 2", "WHERE", micros),
        (", 0) AS spend_micros", ", 0) * 1.5 AS spend_micros", "column spend_micros", micros),
    ])
    .await;
}

#[tokio::test]
async fn tables_outside_the_manifest_are_refused() {
    let outside = "reads clicks (the core columns of an hour's events) and rulings alone";
    check(&[
        ("clicks c", "personal c", "FROM", outside),
        ("clicks c", "other.clicks c", "FROM", outside),
        ("clicks c", "'clicks.parquet' c", "FROM", outside),
        ("clicks c", "information_schema.tables c", "FROM", outside),
        ("kind <> 'probe'", "event_id IN (SELECT event_id FROM personal)", "FROM", outside),
        ("clicks c", "generate_series(1, 9) c", "FROM", outside),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_select_or_is_not_known_is_refused() {
    for (sql, place) in [
        ("DELETE FROM clicks", "one SELECT"),
        ("CREATE TABLE a AS SELECT 1", "one SELECT"),
        ("EXPLAIN SELECT 1", "one SELECT"),
        ("COPY clicks TO 'a.csv'", "one SELECT"),
        ("SELECT 1; SELECT 2", "not understood"),
        ("SELEC 1", "not understood"),
        ("", "not understood"),
    ] {
        let said = said(TOML, sql).await;
        assert!(said.starts_with("spend.sql: the SQL: ") && said.contains(place), "{sql}: {said}");
    }
    check(&[
        ("COUNT(*)", "my_count(*)", "the SQL", "built-in functions"),
        ("COUNT(*)", "COUNT(user_agent)", "the SQL", "docs/projections.md lists"),
    ])
    .await;
}

/// I6, I8: the projection of the whole is the sum of those of its pieces.
#[tokio::test]
async fn what_cannot_be_added_up_is_refused() {
    let group_by = "GROUP BY country, date_trunc('hour', event_time), currency";
    let rollup = "GROUP BY ROLLUP(country, date_trunc('hour', event_time), currency)";
    check(&[
        ("COUNT(*)", "COUNT(DISTINCT user_id)", "column clicks", "part of the key"),
        ("COUNT(*)", "MAX(price_micros)", "column clicks", "counts and sums"),
        ("COUNT(*)", "median(price_micros)", "column clicks", "counts and sums"),
        (", 0) AS spend_micros", ", 0) / 2 AS spend_micros", "column spend_micros", "within SUM(…)"),
        (", 0) AS spend_micros", ", 5) AS spend_micros", "column spend_micros", "within SUM(…)"),
        (
            "COUNT(*) FILTER (WHERE kind = 'click')",
            "CASE WHEN COUNT(*) > 9 THEN 9 ELSE 0 END",
            "column clicks",
            "within SUM(…)",
        ),
        ("COUNT(*) FILTER (WHERE kind = 'click')", "COUNT(*) * COUNT(*)", "column clicks", "within SUM(…)"),
        (group_by, &format!("{group_by} HAVING COUNT(*) > 3"), "HAVING", "filter what is asked"),
        (group_by, rollup, "GROUP BY", "group by the key alone"),
        (group_by, &format!("{group_by}, city"), "GROUP BY", "add it to the key"),
        ("FROM clicks c", "FROM (SELECT DISTINCT * FROM clicks) c", "DISTINCT", "by itself"),
        ("FROM clicks c", "FROM (SELECT * FROM clicks UNION ALL SELECT * FROM clicks) c", "FROM", "reads it once"),
        ("kind <> 'probe'", "price_micros > (SELECT COUNT(*) FROM rulings)", "WHERE", "ON c.position = r.position"),
        ("kind <> 'probe'", "EXISTS (SELECT 1 FROM rulings)", "WHERE", "ON c.position = r.position"),
        ("kind <> 'probe'", "event_id IN (SELECT event_id FROM clicks)", "WHERE", "ON c.position = r.position"),
        ("ON c.position = r.position", "ON c.kind = r.category", "JOIN", "ON c.position = r.position"),
        ("LEFT JOIN", "FULL JOIN", "JOIN", "ON c.position = r.position"),
        ("LEFT JOIN", "RIGHT JOIN", "JOIN", "ON c.position = r.position"),
        ("LEFT JOIN rulings r ON c.position = r.position", "CROSS JOIN rulings r", "JOIN", "by its position"),
        ("rulings r ON", "(SELECT position + 1 AS position, category FROM rulings) r ON", "JOIN", "by its position"),
        ("FROM clicks c", "FROM clicks c LEFT SEMI JOIN clicks d ON c.position = d.position", "FROM", "reads it once"),
    ])
    .await;
    let nested = "SELECT country, hour, currency, COUNT(*) AS clicks, COALESCE(SUM(spend), 0) AS spend_micros FROM (
        SELECT country, date_trunc('hour', event_time) AS hour, currency, user_id,
            SUM(CAST(price_micros AS DECIMAL(38, 0))) AS spend
        FROM clicks GROUP BY 1, 2, 3, 4) GROUP BY country, hour, currency";
    assert!(said(TOML, nested).await.starts_with("spend.sql: GROUP BY: a projection looks at each event by itself"));
}

#[tokio::test]
async fn sums_that_wrap_and_mixed_currencies_are_refused() {
    let cast = "CAST(price_micros AS DECIMAL(38, 0))";
    check(&[
        (cast, "price_micros", "column spend_micros", "SUM(CAST(c.price_micros AS DECIMAL(38, 0)))"),
        (cast, "CAST(price_micros * 1000 AS DECIMAL(38, 0))", "column spend_micros", "CAST to DECIMAL(38, 0) first"),
        (cast, "CAST(price_micros AS DECIMAL(38, 2))", "column spend_micros", "stored as Decimal128(38, 0)"),
        ("COUNT(*) FILTER (WHERE kind = 'click')", "COALESCE(SUM(price_micros), 0)", "column clicks", "no COUNT"),
        (SPEND, "SUM(CAST(price_micros AS DECIMAL(38, 0)))", "column spend_micros", "COALESCE(SUM(…), 0)"),
    ])
    .await;
    let several = TOML.replace(", \"currency\"]", "]");
    let sql =
        SQL.replace(", currency\n", "\n").replace("hour, currency,", "hour,").replace("_time), currency", "_time)");
    let said = said(&several, &sql).await;
    assert!(said.starts_with("spend.sql: column spend_micros: ") && said.contains("group by currency"), "{said}");
}

#[tokio::test]
async fn columns_are_those_that_the_file_names() {
    check(&[
        ("AS clicks", "AS klicks", "column clicks", "return one AS clicks"),
        ("COUNT(*) FILTER", "COUNT(*) AS more, COUNT(*) FILTER", "column more", "neither in the key nor a measure"),
        ("currency,\n", "upper(currency) AS currency,\n", "column currency", "return it unchanged"),
        ("'hour', event_time) AS hour", "'minute', event_time) AS hour", "the SQL", "GROUP BY"),
    ])
    .await;
    let minutes = SQL.replace("'hour', event_time", "'minute', event_time");
    assert!(said(TOML, &minutes).await.contains("make it date_trunc('hour', event_time)"));
    let other_time = SQL.replace("'hour', event_time", "'hour', captured_at");
    assert!(said(TOML, &other_time).await.contains("make it date_trunc('hour', event_time)"));
    let truth = TOML.replace("\"country\"", "\"paid\"");
    let sql = SQL.replacen("country,", "price_micros > 0 AS paid,", 1).replace("BY country", "BY price_micros > 0");
    assert!(said(&truth, &sql).await.contains("CASE WHEN"));
    let day = TOML.replace("\"country\"", "\"day\"");
    let sql = SQL.replacen("country,", "CAST(event_time AS DATE) AS day,", 1);
    let sql = sql.replace("BY country", "BY CAST(event_time AS DATE)");
    assert!(said(&day, &sql).await.contains("not Date32: CAST"));
}

/// What a projection may be written like: none of these is refused.
#[tokio::test]
async fn ordinary_sql_is_a_projection() {
    for (old, new) in [
        ("", ""),
        ("currency\n", "currency -- a comment\n"),
        ("country,", "COALESCE(country, '??') AS country,"),
        ("clicks c LEFT JOIN rulings r", "rulings r RIGHT JOIN clicks c"),
        ("ON c.position = r.position", "USING (position)"),
        ("kind <> 'probe'", "c.position NOT IN (SELECT position FROM rulings WHERE category = 'givt')"),
        ("FROM clicks c", "FROM (SELECT * FROM clicks WHERE kind = 'click') c"),
        (", 0) AS spend_micros", ", 0) + COALESCE(SUM(CAST(value_micros AS DECIMAL(38, 0)) * 2), 0) AS spend_micros"),
    ] {
        let mut sql = SQL.replacen(old, new, 1);
        if new.starts_with("COALESCE(country") {
            sql = sql.replace("BY country", "BY COALESCE(country, '??')");
        }
        assert_eq!(said(TOML, &sql).await, "nothing", "{sql}");
    }
    let with =
        format!("WITH paid AS (SELECT * FROM clicks WHERE price_micros > 0) {}", SQL.replace("clicks c", "paid c"));
    assert_eq!(said(TOML, &with).await, "nothing");
    let ordered = format!("{SQL} ORDER BY clicks DESC");
    assert_eq!(said(TOML, &ordered).await, "nothing");
}

#[tokio::test]
async fn candidate_has_the_columns_of_counters() {
    for (old, new, said) in [
        ("c.currency,\n    COUNT(*)", "c.currency,\n    COUNT(*) AS all_events,\n    COUNT(*)", "column all_events: "),
        ("AS impressions,", "AS shown,", "column impressions: "),
        ("c.advertiser_id,\n", "NULLIF(c.advertiser_id, 'a') AS advertiser_id,\n", "column advertiser_id: "),
        ("date_trunc('minute'", "date_trunc('hour'", "column minute: "),
    ] {
        assert!(counters::SQL.contains(old), "{old}");
        let mut sql = counters::SQL.replace(old, new);
        if new.starts_with("NULLIF") {
            sql = sql.replace("GROUP BY c.advertiser_id", "GROUP BY NULLIF(c.advertiser_id, 'a')");
            sql = sql.replace("ORDER BY\n    c.advertiser_id", "ORDER BY\n    1");
        }
        let refused = Projection::candidate_of_counters(&sql).await;
        assert!(matches!(&refused, Err(Error::Refused(what)) if what.starts_with(said)), "{refused:?}");
    }
    let probes_as_clicks =
        counters::SQL.replacen("(WHERE c.kind = 'click') AS", "(WHERE c.kind IN ('click', 'probe')) AS", 1);
    let candidate = Projection::candidate_of_counters(&probes_as_clicks).await.unwrap();
    assert!(!candidate.is_built_in() && candidate.schema() == counters::schema());
}

/// What is nested is walked by recursion, and a stack has an end: none of these may reach it.
#[tokio::test]
async fn sql_that_is_too_long_or_too_deep_is_refused() {
    let wide = format!("kind IN ({})", vec!["'click'"; 1_000].join(", "));
    assert_eq!(said(TOML, &SQL.replace("kind <> 'probe'", &wide)).await, "nothing", "a list is not deep");
    let again = |what: &str, times: usize| what.repeat(times);
    let group_by = "GROUP BY country, date_trunc('hour', event_time), currency";
    check(&[
        (group_by, &format!("{group_by} -- {}", again("x", 64 << 10)), "the SQL", "more than 65536"),
        ("kind <> 'probe'", &format!("kind IN ('a'{})", again(", 'a'", 3_000)), "the SQL", "more than 4000"),
        ("kind <> 'probe'", &format!("1 = 1{}", again(" AND 1 = 1", 300)), "the SQL", "256 operators"),
        ("kind <> 'probe'", &format!("kind = 'a'{}", again(" || 'a'", 300)), "the SQL", "256 operators"),
        ("kind <> 'probe'", &format!("kind{}", again(" IS NULL", 300)), "the SQL", "256 operators"),
        ("kind <> 'probe'", &format!("kind{} = 'a'", again("::TEXT", 300)), "the SQL", "256 operators"),
        ("kind <> 'probe'", &format!("(kind = 'a'{})", again(" || concat('a', 'b')", 300)), "the SQL", "256 operators"),
        ("COUNT(*)", &format!("COUNT(*){} + COUNT(*)", again(" + COUNT(*)", 300)), "the SQL", "256 operators"),
        (group_by, &format!("{group_by}{}", again(" UNION ALL SELECT 1", 300)), "the SQL", "256 operators"),
        ("kind <> 'probe'", &format!("{}true{}", again("(", 400), again(")", 400)), "the SQL", "RecursionLimit"),
        (
            "rulings r ON",
            &format!("rulings r ON true{} LEFT JOIN rulings s ON", again(" CROSS JOIN rulings", 20)),
            "FROM",
            "16 tables",
        ),
    ])
    .await;
    // Each name stands for two of the one before: a plan of 2^30 tables.
    let doubled: String =
        (1..30).map(|n| format!(", t{n} AS (SELECT a.* FROM t{} a CROSS JOIN t{} b)", n - 1, n - 1)).collect();
    let sql = format!("WITH t0 AS (SELECT * FROM clicks){doubled} {}", SQL.replace("clicks c", "t29 c"));
    assert!(said(TOML, &sql).await.contains("16 tables"));
}
