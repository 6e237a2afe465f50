import uuid

import django.db.models.deletion
from django.db import migrations, models

import tenants.isolation
from tenants.lookups import CreateLookup


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0003_clock'),
    ]

    operations = [
        migrations.AddField(
            model_name='tenant',
            name='daily_quota',
            field=models.PositiveBigIntegerField(blank=True, help_text='What its apps may send from midnight UTC on. Empty: any.', null=True, verbose_name='items a day'),
        ),
        migrations.AddField(
            model_name='tenant',
            name='monthly_quota',
            field=models.PositiveBigIntegerField(blank=True, help_text='From the first of the month on, UTC. Empty: any.', null=True, verbose_name='items a month'),
        ),
        migrations.CreateModel(
            name='DailyUse',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('day', models.DateField()),
                ('items', models.PositiveBigIntegerField()),
                ('tenant', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenants.tenant')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('tenant', 'day'), name='use_once_a_day'), tenants.isolation.TenantIsolation(column='tenant_id', name='daily_use_isolation', privileges=('SELECT', 'INSERT', 'UPDATE'))],
            },
        ),
        migrations.RunSQL("DROP FUNCTION api_key_lookup(bytea)", migrations.RunSQL.noop),
        # The quotas belong to what a key may do, as its kind does, and so cost no statement of their own.
        CreateLookup(
            signature="api_key_lookup(bytea)",
            arguments="hash bytea",
            returns="TABLE (tenant_id uuid, key_id uuid, kind varchar, daily_quota bigint, monthly_quota bigint)",
            body="""
                UPDATE tenants_apikey SET last_used_at = now()
                WHERE key_hash = hash AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');
                SELECT k.tenant_id, k.id, k.kind, t.daily_quota, t.monthly_quota
                FROM tenants_apikey k JOIN tenants_tenant t ON t.id = k.tenant_id
                WHERE k.key_hash = hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now());
            """,
        ),
    ]
