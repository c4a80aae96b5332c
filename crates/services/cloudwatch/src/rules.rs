//! AWS's rules of `PutMetricData` beyond those in the model, and their words. A metric is named as forms name it.

use waystation_wire::{ApiError, errors};

use crate::api::{MetricDatum, PutMetricDataInput, StatisticSet};
use crate::limits::{
    DATUMS_MAX, FUTURE_MS_MAX, PAST_MS_MAX, RESERVED_NAMESPACE, RESOLUTIONS_S, VALUE_MAX,
    VALUES_MAX,
};

/// Every metric of a request that is good as a whole.
pub(crate) fn check(
    input: &PutMetricDataInput,
    wall_ms: u64,
) -> Result<Vec<&MetricDatum>, ApiError> {
    if input.namespace.starts_with(RESERVED_NAMESPACE) {
        return Err(invalid(&input.namespace, "Namespace"));
    }
    let mut named: Vec<(String, &MetricDatum)> = Vec::new();
    let plain = input.metric_data.iter().flatten().enumerate();
    named.extend(plain.map(|(at, datum)| (format!("MetricData.member.{}", at + 1), datum)));
    for (entity, data) in input.entity_metric_data.iter().flatten().enumerate() {
        let of_entity = data.metric_data.iter().flatten().enumerate();
        named.extend(of_entity.map(|(at, datum)| {
            let (entity, at) = (entity + 1, at + 1);
            (
                format!("EntityMetricData.member.{entity}.MetricData.member.{at}"),
                datum,
            )
        }));
    }
    if named.is_empty() {
        return Err(missing("MetricData"));
    }
    if named.len() > DATUMS_MAX {
        return Err(too_many("MetricData", DATUMS_MAX));
    }
    for (name, datum) in &named {
        check_datum(name, datum, i64::try_from(wall_ms).unwrap_or(i64::MAX))?;
    }
    Ok(named.into_iter().map(|(_, datum)| datum).collect())
}

fn check_datum(name: &str, datum: &MetricDatum, wall_ms: i64) -> Result<(), ApiError> {
    one_form(name, datum)?;
    if let Some(value) = datum.value {
        number(value, &format!("{name}.Value"))?;
    }
    if let Some(set) = &datum.statistic_values {
        check_set(&format!("{name}.StatisticValues"), set)?;
    }
    check_values(name, datum)?;
    if let Some(time) = datum.timestamp {
        let age_ms = wall_ms.saturating_sub(time.as_ms());
        if age_ms > PAST_MS_MAX {
            return Err(errors::INVALID_PARAMETER_VALUE.with(format!(
                "The parameter {name}.Timestamp must specify a time within the past two weeks."
            )));
        }
        if age_ms < -FUTURE_MS_MAX {
            return Err(errors::INVALID_PARAMETER_VALUE.with(format!(
                "The parameter {name}.Timestamp must specify a time no more than two hours in the future."
            )));
        }
    }
    match datum.storage_resolution {
        Some(seconds) if !RESOLUTIONS_S.contains(&seconds) => Err(invalid(
            &seconds.to_string(),
            &format!("{name}.StorageResolution"),
        )),
        _ => Ok(()),
    }
}

/// A metric is a value, a set of statistics, or values with counts.
fn one_form(name: &str, datum: &MetricDatum) -> Result<(), ApiError> {
    let forms = [
        ("Value", datum.value.is_some()),
        ("StatisticValues", datum.statistic_values.is_some()),
        ("Values", datum.values.is_some()),
    ];
    let mut given = forms.iter().filter(|(_, given)| *given);
    match (given.next(), given.next()) {
        (Some(_), None) => Ok(()),
        (Some((one, _)), Some((other, _))) => Err(errors::INVALID_PARAMETER_COMBINATION.with(
            format!(
                "The parameters {name}.{one} and {name}.{other} are mutually exclusive and you have specified both."
            ),
        )),
        (None, _) => Err(missing(&format!("{name}.Value"))),
    }
}

fn check_set(name: &str, set: &StatisticSet) -> Result<(), ApiError> {
    for (member, value) in [
        ("SampleCount", set.sample_count),
        ("Sum", set.sum),
        ("Minimum", set.minimum),
        ("Maximum", set.maximum),
    ] {
        number(value, &format!("{name}.{member}"))?;
    }
    if set.sample_count <= 0.0 {
        return Err(invalid(
            &set.sample_count.to_string(),
            &format!("{name}.SampleCount"),
        ));
    }
    if set.minimum > set.maximum {
        return Err(invalid(
            &set.minimum.to_string(),
            &format!("{name}.Minimum"),
        ));
    }
    Ok(())
}

fn check_values(name: &str, datum: &MetricDatum) -> Result<(), ApiError> {
    let values = datum.values.as_deref().unwrap_or_default();
    let counts = datum.counts.as_deref();
    if values.len() > VALUES_MAX {
        return Err(too_many(&format!("{name}.Values"), VALUES_MAX));
    }
    if datum.values.as_ref().is_some_and(Vec::is_empty) {
        return Err(missing(&format!("{name}.Values")));
    }
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        return Err(errors::INVALID_PARAMETER_COMBINATION.with(format!(
            "The parameters {name}.Values and {name}.Counts must be of same size."
        )));
    }
    for (at, value) in values.iter().enumerate() {
        number(*value, &format!("{name}.Values.member.{}", at + 1))?;
    }
    for (at, count) in counts.unwrap_or_default().iter().enumerate() {
        let name = format!("{name}.Counts.member.{}", at + 1);
        number(*count, &name)?;
        if *count <= 0.0 {
            return Err(invalid(&count.to_string(), &name));
        }
    }
    Ok(())
}

/// NaN, infinities and numbers beyond 2 to the power of 360 are no values.
fn number(value: f64, name: &str) -> Result<(), ApiError> {
    if value.abs() <= VALUE_MAX {
        Ok(())
    } else {
        Err(invalid(&value.to_string(), name))
    }
}

fn invalid(value: &str, name: &str) -> ApiError {
    errors::INVALID_PARAMETER_VALUE.with(format!(
        "The value {value} for parameter {name} is invalid."
    ))
}

fn missing(name: &str) -> ApiError {
    errors::MISSING_PARAMETER.with(format!("The parameter {name} is required."))
}

fn too_many(name: &str, most: usize) -> ApiError {
    errors::INVALID_PARAMETER_VALUE.with(format!(
        "The collection {name} must not have a size greater than {most}."
    ))
}
