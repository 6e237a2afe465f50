from django.db import migrations

from tenants.lookups import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        CreateLookup(
            signature="api_key_lookup(bytea)",
            arguments="hash bytea",
            returns="TABLE (tenant_id uuid, key_id uuid, kind varchar)",
            body="""
                UPDATE tenants_apikey SET last_used_at = now()
                WHERE key_hash = hash AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');
                SELECT tenant_id, id, kind FROM tenants_apikey
                WHERE key_hash = hash AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());
            """,
        ),
        CreateLookup(
            signature="user_tenants(uuid)",
            arguments="member uuid",
            returns="SETOF uuid",
            body="SELECT tenant_id FROM tenants_member WHERE user_id = member ORDER BY created_at, id",
        ),
    ]
