from django.db import migrations

from events.partitions import DROP_PARTITIONS
from tenants.lookups import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("events", "0004_two_clocks")]

    operations = [
        CreateLookup(
            signature="events_drop_partitions()", returns="void", language="plpgsql", body=DROP_PARTITIONS
        ),
        CreateLookup(
            signature="tenants_with_retention()",
            returns="SETOF uuid",
            body="SELECT id FROM tenants_tenant WHERE retention_days IS NOT NULL",
        ),
    ]
