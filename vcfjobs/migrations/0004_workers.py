from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('vcfjobs', '0003_shards'),
    ]

    operations = [
        migrations.CreateModel(
            name='Worker',
            fields=[
                ('node', models.CharField(help_text='Its name, as runs have it.', max_length=255, primary_key=True, serialize=False)),
                ('host', models.CharField(max_length=255)),
                ('pid', models.PositiveIntegerField(verbose_name='process id')),
                ('version', models.CharField(help_text='Of the service.', max_length=64)),
                ('concurrency', models.PositiveIntegerField(help_text='How many pieces of work it does at once.')),
                ('started', models.DateTimeField()),
                ('seen', models.DateTimeField(help_text="Its last sign of life, on the database's clock.")),
            ],
            options={
                'ordering': ('node',),
            },
        ),
        migrations.AlterModelOptions(
            name='run',
            options={'ordering': ('-created', '-id'), 'permissions': (('view_run_traceback', 'Can view the traceback of run'),)},
        ),
    ]
