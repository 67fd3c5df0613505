from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class AddIndexInService(AddIndexConcurrently):
    """On PostgreSQL without keeping the old processes from writing: it takes seconds a million runs."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        adds = super() if schema_editor.connection.vendor == 'postgresql' else super(AddIndexConcurrently, self)
        adds.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        adds = super() if schema_editor.connection.vendor == 'postgresql' else super(AddIndexConcurrently, self)
        adds.database_backwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('vcfjobs', '0004_workers'),
    ]

    operations = [
        AddIndexInService(
            model_name='run',
            index=models.Index(fields=['status', 'finished'], name='run_by_end'),
        ),
        AddIndexInService(
            model_name='run',
            index=models.Index(condition=models.Q(('status', 'failed')), fields=['error_code', 'finished'], name='run_by_error_code'),
        ),
        AddIndexInService(
            model_name='run',
            index=models.Index(fields=['assembly'], name='run_by_assembly'),
        ),
        AddIndexInService(
            model_name='run',
            index=models.Index(fields=['run_id'], name='run_by_run_id', opclasses=('varchar_pattern_ops',)),
        ),
        AddIndexInService(
            model_name='run',
            index=models.Index(fields=['file_name'], name='run_by_file_name', opclasses=('varchar_pattern_ops',)),
        ),
    ]
