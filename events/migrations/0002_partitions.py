from django.db import migrations

from events.partitions import MAKE_PARTITIONS
from tenants.lookups import CreateLookup


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [
        CreateLookup(
            signature="events_make_partitions()", returns="void", language="plpgsql", body=MAKE_PARTITIONS
        ),
        migrations.RunSQL("SELECT events_make_partitions()", migrations.RunSQL.noop),
    ]
