"""Views that go wrong, for tests of how that is answered."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.urls import handler400, handler403, handler404, handler500, urlpatterns

__all__ = ["handler400", "handler403", "handler404", "handler500"]


def sleep(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '50ms'")
        cursor.execute("SELECT pg_sleep(5)")
    return HttpResponse("slept")


class SleepView(APIView):
    def get(self, request: Request) -> Response:
        return Response(sleep(request._request))


def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("secret words")


def reads_the_body(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(len(request.body)))


urlpatterns = [
    path("api/sleep", sleep),
    path("api/drf-sleep", SleepView.as_view()),
    path("pages/sleep", sleep),
    path("api/broken", broken),
    path("pages/broken", broken),
    path("pages/body", reads_the_body),
    *urlpatterns,
]
