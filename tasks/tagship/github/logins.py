"""What a job of GitHub Actions needs for secret stores and AWS's registry: a permission, a login, variables. Pure."""

from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, urlsplit

from tagship.project.schema import Environment
from tagship.project.values import ecr_region

AWS = "aws-actions/configure-aws-credentials@8df5847569e6427dd6c4fb1cf565c83acfa8afa7 # v6.0.0"
_ECR = "ecr://"
"""The registry in a list of stores; only here, tagship.yml names it by its host."""
_AWS = ("aws-sm://", "aws-ssm://", _ECR)


def stores(settings: Environment) -> tuple[str, ...]:
    """The URIs of an environment's stores, with the one that lends credentials to migrations."""
    how = settings.release.migrations
    lease = (how.credentials.lease,) if how and how.credentials else ()
    return (*settings.secrets, *lease, *registry(settings.registry))


def registry(prefix: str) -> tuple[str, ...]:
    """AWS's registry, which takes the same login as AWS's stores; none for any other."""
    region = ecr_region(prefix)
    return (f"{_ECR}?region={region}",) if region else ()


def aws(uris: Iterable[str]) -> bool:
    """Whether the job takes a role in AWS, which then also serves its other calls of AWS."""
    return any(uri.startswith(_AWS) for uri in uris)


def permission(uris: Iterable[str]) -> str:
    """The line that lets a job prove which job it is; empty if no store wants that."""
    of = [name for name, wanted in (("AWS", aws(uris)), ("Vault", any(map(_jwt, uris)))) if wanted]
    return f"      id-token: write # logs in to {' and '.join(of)} without a stored key\n" if of else ""


def step(uris: Iterable[str]) -> str:
    """The step before Tagship's that takes a role in AWS; empty if no store is there."""
    known = [uri for uri in uris if uri.startswith(_AWS)]
    if not known:
        return ""
    region = next(filter(None, map(_region, known)), "${{ vars.AWS_REGION }}")
    role = "          role-to-assume: ${{ vars.AWS_ROLE }}\n"
    return f"      - uses: {AWS}\n        with:\n{role}          aws-region: {region}\n"


def variables(uris: Iterable[str]) -> Iterator[str]:
    """The lines of `env:` for stores that a job logs in to with a stored key, or whose address isn't in the URI."""
    known = [*uris]
    vaults = [_options(uri) for uri in known if uri.startswith("vault://")]
    if any("address" not in options for options in vaults):
        yield "VAULT_ADDR: ${{ vars.VAULT_ADDR }}"
    if any("role" not in options for options in vaults):
        yield "VAULT_ROLE_ID: ${{ vars.VAULT_ROLE_ID }}"
        yield "VAULT_SECRET_ID: ${{ secrets.VAULT_SECRET_ID }}"
    if any(uri.startswith("sops://") for uri in known):
        yield "SOPS_AGE_KEY: ${{ secrets.SOPS_AGE_KEY }}"


def _jwt(uri: str) -> bool:
    return uri.startswith("vault://") and "role" in _options(uri)


def _region(uri: str) -> str:
    arn = uri.partition("://")[2].split(":")
    return _options(uri).get("region", "") or (arn[3] if arn[0] == "arn" and len(arn) > 3 else "")  # noqa: PLR2004 - its fourth field


def _options(uri: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(uri).query))
