"""What journeys through whole data sets need."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection


@pytest.fixture
def planner() -> None:
    """A planner that judges tables by their size.

    Tests roll back, and a table that was vacuumed full of dead rows is believed to be empty however much comes into it
    next; within the one transaction of a test nothing corrects that, nor the plans made while it was empty.
    """
    database = connection.settings_dict
    with psycopg.connect(
        host=database["HOST"], port=database["PORT"] or None, dbname=database["NAME"], **database["OWNER"]
    ) as owner:
        owner.execute("TRUNCATE events_person, events_event, events_receipt, events_traitchange, segments_membership")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_custom_plan")
