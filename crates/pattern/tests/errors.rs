//! What is wrong with a pattern, in AWS's words: SNS table 22.1 and EventBridge table 13.1.

use waystation_pattern::{Dialect, Pattern};

fn fault(text: &str, dialect: Dialect) -> String {
    match Pattern::parse(text, dialect) {
        Ok(_) => format!("accepted {text}"),
        Err(error) => error.message,
    }
}

const SYNTAX: &str = "failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name";
const TOKEN: &str = "failed to parse JSON. Unrecognized token 'invalid': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
const POLICY_FAULTS: &[(&str, &str)] = &[
    ("{invalidjson}", SYNTAX),
    ("invalid", TOKEN),
    (r#"{"key":"v"}"#, r#""key" must be an object or an array"#),
    (
        r#"{"key":{"suffix":"v"}}"#,
        r#""suffix" must be an object or an array"#,
    ),
    (r#"{"key":[]}"#, "Empty arrays are not allowed"),
    (
        r#"{"key":[["v"]]}"#,
        "Match value must be String, number, true, false, or null",
    ),
    (r#"{"key":[{"x":true}]}"#, "Unrecognized match type x"),
    (
        r#"{"key":[{"suffix":"a","prefix":"b"}]}"#,
        "Only one key allowed in match expression",
    ),
    (
        r#"{"key":[{"suffix":100}]}"#,
        "suffix match pattern must be a string",
    ),
    (
        r#"{"key":[{"suffix":null}]}"#,
        "suffix match pattern must be a string",
    ),
    (
        r#"{"key":[{"suffix":["a"]}]}"#,
        "suffix match pattern must be a string",
    ),
    (
        r#"{"key":[{"cidr":["a"]}]}"#,
        "prefix match pattern must be a string",
    ),
    (
        r#"{"key":[{"cidr":"bad-filter"}]}"#,
        "Malformed CIDR, one '/' required",
    ),
    (
        r#"{"key":[{"cidr":"bad-filter/64"}]}"#,
        "Nonstandard IP address: bad-filter",
    ),
    (
        r#"{"key":[{"cidr":"bad-/64filter"}]}"#,
        "Malformed CIDR, mask bits must be an integer",
    ),
    (
        r#"{"key":[{"numeric":[]}]}"#,
        "Invalid member in numeric match: ]",
    ),
    (
        r#"{"key":[{"numeric":["op"]}]}"#,
        "Unrecognized numeric range operator: op",
    ),
    (
        r#"{"key":[{"numeric":[1,"<="]}]}"#,
        "Invalid member in numeric match: 1",
    ),
    (
        r#"{"key":[{"numeric":["=","000"]}]}"#,
        "Value of equals must be numeric",
    ),
    (
        r#"{"key":[{"numeric":[">="]}]}"#,
        "Value of >= must be numeric",
    ),
    (
        r#"{"key":[{"numeric":["<",100,">",10]}]}"#,
        "Too many elements in numeric expression",
    ),
    (
        r#"{"key":[{"numeric":[">=",1,">",2]}]}"#,
        "Bad numeric range operator: >",
    ),
    (
        r#"{"key":[{"numeric":[">",3,"<",1]}]}"#,
        "Bottom must be less than top",
    ),
    (
        r#"{"key":[{"numeric":[">",20,"<="]}]}"#,
        "Value of <= must be numeric",
    ),
    (
        r#"{"key":[{"numeric":[">",20,30]}]}"#,
        "Bad value in numeric range: 30",
    ),
    (
        r#"{"key":[{"numeric":[">",20,"test"]}]}"#,
        "Bad numeric range operator: test",
    ),
    (
        r#"{"key":[{"numeric":[">","20","<","30"]}]}"#,
        "Value of > must be numeric",
    ),
    (
        r#"{"key":[{"numeric":[">",20,"<","30"]}]}"#,
        "Value of < must be numeric",
    ),
    (
        r#"{"key":[{"numeric":[">",20,"<",30,"<",50]}]}"#,
        "Too many terms in numeric range expression",
    ),
    (
        r#"{"key":[{"exists":"no"}]}"#,
        "exists match pattern must be either true or false.",
    ),
    (
        r#"{"key":[{"exists":null}]}"#,
        "exists match pattern must be either true or false.",
    ),
    (
        r#"{"key":[{"anything-but":{"exists":false}}]}"#,
        "Unsupported anything-but pattern: exists",
    ),
    (
        r#"{"key":[{"anything-but":{"x":null}}]}"#,
        "Unsupported anything-but pattern: x",
    ),
    (
        r#"{"key":[{"anything-but":{"prefix":false}}]}"#,
        "prefix match pattern must be a string",
    ),
    (
        r#"{"a":["v"],"b":["v"],"c":["v"],"d":["v"],"e":["v"],"f":["v"]}"#,
        "Filter policy can not have more than 5 keys",
    ),
];

#[test]
fn filter_policy_faults_have_the_words_of_table_22_1() {
    // SNS-264, SNS-265, SNS-267, SNS-281, SNS-285
    for (text, message) in POLICY_FAULTS {
        for dialect in [Dialect::SnsAttributes, Dialect::SnsBody] {
            let nested = *text == r#"{"key":{"suffix":"v"}}"#;
            if !(nested && dialect == Dialect::SnsAttributes) {
                assert_eq!(fault(text, dialect), *message, "{text}");
            }
        }
    }
}

#[test]
fn structural_faults_have_a_position_and_cidr_faults_have_none() {
    // SNS-282, EVB-197, EVB-198
    let error =
        Pattern::parse("{\"key\":\n [{\"x\":true}]}", Dialect::SnsBody).expect_err("a fault");
    assert_eq!(error.position.map(|(line, _)| line), Some(2));
    assert!(
        error
            .to_string()
            .starts_with("Unrecognized match type x\n at [Source: ")
    );
    let error = Pattern::parse(r#"{"key":[{"cidr":"x"}]}"#, Dialect::SnsBody).expect_err("a fault");
    assert_eq!(error.to_string(), "Malformed CIDR, one '/' required");
}

#[test]
fn nested_policies_need_the_scope_of_the_body() {
    // SNS-263, SNS-277
    let nested = r#"{"a":{"b":["c"]}}"#;
    assert!(Pattern::parse(nested, Dialect::SnsBody).is_ok());
    let error = Pattern::parse(nested, Dialect::SnsAttributes).expect_err("nested");
    assert!(error.is_about_scope);
    assert_eq!(
        error.message,
        "Filter policy scope MessageAttributes does not support nested filter policy"
    );
}

#[test]
fn policies_have_a_complexity() {
    // SNS-268, SNS-269, SNS-270, SNS-271
    let too_complex = "Filter policy is too complex";
    let list = |count: usize| {
        let items: Vec<String> = (0..count).map(|index| format!("\"v{index}\"")).collect();
        format!("[{}]", items.join(","))
    };
    let one = |count| format!(r#"{{"key":{}}}"#, list(count));
    assert!(Pattern::parse(&one(150), Dialect::SnsAttributes).is_ok());
    assert_eq!(fault(&one(151), Dialect::SnsAttributes), too_complex);
    let nested = |c, e| {
        format!(
            r#"{{"a":{{"b":{{"c":{}}}}},"d":{{"e":{}}}}}"#,
            list(c),
            list(e)
        )
    };
    assert!(Pattern::parse(&nested(4, 3), Dialect::SnsBody).is_ok());
    assert!(Pattern::parse(&nested(5, 5), Dialect::SnsBody).is_ok());
    assert_eq!(fault(&nested(6, 5), Dialect::SnsBody), too_complex);
    let or = |count| {
        format!(
            r#"{{"$or":[{{"a":{}}},{{"b":{}}}]}}"#,
            list(75),
            list(count)
        )
    };
    assert!(Pattern::parse(&or(75), Dialect::SnsAttributes).is_ok());
    assert_eq!(fault(&or(76), Dialect::SnsAttributes), too_complex);
}

#[test]
fn wildcards_are_counted() {
    // SNS-275, SNS-276
    let too_complex = "Filter policy is too complex";
    let ok = |text: &str| Pattern::parse(text, Dialect::SnsBody).is_ok();
    assert!(ok(r#"{"a":[{"wildcard":"*x*y*"}]}"#));
    assert_eq!(
        fault(r#"{"a":[{"wildcard":"*x*y*z*"}]}"#, Dialect::SnsBody),
        too_complex
    );
    // Four patterns of 6 points: 24 x 4 = 96; a fifth makes 30 x 5 = 150.
    let patterns = |count: usize| {
        let items: Vec<String> = (0..count)
            .map(|index| format!(r#"{{"wildcard":"*{index}*"}}"#))
            .collect();
        format!(r#"{{"a":[{}]}}"#, items.join(","))
    };
    assert!(ok(&patterns(4)));
    assert_eq!(fault(&patterns(5), Dialect::SnsBody), too_complex);
}

#[test]
fn numbers_of_policies_have_a_range() {
    // SNS-274
    for text in ["1000000000", "-1000000000", "0.00001"] {
        assert!(Pattern::parse(&format!(r#"{{"a":[{text}]}}"#), Dialect::SnsBody).is_ok());
    }
    for text in ["1000000001", "-1000000001", "1e400"] {
        for policy in [
            format!(r#"{{"a":[{text}]}}"#),
            format!(r#"{{"a":[{{"numeric":["<",{text}]}}]}}"#),
        ] {
            assert!(
                Pattern::parse(&policy, Dialect::SnsBody).is_err(),
                "{policy}"
            );
        }
    }
    let long = format!(r#"{{"a":["{}"]}}"#, "x".repeat(256 * 1024));
    assert!(Pattern::parse(&long, Dialect::SnsBody).is_err()); // SNS-272
}

const ONE_VALUE: &str = "Value of anything-but must be an array or single string/number value.";
const MIXED: &str =
    "Inside anything but list, either all values are number or string, mixed type is not supported";
const AFFIX: &str = "prefix/suffix match pattern must be a string";
const PATTERN_FAULTS: &[(&str, &str)] = &[
    (
        "this is not json",
        "Unrecognized token 'this': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
    ),
    (
        "{'bad': 'quotation'}",
        "Unexpected character (''' (code 39)): was expecting double-quote to start field name",
    ),
    (r#"["a"]"#, "Filter is not an object"),
    ("{}", "Empty objects are not allowed"),
    (r#"{"a":{}}"#, "Empty objects are not allowed"),
    (r#"{"int":42}"#, r#""int" must be an object or an array"#),
    (r#"{"a":[]}"#, "Empty arrays are not allowed"),
    (
        r#"{"a":[["x"]]}"#,
        "Match value must be String, number, true, false, or null",
    ),
    (
        r#"{"a":[{"EXISTS":true}]}"#,
        "Unrecognized match type EXISTS",
    ),
    (r#"{"a":[{}]}"#, "Match expression name not found"),
    (
        r#"{"a":[{"prefix":"x","suffix":"y"}]}"#,
        "Only one key allowed in match expression",
    ),
    (
        r#"{"a":[{"prefix":123}]}"#,
        "prefix match pattern must be a string",
    ),
    (
        r#"{"a":[{"prefix":{"x":"y"}}]}"#,
        "Unsupported prefix pattern: x",
    ),
    (
        r#"{"a":[{"suffix":123}]}"#,
        "suffix match pattern must be a string",
    ),
    (
        r#"{"a":[{"suffix":{"x":"y"}}]}"#,
        "Unsupported suffix pattern: x",
    ),
    (
        r#"{"a":[{"equals-ignore-case":["x"]}]}"#,
        "equals-ignore-case match pattern must be a string",
    ),
    (
        r#"{"a":[{"wildcard":123}]}"#,
        "wildcard match pattern must be a string",
    ),
    (
        r#"{"a":[{"wildcard":"a**b"}]}"#,
        "Consecutive wildcard characters at pos 2",
    ),
    (
        r#"{"a":[{"wildcard":"a\\b"}]}"#,
        "Invalid escape character at pos 2",
    ),
    (r#"{"a":[{"anything-but":null}]}"#, ONE_VALUE),
    (r#"{"a":[{"anything-but":true}]}"#, ONE_VALUE),
    (
        r#"{"a":[{"anything-but":{"prefix":{"equals-ignore-case":"x"}}}]}"#,
        ONE_VALUE,
    ),
    (
        r#"{"a":[{"anything-but":["x",null]}]}"#,
        "Inside anything but list, start|null|boolean is not supported.",
    ),
    (r#"{"a":[{"anything-but":["x",1]}]}"#, MIXED),
    (r#"{"a":[{"anything-but":[]}]}"#, MIXED),
    (
        r#"{"a":[{"anything-but":{"exists":true}}]}"#,
        "Unsupported anything-but pattern: exists",
    ),
    (r#"{"a":[{"anything-but":{"prefix":123}}]}"#, AFFIX),
    (r#"{"a":[{"anything-but":{"suffix":["x",1]}}]}"#, AFFIX),
    (
        r#"{"a":[{"anything-but":{"prefix":""}}]}"#,
        "Null prefix/suffix not allowed",
    ),
    (
        r#"{"a":[{"anything-but":{"equals-ignore-case":123}}]}"#,
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
    ),
    (
        r#"{"a":[{"anything-but":{"wildcard":[1]}}]}"#,
        "wildcard match pattern must be a string",
    ),
    (
        r#"{"a":[{"exists":"no"}]}"#,
        "exists match pattern must be either true or false.",
    ),
    (
        r#"{"a":[{"numeric":10}]}"#,
        "Value of numeric must be an array.",
    ),
    (
        r#"{"a":[{"numeric":[]}]}"#,
        "Invalid member in numeric match: ]",
    ),
    (
        r#"{"a":[{"numeric":["op",1]}]}"#,
        "Unrecognized numeric range operator: op",
    ),
    (
        r#"{"a":[{"numeric":["!=",1]}]}"#,
        "Unrecognized numeric range operator: !=",
    ),
    (
        r#"{"a":[{"numeric":["=","1"]}]}"#,
        "Value of equals must be numeric",
    ),
    (
        r#"{"a":[{"numeric":[">",0,">",0]}]}"#,
        "Bad numeric range operator: >",
    ),
    (
        r#"{"a":[{"cidr":["x"]}]}"#,
        "prefix match pattern must be a string",
    ),
    (
        r#"{"a":[{"cidr":"10.0.0.0"}]}"#,
        "Malformed CIDR, one '/' required",
    ),
    (
        r#"{"a":[{"cidr":"10.0.0.0/x"}]}"#,
        "Malformed CIDR, mask bits must be an integer",
    ),
    (
        r#"{"a":[{"cidr":"10.0.0.0/-1"}]}"#,
        "Malformed CIDR, mask bits must not be negative",
    ),
    (
        r#"{"a":[{"cidr":"10.0.0.0/32"}]}"#,
        "IPv4 mask bits must be < 32",
    ),
    (
        r#"{"a":[{"cidr":"2001:db8::/128"}]}"#,
        "IPv6 mask bits must be < 128",
    ),
    (
        r#"{"a":[{"cidr":"xx.11.xx/8"}]}"#,
        "Nonstandard IP address: xx.11.xx",
    ),
    (
        r#"{"$or":{"a":["x"]}}"#,
        "It must be an Array followed with $or.",
    ),
    (
        r#"{"$or":["x"]}"#,
        "Only JSON object is allowed in array of $or relationship.",
    ),
    (
        r#"{"$or":[{"a":["x"]}]}"#,
        "There must have at least 2 Objects in $or relationship.",
    ),
    (
        r#"{"$or":[{"prefix":["x"]},{"a":["y"]}]}"#,
        "prefix is Ruler reserved fieldName which cannot be used inside $or.",
    ),
];

#[test]
fn event_pattern_faults_have_the_words_of_table_13_1() {
    // EVB-121 to EVB-126, EVB-150, EVB-156, EVB-160, EVB-164, EVB-165, EVB-193, EVB-195
    for (text, message) in PATTERN_FAULTS {
        assert_eq!(fault(text, Dialect::EventBridge), *message, "{text}");
    }
}

#[test]
fn the_first_fault_counts() {
    // EVB-200
    assert_eq!(
        fault(r#"{"a":[],"b":[{"x":1}],"c"}"#, Dialect::EventBridge),
        "Empty arrays are not allowed"
    );
}

#[test]
fn combinations_of_or_are_limited() {
    // EVB-192
    let or = |name: &str, count: usize| {
        let parts: Vec<String> = (0..count)
            .map(|index| format!(r#"{{"{name}":[{index}]}}"#))
            .collect();
        format!("[{}]", parts.join(","))
    };
    let text = |last| {
        format!(
            r#"{{"$or":{},"x":{{"$or":{},"y":{{"$or":{}}}}}}}"#,
            or("a", 10),
            or("b", 10),
            or("c", last)
        )
    };
    assert!(Pattern::parse(&text(10), Dialect::EventBridge).is_ok());
    assert!(Pattern::parse(&text(11), Dialect::EventBridge).is_err());
}
