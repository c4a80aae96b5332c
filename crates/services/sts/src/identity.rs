//! `GetCallerIdentity`: account, unique id and ARN of the caller (IDN-069, IDN-074, IDN-075).

use waystation_wire::{ApiError, Caller, Str};

use crate::Sts;
use crate::api::{GetCallerIdentityRequest, GetCallerIdentityResponse};

/// Unique ids of sessions of a role.
const ROLE_PREFIX: &str = "AROA";

/// Answers who calls. Nobody is denied this.
pub(crate) async fn caller(
    _: &Sts,
    caller: &Caller,
    _: GetCallerIdentityRequest,
) -> Result<GetCallerIdentityResponse, ApiError> {
    Ok(GetCallerIdentityResponse {
        user_id: Some(caller.principal_id.clone()),
        account: Some(caller.account.clone()),
        arn: Some(Str::from(arn(&caller.account, &caller.principal_id))),
    })
}

/// The ARN of a principal. There is no IAM that would know its name, so users and roles go by their unique ids.
fn arn(account: &str, principal_id: &str) -> String {
    if principal_id == account {
        return format!("arn:aws:iam::{account}:root");
    }
    match principal_id.split_once(':') {
        Some((role, session)) if role.starts_with(ROLE_PREFIX) => {
            format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
        }
        Some((_, name)) => format!("arn:aws:sts::{account}:federated-user/{name}"),
        None => format!("arn:aws:iam::{account}:user/{principal_id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_follow_the_kind_of_principal() {
        for (principal, wanted) in [
            ("111122223333", "arn:aws:iam::111122223333:root"),
            ("AIDAX", "arn:aws:iam::111122223333:user/AIDAX"),
            (
                "AROAX:me",
                "arn:aws:sts::111122223333:assumed-role/AROAX/me",
            ),
            (
                "111122223333:bob",
                "arn:aws:sts::111122223333:federated-user/bob",
            ),
        ] {
            assert_eq!(arn("111122223333", principal), wanted);
        }
    }
}
