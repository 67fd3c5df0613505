from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('vcfjobs', '0012_allele_location'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='allele',
            name='allele_overlap',
        ),
    ]
