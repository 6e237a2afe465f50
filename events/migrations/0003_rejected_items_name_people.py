import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0002_partitions'),
    ]

    operations = [
        # Of what was logged until now nobody can say whom it names, so no erasure would find it.
        migrations.RunSQL("TRUNCATE events_rejecteditem", migrations.RunSQL.noop),
        migrations.AddField(
            model_name='rejecteditem',
            name='person_ids',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, help_text='The rows of the ids that it names.', size=None),
        ),
        migrations.AlterField(
            model_name='rejecteditem',
            name='item',
            field=models.TextField(help_text='The beginning of the item as it came, without secrets; empty: it names nobody.'),
        ),
    ]
