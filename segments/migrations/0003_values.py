from django.db import migrations

# Immutable helpers over jsonb values of normalised documents; they hold no data and may be called by anybody.
# Parsing never raises: what is not a number or a time of the published grammar is NULL.
VALUES = r"""
CREATE FUNCTION segments_is_present(v jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(jsonb_typeof(v) <> 'null' AND v <> '""'::jsonb, FALSE)
$$;

CREATE FUNCTION segments_number(v jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE jsonb_typeof(v)
        WHEN 'number' THEN v::numeric
        WHEN 'string' THEN CASE
            WHEN length(v #>> '{}') <= 1000
                 AND (v #>> '{}') ~ '^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?0*[0-9]{1,4})?$'
            THEN (v #>> '{}')::numeric END
    END
$$;

-- The first of two instants; for a skipped local time the instant of the change.
CREATE FUNCTION segments_local_instant(local timestamp, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    before_offset interval := (((local - interval '1 day') AT TIME ZONE 'UTC') AT TIME ZONE zone)
                              - (local - interval '1 day');
    after_offset interval := (((local + interval '1 day') AT TIME ZONE 'UTC') AT TIME ZONE zone)
                             - (local + interval '1 day');
    low timestamptz := (local - before_offset) AT TIME ZONE 'UTC';
    high timestamptz := (local - after_offset) AT TIME ZONE 'UTC';
    middle timestamptz;
BEGIN
    IF low AT TIME ZONE zone = local AND high AT TIME ZONE zone = local THEN RETURN least(low, high); END IF;
    IF low AT TIME ZONE zone = local THEN RETURN low; END IF;
    IF high AT TIME ZONE zone = local THEN RETURN high; END IF;
    middle := least(low, high); high := greatest(low, high); low := middle;
    before_offset := (low AT TIME ZONE zone) - (low AT TIME ZONE 'UTC');
    WHILE high - low > interval '1 microsecond' LOOP
        middle := low + (high - low) / 2;
        IF (middle AT TIME ZONE zone) - (middle AT TIME ZONE 'UTC') = before_offset
        THEN low := middle; ELSE high := middle; END IF;
    END LOOP;
    RETURN high;
END
$$;

CREATE FUNCTION segments_parsed_time(t text, zone text) RETURNS timestamptz LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    p text[] := regexp_match(t, '^(\d{4})-(\d\d)-(\d\d)(?:[ Tt](\d\d):(\d\d)(?::(\d\d(?:\.\d{1,6})?))?)?'
                                '(?:([Zz])|([+-])(\d\d):(\d\d))?$');
    local timestamp;
BEGIN
    IF p IS NULL OR p[4] >= '24' OR p[6] >= '60' OR p[9] >= '24' OR p[10] >= '60' OR p[1] = '0000' THEN
        RETURN NULL;
    END IF;
    local := make_timestamp(p[1]::int, p[2]::int, p[3]::int, coalesce(p[4], '0')::int, coalesce(p[5], '0')::int,
                            coalesce(p[6], '0')::double precision);
    IF p[7] IS NOT NULL THEN RETURN local AT TIME ZONE 'UTC'; END IF;
    IF p[8] IS NOT NULL THEN
        RETURN (local - (p[8] || p[9] || ':' || p[10])::interval) AT TIME ZONE 'UTC';
    END IF;
    RETURN segments_local_instant(local, zone);
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
    RETURN NULL;
END
$$;

CREATE FUNCTION segments_time(v jsonb, zone text) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(v) = 'string'
        AND (v #>> '{}') ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([ Tt][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?$'
    THEN segments_parsed_time(v #>> '{}', zone) END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("segments", "0002_work")]

    operations = [
        migrations.RunSQL(
            VALUES,
            "DROP FUNCTION segments_time, segments_parsed_time, segments_local_instant, segments_number, "
            "segments_is_present",
        )
    ]
