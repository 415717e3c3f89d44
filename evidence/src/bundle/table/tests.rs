use proptest::prelude::*;

use super::*;

static COLUMNS: [Column; 4] = [
    Column::new("a", Kind::Int),
    Column::or_null("b", Kind::Text),
    Column::or_null("c", Kind::Int),
    Column::new("d", Kind::Decimal),
];

#[derive(Debug, Clone, PartialEq)]
struct Owned {
    a: i64,
    b: Option<String>,
    c: Option<i64>,
    d: i128,
}

fn written(rows: &[Owned]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_names(&COLUMNS, &mut bytes).unwrap();
    for Owned { a, b, c, d } in rows {
        let d = d.to_string();
        let b = b.as_deref().map_or(Value::Null, Value::Text);
        let values = [Value::Int(*a), b, c.map_or(Value::Null, Value::Int), Value::Decimal(&d)];
        write_row(values, &mut bytes).unwrap();
    }
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<Owned>, Error> {
    let mut reader = Reader::open(bytes, &COLUMNS)?;
    let mut rows = Vec::new();
    while let Some(row) = reader.next()? {
        rows.push(Owned {
            a: row.int(0),
            b: (row.value(1) != Value::Null).then(|| row.text(1).to_owned()),
            c: (row.value(2) != Value::Null).then(|| row.int(2)),
            d: row.text(3).parse().unwrap(),
        });
    }
    Ok(rows)
}

#[test]
fn table_has_one_spelling() {
    let rows = [Owned { a: -1, b: Some("a \"b\",\n".into()), c: None, d: 0 }];
    let text = "a,b,c,d\n-1,\"a \"\"b\"\",\n\",,0\n";
    assert_eq!(String::from_utf8(written(&rows)).unwrap(), text);
    assert_eq!(read(text.as_bytes()).unwrap(), rows);
    let empty = [Owned { b: Some(String::new()), ..rows[0].clone() }];
    assert_eq!(read(b"a,b,c,d\n-1,\"\",,0\n").unwrap(), empty);
    for wrong in [
        "",
        "a,b,c\n",
        "a,b,c,d",
        "a,b,c,d\r\n",
        "a,b,c,d\n1,,,0",
        "a,b,c,d\n1,,,0\n\n",
        "a,b,c,d\n1,,,\n",
        "a,b,c,d\n,,,0\n",
        "a,b,c,d\n1,x,,0\n",
        "a,b,c,d\n1,\"x\"y,,0\n",
        "a,b,c,d\n1,\"x,,0\n",
        "a,b,c,d\n1,\"x\"\"\",,0,\n",
        "a,b,c,d\n01,,,0\n",
        "a,b,c,d\n+1,,,0\n",
        "a,b,c,d\n-0,,,0\n",
        "a,b,c,d\n1,,,-\n",
        "a,b,c,d\n1,,,0\r\n",
        "a,b,c,d\n1,,9223372036854775808,0\n",
        "a,b,c,d\n1,,,0,\n",
        "a,b,c,d\n1,, ,0\n",
        "a,b,c,d\n\"1\",,,0\n",
    ] {
        assert!(read(wrong.as_bytes()).is_err(), "{wrong:?}");
    }
    assert!(read(b"a,b,c,d\n1,\"\xff\",,0\n").is_err());
}

#[test]
fn row_that_never_ends_is_not_held() {
    let mut endless = b"a,b,c,d\n1,\"".to_vec();
    endless.resize(ROW_BYTES_MAX + 100, b'x');
    assert!(matches!(read(&endless), Err(Error::Row { line: 2, .. })));
}

proptest! {
    #[test]
    fn rows_come_back(rows in prop::collection::vec(
        (any::<i64>(), prop::option::of("[\"a\n,é]{0,6}"), prop::option::of(any::<i64>()), any::<i128>())
            .prop_map(|(a, b, c, d)| Owned { a, b, c, d }),
        0..5,
    )) {
        let bytes = written(&rows);
        prop_assert_eq!(read(&bytes).unwrap(), rows);
    }

    #[test]
    fn what_is_read_is_what_would_be_written(text in "a,b,c,d\n([-01\",\na]{0,20}\n)?") {
        if let Ok(rows) = read(text.as_bytes()) {
            prop_assert_eq!(String::from_utf8(written(&rows)).unwrap(), text);
        }
    }
}
