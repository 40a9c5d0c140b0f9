"""What `--json` prints, a type for each task. Tests hold the output to their JSON Schemas in docs/reports/."""

from collections.abc import Mapping
from typing import Any

from tagship.backups.manifest import Manifest
from tagship.backups.recovery import Recovered
from tagship.checks.running import Result
from tagship.commands import report_types as types
from tagship.deploy.observed import Migrated
from tagship.deploy.previews import PreviewNow
from tagship.engine.containers import Container
from tagship.images.artifact import Published
from tagship.proof.ledger import Entry
from tagship.server.containers_now import Now
from tagship.server.lock import Lock
from tagship.server.overview import Overview
from tagship.setup.development import DevContainer
from tagship.variables.running import Variables

REPORTS: Mapping[str, Any] = {
    "doctor": list[types.Checked],
    "dev.up": list[DevContainer],
    "test": list[Result],
    "lint": list[Result],
    "smoke-test": types.SmokeTested,
    "build": types.Built,
    "push": types.Pushed | list[str],
    "release.publish": Published | types.Planned,
    "deploy": types.Done | types.Planned,
    "migrate": Migrated | types.Planned,
    "rollback": types.Done | types.Planned,
    "ship": types.Done | types.Planned,
    "sentry-release": types.SentryReported,
    "watch": types.Watched,
    "status": list[Overview],
    "history": list[Entry] | types.LedgerVerified,
    "env": Variables,
    "prune": types.Pruned,
    "remove": types.Removed,
    "logs": types.Line,
    "ps": list[Now],
    "accessories.status": list[Container],
    "accessories.diff": types.Different,
    "accessories.logs": types.Line,
    "backup.create": Manifest | types.Planned,
    "backup.verify": types.Verified,
    "backup.restore": types.Restored | types.Planned,
    "backup.drill": types.Drilled | types.Planned,
    "backup.list": list[types.ListedBackup],
    "backup.prune": types.PrunedBackups,
    "backup.pin": types.Pinned,
    "backup.unpin": types.Pinned,
    "backup.check": types.StoreChecked | types.Planned,
    "github.check": dict[str, list[str]],
    "pitr.status": types.ArchiveNow,
    "pitr.recover": Recovered | types.Planned,
    "pitr.drill": types.RecoveryDrilled | types.Planned,
    "secrets.check": types.SecretsChecked,
    "secrets.list": types.Secrets,
    "secrets.diff": dict[str, str],
    "maintenance.on": types.Maintained,
    "maintenance.off": types.Maintained,
    "candidate.url": types.CandidateLink,
    "preview.up": types.Done | types.Planned,
    "preview.down": types.Removed,
    "preview.list": list[PreviewNow],
    "preview.prune": types.PrunedPreviews,
    "registry.status": types.Registry,
    "registry.stop": types.RegistryStopped,
    "lock.status": Lock | None,
}
"""What each task prints with `--json`; each of LINES prints such a document in every line."""
LINES = frozenset({"logs", "accessories.logs"})
"""Tasks that print a document a line."""
