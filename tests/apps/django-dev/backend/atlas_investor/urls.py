import os

import redis
from django.http import JsonResponse
from django.urls import path

from properties.models import Property


def properties(request):
    redis.Redis.from_url(os.environ["REDIS_URL"]).incr("asked")
    return JsonResponse({"properties": list(Property.objects.values_list("name", flat=True))})


urlpatterns = [
    path("api/properties/", properties),
    path("health/", lambda request: JsonResponse({"status": "healthy"})),
]
