use super::*;

fn column(name: &str, data_type: &str, nullable: bool) -> Column {
    Column { name: name.into(), data_type: data_type.into(), nullable }
}

#[test]
fn present_schema_is_published_and_breaks_no_earlier_one() {
    let now = columns(&events());
    let published = published();
    assert!(published.iter().any(|(version, _)| *version == id(&events())), "add it under log/schemas");
    for (version, columns) in published {
        assert_eq!(check_additive(&columns, &now), [], "version {version}");
    }
}

#[test]
fn only_additions_pass() {
    let old = [column("a", "Utf8", false), column("b", "Int64", true)];
    let added = [old[0].clone(), old[1].clone(), column("c", "Utf8", true)];
    assert_eq!(check_additive(&old, &added), []);
    let cases = [
        (vec![old[0].clone()], Break::Removed("b".into())),
        (vec![old[0].clone(), column("b2", "Int64", true)], Break::Removed("b".into())),
        (vec![old[0].clone(), column("b", "Int64", false)], Break::Nullability("b".into())),
        (vec![old[0].clone(), old[1].clone(), column("c", "Utf8", false)], Break::NewRequired("c".into())),
        (
            vec![old[0].clone(), column("b", "Utf8", true)],
            Break::Retyped { name: "b".into(), published: "Int64".into(), now: "Utf8".into() },
        ),
    ];
    for (now, expected) in cases {
        assert_eq!(check_additive(&old, &now), [expected]);
    }
}
