from importlib import import_module

from django.db import migrations, models

AddIndexInService = import_module('vcfjobs.migrations.0005_run_indexes').AddIndexInService


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('vcfjobs', '0011_notifications'),
    ]

    operations = [
        AddIndexInService(
            model_name='allele',
            index=models.Index(fields=['sequence', 'span', 'start'], name='allele_location'),
        ),
    ]
