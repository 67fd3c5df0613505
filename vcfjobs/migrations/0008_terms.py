from django.db import migrations, models

ACTIVE = models.Q(("status__in", ("queued", "running")))


class Migration(migrations.Migration):
    dependencies = [
        ("vcfjobs", "0007_records_without_ids"),
    ]

    operations = [
        # Two attributes get new names and keep their columns, so that the processes of the release before
        # can work beside those of this one. Nothing changes in the database.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex("run", "run_in_line"),
                migrations.RemoveIndex("run", "run_of_owner_in_line"),
                migrations.RenameField("run", "place", "queue_position"),
                migrations.AlterField(
                    "run",
                    "queue_position",
                    models.BigIntegerField(
                        blank=True,
                        db_column="place",
                        help_text="Position in the queue; empty for a run that a request does itself.",
                        null=True,
                    ),
                ),
                migrations.AddIndex(
                    "run",
                    models.Index(condition=ACTIVE, fields=["queue_position", "created"], name="run_in_line"),
                ),
                migrations.AddIndex(
                    "run",
                    models.Index(
                        condition=ACTIVE, fields=["owner", "queue_position"], name="run_of_owner_in_line"
                    ),
                ),
                migrations.RenameField("shard", "plan", "cut_attempt"),
                migrations.AlterField(
                    "shard",
                    "cut_attempt",
                    models.PositiveIntegerField(
                        db_column="plan",
                        help_text="The attempt of the run that cut it. It names the folder of the parts, so that those of an earlier cut are never taken for those of a later one.",
                    ),
                ),
            ]
        ),
        migrations.AddField(
            model_name="run",
            name="shard_retries",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="Attempts at its shards beyond the first of each."
            ),
        ),
        migrations.AlterField(
            model_name="run",
            name="expired",
            field=models.DateTimeField(blank=True, help_text="When the files were deleted.", null=True),
        ),
        migrations.AlterField(
            model_name="run",
            name="expires",
            field=models.DateTimeField(blank=True, help_text="When the files will be deleted.", null=True),
        ),
        migrations.AlterField(
            model_name="run",
            name="shard_count",
            field=models.PositiveIntegerField(
                db_default=0, default=0, help_text="Number of shards; 0 when the run is not cut."
            ),
        ),
    ]
