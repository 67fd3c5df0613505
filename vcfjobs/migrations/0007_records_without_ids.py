from django.db import migrations, models


def count(apps, schema_editor):
    """Count the records without identifiers of the runs that have succeeded, from their reports."""
    annotated = apps.get_model("vcfjobs", "Run").objects.filter(status="succeeded", kind="annotate")
    # One report at a time: each may be large.
    for pk in list(annotated.values_list("pk", flat=True)):
        run = annotated.filter(pk=pk)
        report = run.values_list("report", flat=True).first()
        if not report:
            continue
        without = report["records"] - report["resolved"] + sum(report["failed"].values())
        if without:
            run.update(records_without_ids=without)


class Migration(migrations.Migration):
    dependencies = [
        ("vcfjobs", "0006_input_annotated_by"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="records_without_ids",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                help_text="Records without an identifier: on an unknown contig, or REF differs from the reference.",
            ),
        ),
        # PostgreSQL alters no table in the transaction that has changed its rows: counting comes last.
        migrations.RunPython(count, migrations.RunPython.noop),
    ]
