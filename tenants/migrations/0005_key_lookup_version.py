from django.db import migrations

from tenants.lookups import CreateLookup


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0004_quotas'),
    ]

    operations = [
        migrations.RunSQL("DROP FUNCTION api_key_lookup(bytea)", migrations.RunSQL.noop),
        # The version of the tenant's row lets a process keep the row while it is the same.
        CreateLookup(
            signature="api_key_lookup(bytea)",
            arguments="hash bytea",
            returns="TABLE (tenant_id uuid, key_id uuid, kind varchar, daily_quota bigint, monthly_quota bigint, "
            "tenant_version text)",
            body="""
                UPDATE tenants_apikey SET last_used_at = now()
                WHERE key_hash = hash AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');
                SELECT k.tenant_id, k.id, k.kind, t.daily_quota, t.monthly_quota, concat(t.xmin, t.ctid)
                FROM tenants_apikey k JOIN tenants_tenant t ON t.id = k.tenant_id
                WHERE k.key_hash = hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
            """,
        ),
    ]
