from django.db import migrations

from tenants.lookups import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("segments", "0001_initial"), ("events", "0002_partitions")]

    operations = [
        CreateLookup(
            signature="tenants_with_work()",
            returns="SETOF uuid",
            body="""
                SELECT t.id FROM tenants_tenant t WHERE
                    EXISTS (SELECT FROM events_person p WHERE p.tenant_id = t.id AND p.touched_at IS NOT NULL)
                    OR EXISTS (SELECT FROM segments_membership m WHERE m.tenant_id = t.id
                               AND m.valid_until <= statement_timestamp() AND m.valid_until < '9999-01-01T00:00:00Z')
                    OR EXISTS (SELECT FROM segments_recomputation r WHERE r.tenant_id = t.id)
            """,
        ),
    ]
