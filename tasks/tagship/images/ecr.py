"""Signs in to AWS's registry, ECR, with a token that lasts 12 hours. AWS's own chain finds the credentials."""

import base64
from functools import cache

from botocore.exceptions import NoCredentialsError

from tagship.errors import RegistryError
from tagship.reporting import redaction
from tagship.system import aws

ACTION = "ecr:GetAuthorizationToken"


@cache
def login(host: str, region: str) -> tuple[str, str]:
    """User name and password for a registry of that region, asked for once. Raises RegistryError."""
    with aws.explained(host, ACTION, RegistryError):
        try:
            answer = aws.client("ecr", region).get_authorization_token()
        except NoCredentialsError:
            raise RegistryError("There are no credentials for AWS.", hint=aws.LOGIN) from None
    token = answer["authorizationData"][0]["authorizationToken"]
    username, _, password = base64.b64decode(token).decode().partition(":")
    redaction.conceal([token, password])
    return username, password
