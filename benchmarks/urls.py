"""The product's addresses, and one that does nothing: the reference of what a request costs at least."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as product

EMPTY = "/bench/empty"
__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class EmptyView(APIView):
    """Answers."""

    def post(self, request: Request) -> Response:
        return Response({})


urlpatterns = [*product, path(EMPTY[1:], EmptyView.as_view())]
