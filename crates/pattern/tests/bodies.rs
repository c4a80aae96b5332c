//! Filter policies on the message body (section 24 of the SNS reference) and event patterns (EventBridge sections 9 to
//! 12), one test per statement.

use waystation_pattern::{Dialect, Matcher, NotAnObject, Pattern};

fn run(pattern: &str, dialect: Dialect, event: &str) -> Result<bool, NotAnObject> {
    let pattern = Pattern::parse(pattern, dialect).expect(pattern);
    let mut matcher = Matcher::new();
    matcher.insert(1, &pattern);
    let mut owners = Vec::new();
    matcher.match_json(event, &mut owners)?;
    Ok(!owners.is_empty())
}

fn sns(policy: &str, body: &str) -> bool {
    run(policy, Dialect::SnsBody, body).expect("an object")
}

fn rule(pattern: &str, event: &str) -> bool {
    run(pattern, Dialect::EventBridge, event).expect("an object")
}

fn both(pattern: &str, event: &str) -> bool {
    let (one, other) = (sns(pattern, event), rule(pattern, event));
    assert_eq!(one, other, "{pattern} {event}");
    one
}

/// Every member of a row is a leaf array, a value that fulfils it, and one that does not.
fn leaves(rows: &[(&str, &[&str], &[&str])], matches: fn(&str, &str) -> bool) {
    for (leaf, fulfilling, others) in rows {
        let pattern = format!(r#"{{"a":{leaf}}}"#);
        for value in *fulfilling {
            assert!(
                matches(&pattern, &format!(r#"{{"a":{value}}}"#)),
                "{leaf} {value}"
            );
        }
        for value in *others {
            assert!(
                !matches(&pattern, &format!(r#"{{"a":{value}}}"#)),
                "{leaf} {value}"
            );
        }
    }
}

#[test]
fn only_objects_are_matched() {
    // SNS-308
    for body in ["text", "[]", "7", "\"x\"", "", "{", "{} x"] {
        assert_eq!(
            run(r#"{"a":[{"exists":false}]}"#, Dialect::SnsBody, body),
            Err(NotAnObject),
            "{body}"
        );
    }
}

#[test]
fn values_compare_by_type_and_value() {
    // SNS-310, SNS-320, EVB-133, EVB-136, EVB-137, EVB-141, EVB-142
    leaves(
        &[
            (
                r#"["300"]"#,
                &[r#""300""#, r#""\u0033\u0030\u0030""#],
                &["300"],
            ),
            ("[300]", &["300", "300.0", "3.0e2"], &["301", r#""300""#]),
            (r#"["null"]"#, &[r#""null""#], &["null"]),
            ("[null]", &["null"], &[r#""""#, "[]", "false"]),
            ("[true]", &["true"], &["false", "1", r#""true""#]),
            (r#"[""]"#, &[r#""""#], &["null", r#"" ""#]),
            (r#"["*"]"#, &[r#""*""#], &[r#""x""#]),
            (r#"["x",1,null]"#, &[r#""x""#, "1", "null"], &["2"]),
        ],
        both,
    );
    assert!(!both(r#"{"a":[null]}"#, r#"{"b":1}"#));
}

#[test]
fn operators_on_values() {
    // EVB-143 to EVB-152, EVB-161 to EVB-166
    leaves(
        &[
            (
                r#"[{"prefix":"ab"}]"#,
                &[r#""abc""#, r#""ab""#],
                &[r#""xab""#, "1"],
            ),
            (r#"[{"prefix":""}]"#, &[r#""""#, r#""x""#], &["1", "null"]),
            (r#"[{"suffix":".png"}]"#, &[r#""a.png""#], &[r#""a.PNG""#]),
            (
                r#"[{"equals-ignore-case":"EventB"}]"#,
                &[r#""eVENTb""#],
                &[r#""eventbb""#, r#""""#],
            ),
            (
                r#"[{"wildcard":"a*c"}]"#,
                &[r#""abc""#, r#""ac""#],
                &[r#""ab""#, r#""ABC""#],
            ),
            (r#"[{"wildcard":""}]"#, &[r#""""#], &[r#""x""#]),
            (
                r#"[{"numeric":[">",100]}]"#,
                &["101.0"],
                &["100", r#""300""#, "null"],
            ),
            (r#"[{"numeric":["=",3.018e2]}]"#, &["301.8"], &["301"]),
            (
                r#"[{"numeric":[">=",0,"<",5]}]"#,
                &["0", "4.99"],
                &["5", "-1"],
            ),
            (
                r#"[{"cidr":"10.0.0.0/24"}]"#,
                &[r#""10.0.0.7""#],
                &[r#""10.0.1.7""#, "10", r#""10.0.0.256""#],
            ),
        ],
        both,
    );
    leaves(
        &[
            (
                r#"[{"prefix":{"equals-ignore-case":"EventB"}}]"#,
                &[r#""EVENTBUS""#],
                &[r#""bus""#],
            ),
            (
                r#"[{"suffix":{"equals-ignore-case":".png"}}]"#,
                &[r#""a.PNG""#],
                &[r#""png""#],
            ),
            (
                "[9007199254740993]",
                &["9007199254740993"],
                &["9007199254740992"],
            ), // EVB-138
        ],
        rule,
    );
}

#[test]
fn anything_but_takes_every_other_value() {
    // EVB-153 to EVB-159, EVB-172, EVB-173, EVB-176
    leaves(
        &[
            (
                r#"[{"anything-but":"a"}]"#,
                &[r#""b""#, "1", "null", "true", r#"["a","b"]"#],
                &[r#""a""#, r#"["a"]"#],
            ),
            (r#"[{"anything-but":123}]"#, &["0", r#""123""#], &["123.0"]),
            (r#"[{"anything-but":["a","b"]}]"#, &[r#""c""#], &[r#""b""#]),
            (
                r#"[{"anything-but":{"prefix":"init"}}]"#,
                &["12", "null", r#""x""#],
                &[r#""initial""#],
            ),
            (
                r#"[{"anything-but":{"suffix":"x"}}]"#,
                &[r#""xa""#],
                &[r#""ax""#],
            ),
            (
                r#"[{"anything-but":{"wildcard":""}}]"#,
                &[r#""x""#, "1"],
                &[r#""""#],
            ),
            (
                r#"[{"numeric":[">",100]},{"anything-but":"101"}]"#,
                &[r#""42""#],
                &[r#""101""#],
            ),
        ],
        both,
    );
    leaves(
        &[
            (
                r#"[{"anything-but":{"equals-ignore-case":["A","b"]}}]"#,
                &[r#""c""#],
                &[r#""a""#, r#""B""#],
            ),
            (
                r#"[{"anything-but":{"prefix":["a","b"]}}]"#,
                &[r#""c""#],
                &[r#""bx""#],
            ),
        ],
        rule,
    );
    assert!(!both(r#"{"a":[{"anything-but":"x"}]}"#, r#"{"b":1}"#));
    assert!(both(
        r#"{"a":[{"anything-but":["roses"]},{"exists":false}]}"#,
        r#"{"b":1}"#
    ));
}

#[test]
fn exists_is_about_leaves() {
    // SNS-316, SNS-318, SNS-319, EVB-168 to EVB-171, EVB-174
    let (is, is_not) = (
        r#"{"a":{"b":[{"exists":true}]}}"#,
        r#"{"a":{"b":[{"exists":false}]}}"#,
    );
    for present in [
        r#"{"a":{"b":1}}"#,
        r#"{"a":{"b":["x"]}}"#,
        r#"{"a.b":false}"#,
    ] {
        assert!(both(is, present) && !both(is_not, present), "{present}");
    }
    for absent in [
        "{}",
        r#"{"a":{}}"#,
        r#"{"a":1}"#,
        r#"{"a":{"b":{"c":1}}}"#,
        r#"{"a":{"b":[]}}"#,
        r#"{"a":{"b":[{}]}}"#,
    ] {
        assert!(!both(is, absent) && both(is_not, absent), "{absent}");
    }
    assert!(!both(r#"{"a":[{"exists":false}],"b":[1]}"#, r#"{"b":2}"#));
    assert!(both(
        r#"{"a":[{"exists":true},{"prefix":"X"}]}"#,
        r#"{"a":"y"}"#
    ));
}

#[test]
fn sns_wants_values_that_are_filled() {
    // SNS-317, EVB-167
    for value in ["null", r#""""#] {
        let body = format!(r#"{{"a":{value}}}"#);
        assert!(!sns(r#"{"a":[{"exists":true}]}"#, &body));
        assert!(!sns(r#"{"a":[{"exists":false}]}"#, &body));
        assert!(rule(r#"{"a":[{"exists":true}]}"#, &body));
    }
}

#[test]
fn objects_nest() {
    // SNS-309, SNS-321, EVB-119, EVB-120, EVB-125, EVB-128, EVB-129, EVB-185
    let pattern = r#"{"a":{"b":["x"]},"c":["y"]}"#;
    assert!(both(
        pattern,
        r#"{"z":[{"deep":[[1]]}],"a":{"b":"x","q":{}},"c":"y"}"#
    ));
    assert!(!both(pattern, r#"{"a":{"b":"x"}}"#));
    assert!(!both(pattern, r#"{"a":{"B":"x"},"c":"y"}"#));
    assert!(!both(pattern, r#"{"a":"{\"b\":\"x\"}","c":"y"}"#));
}

#[test]
fn keys_with_periods_are_paths() {
    // SNS-315, EVB-130, EVB-131, EVB-132
    for pattern in [
        r#"{"a.b.c":[1]}"#,
        r#"{"a":{"b":{"c":[1]}}}"#,
        r#"{"a.b":{"c":[1]}}"#,
    ] {
        for event in [
            r#"{"a":{"b":{"c":1}}}"#,
            r#"{"a.b.c":1}"#,
            r#"{"a.b":{"c":1}}"#,
            r#"{"a":{"b.c":1}}"#,
        ] {
            assert!(both(pattern, event), "{pattern} {event}");
        }
        assert!(!both(pattern, r#"{"a.b.c":{"c":1}}"#));
        assert!(!both(pattern, r#"{"a":{"b":1}}"#));
    }
}

#[test]
fn arrays_match_by_one_element() {
    // SNS-311, EVB-175, EVB-184, EVB-186
    assert!(both(r#"{"a":["x","y"]}"#, r#"{"a":["z","y"]}"#));
    assert!(!both(r#"{"a":["x","y"]}"#, r#"{"a":["z"]}"#));
    assert!(!both(r#"{"a[0]":["x"]}"#, r#"{"a":["x"]}"#));
}

#[test]
fn arrays_of_objects_are_entered() {
    // SNS-312, SNS-313, SNS-314, EVB-177 to EVB-182
    let records = r#"{"Records":{"s3":{"object":{"key":[{"prefix":"auto-"}]}},"eventName":[{"prefix":"ObjectCreated:"}]}}"#;
    assert!(both(
        records,
        r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":{"key":"auto-x"}}}]}"#
    ));
    assert!(both(
        records,
        r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":[[{"key":"auto-x"}]]}}]}"#
    ));
    assert!(!both(
        records,
        r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"object":{"key":"x"}}},{"eventName":"no","s3":{"object":{"key":"auto-x"}}}]}"#
    ));
    let people = r#"{"e":{"f":["Anna"],"l":["Jones"]}}"#;
    assert!(!both(
        people,
        r#"{"e":[{"f":"Anna","l":"Smith"},{"f":"Peter","l":"Jones"}]}"#
    ));
    assert!(both(
        people,
        r#"{"e":[{"f":"Anna","l":"Smith"},{"l":"Jones","f":"Anna"}]}"#
    ));
    assert!(!both(
        r#"{"a":{"b":{"c":[1],"d":[2]}}}"#,
        r#"{"a":[{"b":[{"c":1}]},{"b":[{"d":2}]}]}"#
    ));
    assert!(both(
        r#"{"a":{"x":[1]},"b":{"y":[2]}}"#,
        r#"{"a":[{"x":0},{"x":1}],"b":[{"y":2},{"y":0}]}"#
    ));
    assert!(both(
        r#"{"tags":["a"],"type":["G"]}"#,
        r#"{"tags":["x","a"],"type":"G"}"#
    ));
}

#[test]
fn absence_below_arrays_is_judged_beside_the_other_leaves() {
    // EVB-183
    let pattern = r#"{"d":{"a":[{"exists":true}],"b":[{"exists":false}]}}"#;
    assert!(both(pattern, r#"{"d":[{"a":1}]}"#));
    assert!(!both(pattern, r#"{"d":[{"a":1,"b":2}]}"#));
    assert!(both(pattern, r#"{"d":[{"a":1,"b":2},{"a":1}]}"#));
}

#[test]
fn or_works_on_every_level() {
    // SNS-322, SNS-323, EVB-187 to EVB-191, EVB-194
    let pattern = r#"{"$or":[{"metricName":["CPUUtilization","ReadLatency"]},{"namespace":["AWS/EC2","AWS/ES"]}],
        "detail":{"scope":["Service"],"$or":[{"source":["aws.cloudwatch"]},{"type":["CloudWatch Alarm State Change"]}]}}"#;
    assert!(both(
        pattern,
        r#"{"metricName":"ReadLatency","detail":{"scope":"Service","source":"aws.cloudwatch"}}"#
    ));
    assert!(both(
        pattern,
        r#"{"namespace":"AWS/ES","detail":{"scope":"Service","type":"CloudWatch Alarm State Change"}}"#
    ));
    assert!(!both(
        pattern,
        r#"{"namespace":"AWS/ES","detail":{"scope":"Service"}}"#
    ));
    assert!(!both(
        pattern,
        r#"{"detail":{"scope":"Service","source":"aws.cloudwatch"}}"#
    ));
    assert!(!both(
        pattern,
        r#"{"namespace":"AWS/ES","detail":{"scope":"x","source":"aws.cloudwatch"}}"#
    ));
    let replaced = r#"{"a":[1],"$or":[{"a":[2]},{"b":[3]}]}"#;
    assert!(
        both(replaced, r#"{"a":2}"#)
            && both(replaced, r#"{"a":1,"b":3}"#)
            && !both(replaced, r#"{"a":1}"#)
    );
}

#[test]
fn the_last_of_equal_keys_counts() {
    // EVB-127
    assert!(rule(r#"{"a":["x"],"a":["y"]}"#, r#"{"a":"y"}"#));
    assert!(!rule(r#"{"a":["x"],"a":["y"]}"#, r#"{"a":"x"}"#));
}
