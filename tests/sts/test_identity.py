"""STS: who is calling, and whose an access key is."""

import xml.etree.ElementTree

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness.behaviours import behaviour
from harness.clients import ACCESS_KEY, SECRET_KEY, aws_client
from harness.lab import Lab, refused
from harness.server import Server
from harness.wire import Wire

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
REFUSED_TEXT = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)


@behaviour("IDN-074", "IDN-075")
def test_the_caller_is_told_account_id_and_arn(lab: Lab):
    for key, account in [(ACCESS_KEY, "000000000000"), ("111122223333", "111122223333")]:
        answer = aws_client("sts", lab.server.url, access_key=key).get_caller_identity()
        assert answer["Account"] == account
        assert answer["UserId"].startswith("AIDA")
        assert answer["Arn"] == f"arn:aws:iam::{account}:user/{answer['UserId']}"


@behaviour("IDN-072", "IDN-073")
@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_form_and_a_query_string_are_answered_in_the_namespace(lab: Lab, region: str):
    wire = Wire(lab.server.host)
    form = "Action=GetCallerIdentity&Version=2011-06-15"
    scope = {"Authorization": f"AWS4-HMAC-SHA256 Credential=K/20260101/{region}/sts/aws4_request, SignedHeaders=host, Signature=0"}
    post = wire.ask("POST", "/", form, scope | {"Content-Type": "application/x-www-form-urlencoded"})
    for answer in (post, wire.ask("GET", f"/?{form}", None, scope), wire.ask("GET", f"/?{form}")):
        assert answer.status == 200
        root = xml.etree.ElementTree.fromstring(answer.body)
        assert root.tag == f"{{{NAMESPACE}}}GetCallerIdentityResponse"
        assert root.findtext(f"{{{NAMESPACE}}}GetCallerIdentityResult/{{{NAMESPACE}}}Account") == "000000000000"
        assert root.findtext(f"{{{NAMESPACE}}}ResponseMetadata/{{{NAMESPACE}}}RequestId")


@behaviour("IDN-069", "IDN-053", "IDN-054", "IDN-035")
def test_identities_are_those_of_the_credentials_where_signatures_are_checked():
    server = Server("--auth", "verify", "--credentials", "credentials")
    file = server.scratch.path / "credentials"
    lines = [
        f"{ACCESS_KEY} {SECRET_KEY} 111122223333 AIDAUSER",
        f"AKIAROOTROOTROOTROOT {SECRET_KEY} 111122223333 111122223333",
        f"AKIAROLEROLEROLEROLE {SECRET_KEY} 111122223333 AROAROLE:session",
    ]
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o600)
    with server:
        for key, arn in [
            (ACCESS_KEY, "arn:aws:iam::111122223333:user/AIDAUSER"),
            ("AKIAROOTROOTROOTROOT", "arn:aws:iam::111122223333:root"),
            ("AKIAROLEROLEROLEROLE", "arn:aws:sts::111122223333:assumed-role/AROAROLE/session"),
        ]:
            assert aws_client("sts", server.url, access_key=key).get_caller_identity()["Arn"] == arn
        with refused("SignatureDoesNotMatch", REFUSED_TEXT, status=403):
            aws_client("sts", server.url, secret_key=SECRET_KEY[::-1]).get_caller_identity()
        with refused("InvalidClientTokenId", "The security token included in the request is invalid.", status=403):
            aws_client("sts", server.url, access_key="AKIAUNKNOWNUNKNOWN00").get_caller_identity()
        # Third parties are proved an identity by a presigned request that signs a header of theirs.
        request = AWSRequest("GET", f"{server.url}/?Action=GetCallerIdentity&Version=2011-06-15", headers={"x-k8s-aws-id": "c"})
        SigV4QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY), "sts", "us-east-1", expires=60).add_auth(request)
        target = request.prepare().url.removeprefix(server.url)
        assert Wire(server.host).ask("GET", target, None, {"x-k8s-aws-id": "c"}).status == 200
        assert Wire(server.host).ask("GET", target, None, {"x-k8s-aws-id": "d"}).status == 403
        assert Wire(server.host).ask("GET", target).status == 403


@behaviour("IDN-068", "IDN-100")
def test_an_access_key_names_its_account(lab: Lab):
    sts = aws_client("sts", lab.server.url, validate=False)
    assert sts.get_access_key_info(AccessKeyId="ASIAQNZGKIQY56JQ7WML")["Account"] == "029608264753"
    # The caller's own key is the caller's, whatever is written in it.
    assert sts.get_access_key_info(AccessKeyId=ACCESS_KEY)["Account"] == "000000000000"
    with refused("ValidationError"):
        sts.get_access_key_info(AccessKeyId="short")
    with refused("ValidationError"):
        sts.get_access_key_info(AccessKeyId="AKIA0000000000000000")


@behaviour("IDN-057")
def test_what_makes_credentials_says_that_it_is_not_here(lab: Lab):
    sts = aws_client("sts", lab.server.url)
    with refused("NotImplemented", status=501):
        sts.assume_role(RoleArn="arn:aws:iam::000000000000:role/r", RoleSessionName="me")
    with refused("NotImplemented", status=501):
        sts.get_session_token()
