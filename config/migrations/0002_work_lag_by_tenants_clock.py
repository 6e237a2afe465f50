from django.db import migrations

from tenants.lookups import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("config", "0001_work_lag"), ("tenants", "0003_clock")]

    operations = [
        migrations.RunSQL("DROP FUNCTION work_lag()", migrations.RunSQL.noop),
        # Over all tenants, so no scope could answer it; two numbers, nobody's data.
        CreateLookup(
            signature="work_lag()",
            returns="TABLE (outbox_seconds float8, due_seconds float8)",
            body="""
                SELECT coalesce(extract(epoch FROM max(clock_timestamp() - touched.at)), 0)::float8,
                       coalesce(extract(epoch FROM max(clock_timestamp() + t.clock_offset - due.at)), 0)::float8
                FROM tenants_tenant t
                LEFT JOIN LATERAL (
                    SELECT touched_at AS at FROM events_person p
                    WHERE p.tenant_id = t.id AND touched_at IS NOT NULL ORDER BY touched_at LIMIT 1
                ) touched ON true
                LEFT JOIN LATERAL (
                    SELECT valid_until AS at FROM segments_membership m
                    WHERE m.tenant_id = t.id AND valid_until <= now() + t.clock_offset
                      AND valid_until < '9999-01-01T00:00:00Z'
                    ORDER BY valid_until LIMIT 1
                ) due ON true
            """,
        ),
    ]
