"""The forms of the pages: what a submit takes, and what narrows the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings

from vcfjobs.errors import InvalidParameterError
from vcfjobs.models import Status
from vcfjobs.runs.run_ids import validate_run_id

CUT = "The upload was cut on its way. Send it again."


class UploadForm(forms.Form):
    """A VCF and the parameters of its run.

    `whole` comes last: browsers send the fields in order, so without it the body was cut on its way.
    """

    vcf = forms.FileField(
        label="VCF file",
        help_text="Plain, gzip or BGZF.",
        error_messages={"required": "Choose a VCF file.", "empty": "The file is empty."},
        widget=forms.FileInput(attrs={"accept": ".vcf,.gz,.bgz"}),
    )
    assembly = forms.ChoiceField(help_text="The reference that the file was called against.")
    run_id = forms.CharField(
        label="Run id",
        required=False,
        max_length=255,
        help_text="Optional: a name of your own.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    for_ref = forms.BooleanField(label="Identifiers for REF alleles", required=False, initial=True)
    add_vrs_attributes = forms.BooleanField(label="VRS attribute fields", required=False)
    register = forms.BooleanField(label="Register the alleles", required=False, initial=True)
    whole = forms.CharField(required=False, initial="1", widget=forms.HiddenInput)

    def __init__(self, *args: Any, assemblies: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.assemblies = assemblies
        field = self.fields["assembly"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
        field.choices = [(name, name) for name in assemblies]
        field.error_messages["invalid_choice"] = "%(value)s is not a registered assembly."
        if settings.ANYVAR_DEFAULT_ASSEMBLY in assemblies:
            field.initial = settings.ANYVAR_DEFAULT_ASSEMBLY

    def clean_run_id(self) -> str | None:
        """The name of the run, None when the client gives it none."""
        text: str = self.cleaned_data["run_id"]
        if not text:
            return None
        try:
            validate_run_id(text)
        except InvalidParameterError as error:
            raise forms.ValidationError(error.sentence) from error
        return text

    def clean(self) -> dict[str, Any]:
        """Refuse a body that ended before the form did."""
        if self.data and not self.cleaned_data.get("whole"):
            raise forms.ValidationError(CUT, code="truncated")
        return self.cleaned_data


class FilterForm(forms.Form):
    """What narrows the list of runs."""

    status = forms.ChoiceField(required=False, choices=[("", "Any status"), *Status.choices])
    search = forms.CharField(
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Run id, file name or VRS id"}),
    )
