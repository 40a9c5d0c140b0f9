"""The schema of `build` in tagship.yml: what a build keeps for the next one, and what it attests."""

from typing import Literal

from pydantic import Field

from tagship.project.values import Table


class BuildSettings(Table):
    """How buildx builds, beyond what the Compose file says of each service."""

    cache: Literal["none", "registry", "gha"] = Field(
        default="none",
        description="Where layers are kept for the next build: the tag `buildcache` beside each image in the registry, "
        "or GitHub's cache. Pull requests only read it.",
    )
    provenance: Literal["none", "min", "max"] = Field(
        default="none", description="Attach how each image was built (SLSA); `max` with the Dockerfile and all inputs."
    )
    sbom: bool | str = Field(
        default=False, description="Attach a list of each image's packages (SPDX). An image's name is another scanner."
    )

    @property
    def attests(self) -> tuple[str, ...]:
        """What buildx attaches to each image, in its own terms."""
        scanner = f",generator={self.sbom}" if isinstance(self.sbom, str) else ""
        return (
            *((f"type=provenance,mode={self.provenance}",) if self.provenance != "none" else ()),
            *((f"type=sbom{scanner}",) if self.sbom else ()),
        )
