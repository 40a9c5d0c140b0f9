"""`/health/`: database, cache, disk and memory, as JSON; 503 as soon as one of them fails."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from health_check.views import HealthCheckView

# Shared, so that a check doesn't start and join threads of its own every few seconds.
THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="health")
PSUTIL = "health_check.contrib.psutil"


class Health(HealthCheckView):
    """django-health-check's checks, answered the way load balancers and smoke tests read them."""

    checks = (
        "health_check.checks.Database",
        "health_check.checks.Cache",
        (f"{PSUTIL}.Disk", {"max_disk_usage_percent": settings.HEALTH_MAX_DISK}),
        (f"{PSUTIL}.Memory", {"max_memory_usage_percent": settings.HEALTH_MAX_MEMORY}),
    )

    async def get(self, _: HttpRequest) -> JsonResponse:
        """Run the checks side by side."""
        results = await asyncio.gather(*(check.get_result(THREADS) for check in self.get_checks()))
        healthy = not any(result.error for result in results)
        return JsonResponse(
            {
                "status": "healthy" if healthy else "unhealthy",
                "checks": {
                    type(result.check).__name__.lower(): str(result.error or "ok")
                    for result in results
                },
            },
            status=200 if healthy else 503,
        )
