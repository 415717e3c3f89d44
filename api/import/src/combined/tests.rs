use super::*;

const LINE: &str = r#"83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /blog/tags/x?flav=rss20&a=b HTTP/1.1" 200 203023 "http://example.com/" "Mozilla/5.0 (Macintosh)""#;

fn field(line: &str, name: &str) -> Option<String> {
    let mut values = Vec::new();
    parse(line, &mut values).unwrap_or_else(|error| panic!("{error}: {line}"));
    let at = FIELDS.iter().position(|field| *field == name).unwrap();
    values.swap_remove(at).map(|value| value.into_text().unwrap().into_owned())
}

fn error(line: &str) -> String {
    parse(line, &mut Vec::new()).unwrap_err().to_string()
}

#[track_caller]
fn check(line: &str, expected: &[(&str, Option<&str>)]) {
    for (name, value) in expected {
        assert_eq!(field(line, name).as_deref(), *value, "{name} of {line}");
    }
}

#[test]
fn every_field_of_a_line_is_found() {
    let expected = [
        Some("83.149.9.216"),
        None,
        None,
        Some("17/May/2015:10:05:03 +0000"),
        Some("GET"),
        Some("/blog/tags/x?flav=rss20&a=b"),
        Some("/blog/tags/x"),
        Some("flav=rss20&a=b"),
        Some("blog"),
        Some("HTTP/1.1"),
        Some("200"),
        Some("203023"),
        Some("http://example.com/"),
        Some("Mozilla/5.0 (Macintosh)"),
        None,
        None,
        None,
        None,
    ];
    check(LINE, &FIELDS.into_iter().zip(expected).collect::<Vec<_>>());
}

#[test]
fn absent_values_and_odd_users_are_understood() {
    let line = r#"::1 id John [x] Doe [17/May/2015:10:05:03 +0000] "HEAD / HTTP/1.0" 304 - "-" "-""#;
    check(line, &[("user", Some("John [x] Doe")), ("ident", Some("id")), ("remote_addr", Some("::1"))]);
    check(line, &["bytes", "referer", "first_segment", "query"].map(|name| (name, None)));
    check(line, &[("user_agent", Some("-"))]);
}

#[test]
fn fields_behind_the_agent_are_kept() {
    let main = format!("{LINE} \"203.0.113.9, 10.0.0.5\"");
    check(&main, &[("forwarded_for", Some("203.0.113.9, 10.0.0.5")), ("further", None)]);
    check(&format!("{LINE} \"-\""), &[("forwarded_for", None), ("further", None)]);
    let timed = format!("{LINE} 0.012 0.010 . \"-\" \"203.0.113.9\"");
    check(&timed, &[("forwarded_for", None), ("further", Some("0.012 0.010 . \"-\" \"203.0.113.9\""))]);
    let two = format!("{LINE} \"203.0.113.9\" \"ads.example\"");
    check(&two, &[("forwarded_for", Some("203.0.113.9")), ("further", Some("\"203.0.113.9\" \"ads.example\""))]);
    let bare = format!("{LINE} 17 [backend a] rt=0.1 uct=\"0.2\"");
    check(&bare, &[("forwarded_for", None), ("further", Some("17 [backend a] rt=0.1 uct=\"0.2\""))]);
    check(&format!("{LINE} "), &[("forwarded_for", None), ("further", None)]);
    assert_eq!(error(&format!("{LINE} \"203.0.113.9")), "a field behind the agent has no closing quote");
    assert_eq!(error(&format!("{LINE}x")), "user_agent has no closing quote");
}

#[test]
fn common_and_virtual_host_formats_are_read() {
    let common = &LINE[..LINE.find(" \"http://").unwrap()];
    check(common, &[("bytes", Some("203023")), ("referer", None), ("user_agent", None), ("further", None)]);
    check(&common.replace("203023", "-"), &[("status", Some("200")), ("bytes", None)]);
    let vhost = format!("ads.example.com:443 {LINE}");
    check(&vhost, &[("vhost", Some("ads.example.com:443")), ("remote_addr", Some("83.149.9.216"))]);
    let list = format!("203.0.113.9, {LINE}");
    check(&list, &[("vhost", None), ("remote_addr", Some("203.0.113.9, 83.149.9.216"))]);
    let host = LINE.replace("83.149.9.216", "host.isp.example");
    check(&host, &[("vhost", None), ("remote_addr", Some("host.isp.example"))]);
    check(&LINE.replace("83.149.9.216", "-"), &[("remote_addr", None)]);
}

#[test]
fn odd_requests_keep_their_line() {
    let with = |request: &str| LINE.replace("GET /blog/tags/x?flav=rss20&a=b HTTP/1.1", request);
    check(&with("get /a http/1.1"), &[("method", Some("GET")), ("request", Some("get /a http/1.1"))]);
    check(&with(r#"GET /a\"b HTTP/1.1"#), &[("path", Some("/a\"b")), ("request", None)]);
    check(&with(r#"GET /a"b" c HTTP/1.1"#), &[("path", Some("/a\"b\" c")), ("status", Some("200"))]);
    check(&with(r"\x16\x03\x01"), &[("method", None), ("path", None), ("request", Some(r"\x16\x03\x01"))]);
    check(&with("-"), &[("method", None), ("request", None)]);
    check(&with(""), &[("method", None), ("status", Some("200"))]);
}

#[test]
fn escaped_and_bare_quotes_belong_to_the_text() {
    let line = LINE.replace("(Macintosh)", r#"\"odd\" \\ \xe4"#);
    assert_eq!(field(&line, "user_agent").as_deref(), Some(r#"Mozilla/5.0 "odd" \ \xe4"#));
    let line = LINE.replace("(Macintosh)", r"ends in \\");
    assert_eq!(field(&line, "user_agent").as_deref(), Some(r"Mozilla/5.0 ends in \"));
    let line = LINE.replace("(Macintosh)", r#"(a"b)"#);
    assert_eq!(field(&line, "user_agent").as_deref(), Some(r#"Mozilla/5.0 (a"b)"#));
}

#[test]
fn bytes_that_are_no_text_are_written_as_servers_write_them() {
    assert_eq!(text("plain é".as_bytes()), "plain é");
    assert_eq!(text(b"M\xfcnchen \xff\xc3\xa9"), r"M\xfcnchen \xffé");
}

#[test]
fn numbers_of_any_length_are_read() {
    check(&LINE.replace(" 200 ", " 000 "), &[("status", Some("000"))]);
    check(&LINE.replace("203023", "99999999999999999999"), &[("bytes", Some("99999999999999999999"))]);
    check(&LINE.replace(" 200 ", " - "), &[("status", None)]);
}

#[test]
fn a_line_cut_anywhere_but_behind_the_bytes_is_refused() {
    let common = LINE.find(" \"http://").unwrap();
    for end in (0..LINE.len()).filter(|end| !(common - "203023".len() - 4..=common + 1).contains(end)) {
        assert!(parse(&LINE[..end], &mut Vec::new()).is_err(), "{}", &LINE[..end]);
    }
}

#[test]
fn the_error_names_what_is_missing() {
    for (line, expected) in [
        (LINE.trim_end_matches('"').to_owned(), "user_agent has no closing quote"),
        (LINE.replace("[17", "17"), "time is missing or stands in the wrong place"),
        (LINE.replace(" 200 ", " ok "), "status is not a number"),
        (LINE.replace(" 203023 ", " -1 "), "bytes is not a number"),
        (LINE.replace(" \"Mozilla/5.0 (Macintosh)\"", ""), "user_agent is missing or stands in the wrong place"),
        (String::new(), "time is missing or stands in the wrong place"),
    ] {
        assert_eq!(error(&line), expected, "{line}");
    }
}
