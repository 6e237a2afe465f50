"""Campaigns and their results in sentences, for the pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.attribution import Attribution
from campaigns.literals import NO_VALUE, show_value
from campaigns.models import Campaign
from segments.models import Segment

_UNITS = {
    "s": lambda n: ngettext("%(n)d second", "%(n)d seconds", n) % {"n": n},
    "m": lambda n: ngettext("%(n)d minute", "%(n)d minutes", n) % {"n": n},
    "h": lambda n: ngettext("%(n)d hour", "%(n)d hours", n) % {"n": n},
    "d": lambda n: ngettext("%(n)d day", "%(n)d days", n) % {"n": n},
    "w": lambda n: ngettext("%(n)d week", "%(n)d weeks", n) % {"n": n},
}
_SIZES = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def trigger_in_words(campaign: Campaign) -> str:
    """What the campaign waits for."""
    trigger = campaign.trigger
    match trigger.get("on"):
        case "event":
            return _("Somebody does %(events)s.") % {"events": _events_in_words(trigger)}
        case "segment_entry":
            name = Segment.objects.filter(pk=trigger["segment"]).values_list("name", flat=True).first()
            return _("Somebody enters the segment “%(name)s”.") % {"name": name or "?"}
        case "app_open":
            return _("Somebody opens the app.")
    return "–"


def goal_in_words(campaign: Campaign) -> str:
    """What counts as success."""
    goal = campaign.goal
    if not goal.get("event"):
        return "–"
    within = duration_in_words(goal.get("within"))
    return _("%(events)s within %(time)s of the first time") % {"events": _events_in_words(goal), "time": within}


def caps_in_words(caps: Any) -> list[str]:
    """How often at most, for caps as they are stored."""
    words = []
    for cap in caps if isinstance(caps, list) else []:
        limit, window = cap["limit"], cap["window"]
        if window == "session":
            words.append(ngettext("%(n)d time a session", "%(n)d times a session", limit) % {"n": limit})
        elif window == "lifetime":
            words.append(ngettext("%(n)d time ever", "%(n)d times ever", limit) % {"n": limit})
        else:
            times = ngettext("%(n)d time in %(span)s", "%(n)d times in %(span)s", limit)
            words.append(times % {"n": limit, "span": duration_in_words(window)})
    return words


def seconds_in_words(seconds: int) -> str:
    """In the greatest unit that comes out whole."""
    size, unit = next((size, unit) for size, unit in _SIZES if seconds % size == 0)
    return duration_in_words(f"{seconds // size}{unit}")


def duration_in_words(text: Any) -> str:
    if not isinstance(text, str) or text[-1:] not in _UNITS:
        return "?"
    return _UNITS[text[-1]](int(text[:-1]))


def standing(campaign: Campaign) -> str:
    """What the state means for people in the app."""
    return {
        Campaign.Status.DRAFT: _("Nobody sees it yet. Start it when it is ready."),
        Campaign.Status.RUNNING: _("It is running: whoever triggers it can see it."),
        Campaign.Status.PAUSED: _("It is paused: nobody sees it until it is started again."),
        Campaign.Status.ENDED: _("It has ended. Its results stand."),
    }[Campaign.Status(campaign.status)]


def verdict(attribution: Attribution) -> str:
    """What the comparison says, and no more than it says."""
    treatment, control, comparison = attribution.treatment, attribution.control, attribution.comparison
    if not treatment.exposed and not control.exposed:
        return _("Nobody has come to the moment yet at which the message is shown.")
    if comparison.difference is None or comparison.difference_interval is None:
        if treatment.exposed:
            return _("There is nobody in the control group, so nobody can tell what the message changed.")
        return _("There are only people of the control group so far.")
    difference, interval = comparison.difference * 100, comparison.difference_interval
    more_or_fewer = (
        _("Of 100 people, %(n)s more reached the goal than in the control group")
        if difference >= 0
        else _("Of 100 people, %(n)s fewer reached the goal than in the control group")
    ) % {"n": signed(abs(difference))}
    low, high = signed(interval.low * 100), signed(interval.high * 100)
    if comparison.is_beyond_chance:
        ending = (
            _("; the interval %(low)s to %(high)s does not contain zero: the message helps.")
            if difference > 0
            else _("; the interval %(low)s to %(high)s does not contain zero: the message does harm.")
        )
    else:
        ending = _("; the interval %(low)s to %(high)s still contains zero: too early to tell.")
    return more_or_fewer + ending % {"low": low, "high": high}


def signed(value: float) -> str:
    """A number with one decimal place and a real minus sign."""
    rounded = round(Decimal(value), 1)
    text = number_format(abs(rounded), 1)
    return f"−{text}" if rounded < 0 else text


def _events_in_words(document: dict[str, Any]) -> str:
    names = document["event"] if isinstance(document["event"], list) else [document["event"]]
    text = (" " + _("or") + " ").join(f"“{name}”" for name in names)
    statements = [
        f"{row['property']} {row['op']}" + ("" if row["op"] in NO_VALUE else f" {show_value(row.get('value'))}")
        for row in document.get("where", [])
    ]
    return f"{text} ({', '.join(statements)})" if statements else text
