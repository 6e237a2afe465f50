from django.db import migrations

from tenants.lookups import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("segments", "0003_values"), ("tenants", "0003_clock")]

    operations = [
        migrations.RunSQL("DROP FUNCTION tenants_with_work()", migrations.RunSQL.noop),
        CreateLookup(
            signature="tenants_with_work()",
            returns="SETOF uuid",
            body="""
                SELECT t.id FROM tenants_tenant t WHERE
                    EXISTS (SELECT FROM events_person p WHERE p.tenant_id = t.id AND p.touched_at IS NOT NULL)
                    OR EXISTS (SELECT FROM segments_membership m WHERE m.tenant_id = t.id
                               AND m.valid_until <= statement_timestamp() + t.clock_offset
                               AND m.valid_until < '9999-01-01T00:00:00Z')
                    OR EXISTS (SELECT FROM segments_recomputation r WHERE r.tenant_id = t.id)
            """,
        ),
    ]
