"""Events are partitioned by `occurred_at`: one partition for all before the installation, then one a month."""

from __future__ import annotations

from typing import Any

from django.db import connection, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class CreatePartitionedModel(migrations.CreateModel):
    """CreateModel whose table is PARTITION BY RANGE (occurred_at)."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = f"{plain} PARTITION BY RANGE (occurred_at)"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain


# Leaf partitions get no grants: reading one directly would bypass the parent's policy.
# Months are made from the first one on, so that an installation that slept for a year has no hole.
MAKE_PARTITIONS = r"""
DECLARE
    month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    final timestamp := month + interval '2 months';
    leaf text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('events_make_partitions'));
    IF to_regclass('public.events_event_past') IS NULL THEN
        EXECUTE format('CREATE TABLE events_event_past PARTITION OF events_event FOR VALUES FROM (MINVALUE) TO (%L)',
                       month AT TIME ZONE 'UTC');
    END IF;
    SELECT coalesce(min(to_timestamp(right(c.relname, 7), 'YYYY_MM') AT TIME ZONE 'UTC'), month) INTO month
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.events_event'::regclass AND c.relname ~ '_\d{4}_\d{2}$';
    WHILE month <= final LOOP
        leaf := 'events_event_' || to_char(month, 'YYYY_MM');
        IF to_regclass('public.' || leaf) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF events_event FOR VALUES FROM (%L) TO (%L)', leaf,
                           month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
        END IF;
        month := month + interval '1 month';
    END LOOP;
END
"""

# The same for tenants whose clock is ahead.
MAKE_PARTITIONS_AHEAD = MAKE_PARTITIONS.replace(
    "interval '2 months'", "interval '2 months' + (SELECT coalesce(max(clock_offset), '0') FROM tenants_tenant)"
)


def make_partitions() -> None:
    """Make the partitions of this month and two months ahead of any tenant's clock; needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT events_make_partitions()")
