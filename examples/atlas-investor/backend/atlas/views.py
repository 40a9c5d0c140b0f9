"""What the application says of itself, and its errors as JSON."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, JsonResponse

INTEGRATIONS = {
    "mapbox": "MAPBOX_TOKEN",
    "idealista": "IDEALISTA_API_SECRET",
    "ine": "INE_API_TOKEN",
    "sentry": "SENTRY_DSN",
}


def version(_: HttpRequest) -> JsonResponse:
    """Name the release that answers, and which integrations this environment has keys for."""
    return JsonResponse(
        {
            "sha": settings.RELEASE_SHA,
            "environment": settings.ENVIRONMENT,
            "integrations": {
                name: bool(getattr(settings, key)) for name, key in INTEGRATIONS.items()
            },
        },
    )


def bad_request(_: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001
    return error(HTTPStatus.BAD_REQUEST)


def not_found(_: HttpRequest, exception: Exception) -> JsonResponse:  # noqa: ARG001
    return error(HTTPStatus.NOT_FOUND)


def server_error(_: HttpRequest) -> JsonResponse:
    return error(HTTPStatus.INTERNAL_SERVER_ERROR)


def error(status: HTTPStatus) -> JsonResponse:
    """Say no more than the status does."""
    return JsonResponse({"error": status.phrase}, status=status)
