"""The demo shop: a page of somebody's app, which knows Nunchi by the SDK and a write key alone."""

from __future__ import annotations

from dataclasses import asdict

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.demo.definitions import CART_CONTROL_SHARE, WINDOW_SECONDS
from config.demo.products import PRODUCTS
from config.demo.record import find_record


@never_cache
@require_safe
def shop(request: HttpRequest) -> HttpResponse:
    """The shop, while `manage.py demo` runs; elsewhere there is none."""
    record = find_record() if settings.DEMO else None
    if record is None or not record.is_filled:
        raise Http404("The demo does not run here.")
    context = {
        "write_key": record.write_key,
        "window_seconds": WINDOW_SECONDS,
        "control_percent": round(CART_CONTROL_SHARE * 100),
        "results_url": reverse("campaigns:report", args=[record.campaigns["cart"]]),
        "products": [asdict(product) | {"picture": static(f"demo/products/{product.id}.svg")} for product in PRODUCTS],
    }
    return render(request, "demo/shop.html", context)
