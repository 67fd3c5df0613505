from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("vcfjobs", "0013_drop_allele_overlap"),
    ]

    operations = [
        migrations.RemoveIndex("notification", "notification_due"),
        # For those that are due, and to count those that wait or were given up.
        migrations.AddIndex(
            "notification",
            models.Index(
                condition=models.Q(("delivered", None)),
                fields=["next_at"],
                name="notification_undelivered",
            ),
        ),
    ]
