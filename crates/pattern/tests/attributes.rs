//! Filter policies on message attributes: section 23 of the SNS reference, one test per statement.

use waystation_pattern::{Attribute, AttributeValue, Dialect, Matcher, Pattern};

use AttributeValue::{Array, Number, Text};

fn matches(policy: &str, attributes: &[(&str, AttributeValue<'_>)]) -> bool {
    let pattern = Pattern::parse(policy, Dialect::SnsAttributes).expect(policy);
    let mut matcher = Matcher::new();
    matcher.insert(1, &pattern);
    let attributes: Vec<Attribute<'_>> = attributes
        .iter()
        .map(|&(name, value)| Attribute { name, value })
        .collect();
    let mut owners = Vec::new();
    matcher.match_attributes(&attributes, &mut owners);
    !owners.is_empty()
}

#[test]
fn keys_are_attribute_names() {
    // SNS-262, SNS-286, SNS-287
    let policy = r#"{"store":["a","b"],"kind":["x"]}"#;
    assert!(matches(
        policy,
        &[
            ("store", Text("b")),
            ("kind", Text("x")),
            ("other", Text("?"))
        ]
    ));
    assert!(!matches(
        policy,
        &[("store", Text("c")), ("kind", Text("x"))]
    ));
    assert!(!matches(policy, &[("store", Text("a"))]));
    assert!(!matches(
        policy,
        &[("Store", Text("a")), ("kind", Text("x"))]
    ));
    assert!(matches(r#"{"a.b":["x"]}"#, &[("a.b", Text("x"))]));
}

#[test]
fn strings_are_exact() {
    // SNS-289
    assert!(matches(r#"{"a":["Rugby"]}"#, &[("a", Text("Rugby"))]));
    assert!(!matches(r#"{"a":["Rugby"]}"#, &[("a", Text("rugby"))]));
}

#[test]
fn arrays_match_by_one_element() {
    // SNS-290, SNS-295
    let sports = Array(r#"["rugby", "tennis", 7, true, null]"#);
    for policy in [
        r#"{"a":["tennis"]}"#,
        r#"{"a":[7]}"#,
        r#"{"a":[true]}"#,
        r#"{"a":[null]}"#,
        r#"{"a":[{"prefix":"ru"}]}"#,
    ] {
        assert!(matches(policy, &[("a", sports)]), "{policy}");
    }
    for policy in [
        r#"{"a":["golf"]}"#,
        r#"{"a":[8]}"#,
        r#"{"a":[false]}"#,
        r#"{"a":["7"]}"#,
    ] {
        assert!(!matches(policy, &[("a", sports)]), "{policy}");
    }
}

#[test]
fn an_array_that_cannot_be_read_matches_nothing() {
    // SNS-291
    for broken in ["rugby", r#"["a""#, r#"{"a":1}"#, r#"[["a"]]"#, r#"["a"] x"#] {
        for policy in [
            r#"{"a":["a"]}"#,
            r#"{"a":[{"anything-but":"z"}]}"#,
            r#"{"a":[{"exists":true}]}"#,
            r#"{"a":[{"exists":false}]}"#,
        ] {
            assert!(
                !matches(policy, &[("a", Array(broken))]),
                "{policy} {broken}"
            );
        }
    }
}

#[test]
fn numbers_compare_by_value() {
    // SNS-292, SNS-293, SNS-294
    for text in ["99", "99.0", "9.9e1"] {
        assert!(matches(r#"{"a":[99]}"#, &[("a", Number(text))]), "{text}");
    }
    let range = r#"{"a":[{"numeric":[">",0,"<=",100]}]}"#;
    assert!(matches(range, &[("a", Number("99.12"))]));
    assert!(matches(range, &[("a", Number("100"))]));
    for text in ["111", "0", "-1"] {
        assert!(!matches(range, &[("a", Number(text))]), "{text}");
    }
    assert!(!matches(r#"{"a":[99]}"#, &[("a", Text("99"))]));
    assert!(!matches(r#"{"a":["99"]}"#, &[("a", Number("99"))]));
    assert!(matches(
        r#"{"a":[{"numeric":["=",5]}]}"#,
        &[("a", Number("5.0"))]
    ));
}

#[test]
fn text_operators_apply_to_strings() {
    // SNS-296, SNS-303, SNS-304, SNS-305
    let yes = [
        (r#"{"prefix":"bas"}"#, "baseball"),
        (r#"{"suffix":"ball"}"#, "baseball"),
        (r#"{"equals-ignore-case":"TENNIS"}"#, "tennis"),
        (r#"{"wildcard":"*ball"}"#, "baseball"),
        (r#"{"wildcard":"b*b*l"}"#, "baseball"),
        (r#"{"cidr":"10.0.0.0/24"}"#, "10.0.0.255"),
        (
            r#"{"cidr":"2001:db8:1234:1a00::/64"}"#,
            "2001:0db8:1234:1a00:0000:0000:0000:0000",
        ),
    ];
    for (operator, value) in yes {
        let policy = format!(r#"{{"a":[{operator}]}}"#);
        assert!(matches(&policy, &[("a", Text(value))]), "{operator}");
        assert!(
            matches(&policy, &[("a", Array(&format!(r#"["?","{value}"]"#)))]),
            "{operator}"
        );
        assert!(!matches(&policy, &[("a", Text("x"))]), "{operator}");
        assert!(!matches(&policy, &[("a", Number("10"))]), "{operator}");
    }
    assert!(!matches(
        r#"{"a":[{"cidr":"10.0.0.0/24"}]}"#,
        &[("a", Text("10.0.0.256"))]
    ));
}

#[test]
fn quotes_and_backslashes_are_escaped_twice() {
    // SNS-307
    for (value, once, twice) in [
        (r#"a"b"#, r#""a\"b""#, r#""a\\\"b""#),
        (r"a\b", r#""a\\b""#, r#""a\\\\b""#),
    ] {
        let policy = |text: &str| format!(r#"{{"a":[{text}]}}"#);
        assert!(matches(&policy(twice), &[("a", Text(value))]), "{twice}");
        assert!(!matches(&policy(once), &[("a", Text(value))]), "{once}");
        let array = format!("[{once}]");
        assert!(matches(&policy(twice), &[("a", Array(&array))]), "{twice}");
        assert!(!matches(&policy(once), &[("a", Array(&array))]), "{once}");
    }
}

#[test]
fn anything_but_needs_the_attribute() {
    // SNS-283, SNS-284, SNS-297, SNS-299
    let policy = r#"{"a":[{"anything-but":["rugby",7]}]}"#;
    assert!(matches(policy, &[("a", Text("golf"))]));
    assert!(matches(policy, &[("a", Number("8"))]));
    assert!(!matches(policy, &[("a", Text("rugby"))]));
    assert!(!matches(policy, &[("a", Number("7.0"))]));
    assert!(!matches(policy, &[("b", Text("golf"))]));
    assert!(!matches(
        r#"{"a":[null,{"anything-but":"x"}]}"#,
        &[("b", Text("y"))]
    ));
    for (form, hit, miss) in [
        (r#"{"prefix":"order-"}"#, "return-1", "order-1"),
        (r#"{"suffix":"-x"}"#, "a-y", "a-x"),
        (r#"{"wildcard":"*.bak"}"#, "a.txt", "a.bak"),
    ] {
        let policy = format!(r#"{{"a":[{{"anything-but":{form}}}]}}"#);
        assert!(matches(&policy, &[("a", Text(hit))]), "{form}");
        assert!(!matches(&policy, &[("a", Text(miss))]), "{form}");
    }
}

#[test]
fn anything_but_looks_for_one_other_element() {
    // SNS-298
    let policy = r#"{"a":[{"anything-but":["rugby","tennis"]}]}"#;
    assert!(matches(policy, &[("a", Array(r#"["rugby","baseball"]"#))]));
    assert!(!matches(policy, &[("a", Array(r#"["rugby"]"#))]));
}

#[test]
fn exists_asks_for_presence() {
    // SNS-300, SNS-301; the caller refuses messages without attributes (SNS-302)
    assert!(matches(r#"{"a":[{"exists":true}]}"#, &[("a", Text("x"))]));
    assert!(!matches(r#"{"a":[{"exists":true}]}"#, &[("b", Text("x"))]));
    assert!(matches(r#"{"a":[{"exists":false}]}"#, &[("b", Text("x"))]));
    assert!(!matches(r#"{"a":[{"exists":false}]}"#, &[("a", Text("x"))]));
    assert!(matches(
        r#"{"a":[{"exists":false}],"b":["x"]}"#,
        &[("b", Text("x"))]
    ));
    assert!(matches(
        r#"{"a":[{"exists":false},"v"],"b":["x"]}"#,
        &[("a", Text("v")), ("b", Text("x"))]
    ));
}

#[test]
fn one_part_of_or_must_match() {
    // SNS-266, SNS-306
    let policy = r#"{"s":["x"],"$or":[{"a":["1"]},{"b":["2"],"c":["3"]}]}"#;
    assert!(matches(policy, &[("s", Text("x")), ("a", Text("1"))]));
    assert!(matches(
        policy,
        &[("s", Text("x")), ("b", Text("2")), ("c", Text("3"))]
    ));
    assert!(!matches(policy, &[("s", Text("x")), ("b", Text("2"))]));
    assert!(!matches(policy, &[("a", Text("1"))]));
}

#[test]
fn an_empty_policy_lets_everything_pass() {
    assert!(matches("{}", &[("a", Text("1"))]));
}
