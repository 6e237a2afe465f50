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

# Months that no tenant keeps, once events.retention has emptied them: a message never loses its event unseen. What is
# dated before the months that are left goes into the first partition, as it does before the installation.
# The lock holds up ingestion, so it is not waited for long; what is done under it takes milliseconds.
DROP_PARTITIONS = r"""
DECLARE
    cutoff timestamptz;
    leaf text;
    ends timestamptz;
    is_occupied boolean;
    dropped_until timestamptz;
BEGIN
    SELECT now() - make_interval(days => max(retention_days)) INTO cutoff
    FROM tenants_tenant HAVING bool_and(retention_days IS NOT NULL);
    PERFORM set_config('lock_timeout', '1s', true), pg_advisory_xact_lock(hashtext('events_make_partitions'));
    FOR leaf, ends IN
        SELECT relname, (to_date(right(relname, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC'
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'public.events_event'::regclass AND relname ~ '_\d{4}_\d{2}$' ORDER BY relname
    LOOP
        EXIT WHEN cutoff IS NULL OR ends > cutoff;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', leaf) INTO is_occupied;
        EXIT WHEN is_occupied;
        LOCK TABLE ONLY events_event IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', leaf) INTO is_occupied; -- by whom the lock waited for
        EXIT WHEN is_occupied;
        EXECUTE format('DROP TABLE %I', leaf);
        dropped_until := ends;
    END LOOP;
    IF dropped_until IS NOT NULL THEN
        ALTER TABLE events_event DETACH PARTITION events_event_past;
        EXECUTE format('ALTER TABLE events_event ATTACH PARTITION events_event_past FOR VALUES FROM (MINVALUE) TO (%L)',
                       dropped_until);
    END IF;
END
"""


def make_partitions() -> None:
    """Make the partitions of this month and two months ahead of any tenant's clock; needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT events_make_partitions()")


def drop_partitions() -> None:
    """Drop the empty partitions of months that no tenant keeps; needs no scope.

    Raises OperationalError where the lock cannot be had at once.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT events_drop_partitions()")
