"""The pages of people: finding somebody, and everything that is known of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from campaigns.models import Campaign, Decision
from events.models import Event, Person
from segments.profiles import find_profile_by_id, newest_events, search_people
from tenants.access import requires
from tenants.documents import write_document

FOUND_A_PAGE = 25
EVENTS_A_PAGE = 25
DECISIONS_SHOWN = 20


@require_safe
@requires()
def search(request: HttpRequest) -> HttpResponse:
    """Identifiers that begin with what was typed; without anything typed, the first ones."""
    text = request.GET.get("q", "").strip()
    after = None
    if (value := request.GET.get("after")) and (row_id := request.GET.get("id")):
        after = (value, _uuid(row_id))
    if "\x00" in text or "\x00" in request.GET.get("after", ""):
        raise Http404
    page = search_people(text=text, after=after, limit=FOUND_A_PAGE + 1)
    found = page[:FOUND_A_PAGE]
    context = {
        "q": text,
        "found": found,
        "total": Person.objects.filter(merged_into=None).count(),
        "next": found[-1] if len(page) > len(found) else None,
        "is_first_page": after is None,
    }
    return render(request, "web/people/search.html", context)


@require_safe
@requires()
def person(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Identifiers, traits, segments, newest events and decisions of one person."""
    profile = find_profile_by_id(person_id=person_id)
    if profile is None:
        raise Http404
    person_id = profile.person.person_id
    after = None
    if (at := request.GET.get("at")) and (event_id := request.GET.get("event")):
        after = (_instant(at), _uuid(event_id))
    page = newest_events(person_id=person_id, after=after, limit=EVENTS_A_PAGE + 1)
    events = page[:EVENTS_A_PAGE]
    ledger = Decision.objects.filter(person_id=person_id).defer("trace").order_by("-decided_at", "decision_id")
    decisions = list(ledger[:DECISIONS_SHOWN])
    names = dict(Campaign.objects.filter(pk__in={d.campaign_id for d in decisions}).values_list("pk", "name"))
    context = {
        "profile": profile,
        "traits": [{"name": name, "value": _shown(value)} for name, value in sorted(profile.person.traits.items())],
        "events": [{"event": event, "details": _details(event)} for event in events],
        "next": events[-1] if len(page) > len(events) else None,
        "is_first_page": after is None,
        "decisions": [{"decision": decision, "campaign": names.get(decision.campaign_id)} for decision in decisions],
    }
    return render(request, "web/people/person.html", context)


def _details(event: Event) -> str:
    return write_document(event.properties) if event.properties else ""


def _shown(value: object) -> str:
    return value if isinstance(value, str) else write_document(value)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Http404 from error
    if at.tzinfo is None:
        raise Http404
    return at
