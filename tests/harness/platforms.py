"""Platform applications and endpoints that know how they are used."""

import uuid

from harness.lab import fresh_name
from harness.topics import Topics

CREDENTIALS = {"PlatformPrincipal": "principal", "PlatformCredential": "credential"}


class Application:
    """A platform application."""

    def __init__(self, topics: Topics, platform: str = "GCM", **attributes: str):
        self.sns = topics.sns
        self.platform = platform
        self.name = fresh_name(".app")
        self.arn = self.create(**attributes)

    def create(self, **attributes: str) -> str:
        """CreatePlatformApplication."""
        answer = self.sns.create_platform_application(
            Name=self.name, Platform=self.platform, Attributes=CREDENTIALS | attributes
        )
        return answer["PlatformApplicationArn"]

    def set(self, **attributes: str):
        """SetPlatformApplicationAttributes."""
        self.sns.set_platform_application_attributes(PlatformApplicationArn=self.arn, Attributes=attributes)

    def attributes(self) -> dict[str, str]:
        """GetPlatformApplicationAttributes."""
        return self.sns.get_platform_application_attributes(PlatformApplicationArn=self.arn)["Attributes"]

    def endpoint(self, token: str | None = None, **more) -> str:
        """CreatePlatformEndpoint with a token that nobody has unless one is given; the ARN."""
        token = token or uuid.uuid4().hex
        return self.sns.create_platform_endpoint(PlatformApplicationArn=self.arn, Token=token, **more)["EndpointArn"]

    def endpoints(self) -> list[dict]:
        """ListEndpointsByPlatformApplication, its first page."""
        return self.sns.list_endpoints_by_platform_application(PlatformApplicationArn=self.arn)["Endpoints"]

    def delete(self):
        """DeletePlatformApplication."""
        self.sns.delete_platform_application(PlatformApplicationArn=self.arn)
