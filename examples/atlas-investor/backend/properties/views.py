"""The API's properties and districts."""

import json

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET, require_http_methods

from properties import jobs, queries
from properties.forms import PropertyForm
from properties.search import InvalidSearchError, Search


@require_http_methods(["GET", "POST"])
def properties(request: HttpRequest) -> HttpResponse:
    """Search, or add one."""
    return create(request) if request.method == "POST" else search(request)


def search(request: HttpRequest) -> JsonResponse:
    try:
        wanted = Search.parse(request.GET.dict())
    except InvalidSearchError as problem:
        return JsonResponse({"error": str(problem)}, status=400)
    found, remembered = queries.find(wanted)
    return JsonResponse(
        {"count": len(found), "results": found},
        headers={"X-Cache": "hit" if remembered else "miss"},
    )


def create(request: HttpRequest) -> JsonResponse:
    try:
        data = json.loads(request.body)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        return JsonResponse({"error": "the body must be a JSON object"}, status=400)
    form = PropertyForm(data)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    added = form.save()
    queries.forget_searches()
    jobs.queue().push(jobs.DISTRICT_STATISTICS, district=added.district)
    return JsonResponse(queries.as_json(added), status=201)


@require_GET
def districts(_: HttpRequest) -> JsonResponse:
    """Each district's figures."""
    statistics = [queries.district_statistics(district) for district in queries.all_districts()]
    return JsonResponse({"results": statistics})
