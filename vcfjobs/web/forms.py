"""The upload form, and the filter of the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings

from vcfjobs.errors import InvalidParameterError
from vcfjobs.models import Run, Status
from vcfjobs.runs.run_ids import validate_run_id
from vcfjobs.vrs.versions import RELEASES

CUT = "The upload was interrupted. Send it again."


class UploadForm(forms.Form):
    """A VCF and the parameters of its run.

    `whole` comes last: browsers send the fields in order, so a body without it is incomplete.
    """

    vcf = forms.FileField(
        label="VCF file",
        help_text="VCF as plain text, gzip or BGZF, or BCF.",
        error_messages={"required": "Choose a VCF file.", "empty": "The file is empty."},
        widget=forms.FileInput(attrs={"accept": ".vcf,.gz,.bgz,.bcf"}),
    )
    assembly = forms.ChoiceField(help_text="The reference used for variant calling.")
    run_id = forms.CharField(
        label="Run id",
        required=False,
        max_length=255,
        empty_value=None,
        help_text="Optional. Your own name for the run.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    for_ref = forms.BooleanField(
        label="VRS identifiers for REF alleles",
        required=False,
        initial=True,
        help_text="Then VRS_Allele_IDs begins with the identifier of REF.",
    )
    add_vrs_attributes = forms.BooleanField(
        label="VRS attribute fields (start, end, state)",
        required=False,
        help_text="Five more INFO fields: what each identifier is computed from.",
    )
    vrs_version = forms.ChoiceField(
        label="VRS version",
        required=False,
        choices=[(version, f"VRS {version}") for version in RELEASES],
        help_text="Insertions into repeats get other identifiers in VRS 2.1. AnyVar computes 2.0.",
    )
    register = forms.BooleanField(
        label="Register alleles",
        required=False,
        initial=True,
        help_text="Then they are found by identifier, region and run.",
    )
    email_owner = forms.BooleanField(
        label="E-mail me when it ends", required=False, help_text="To the address of your account."
    )
    whole = forms.CharField(required=False, initial="1", widget=forms.HiddenInput)

    def __init__(self, *args: Any, assemblies: Sequence[str], email: str, **kwargs: Any) -> None:
        """`email`: where the owner can be told; without it the form does not offer that."""
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        if not email:
            del self.fields["email_owner"]
        self.assemblies = assemblies
        field = self.fields["assembly"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared above
        field.choices = [(name, name) for name in assemblies]
        field.error_messages["invalid_choice"] = "%(value)s is not a registered assembly."
        self.fields["vrs_version"].initial = settings.ANYVAR_VRS_VERSION
        if settings.ANYVAR_DEFAULT_ASSEMBLY in assemblies:
            field.initial = settings.ANYVAR_DEFAULT_ASSEMBLY

    def clean_run_id(self) -> str | None:
        """Refuse what cannot name a run; None is no name."""
        run_id: str | None = self.cleaned_data["run_id"]
        try:
            if run_id is not None:
                validate_run_id(run_id)
        except InvalidParameterError as error:
            raise forms.ValidationError(error.sentence) from error
        return run_id

    def clean(self) -> dict[str, Any]:
        """Refuse an incomplete body."""
        if self.data and not self.cleaned_data.get("whole"):
            raise forms.ValidationError(CUT, code="truncated")
        return self.cleaned_data


def parameters_of(run: Run) -> dict[str, Any]:
    """The parameters of a run, as the form's initial values."""
    names = ("assembly", "for_ref", "add_vrs_attributes", "vrs_version", "register", "email_owner")
    return {name: getattr(run, name) for name in names}


class FilterForm(forms.Form):
    """The filter of the list of runs."""

    status = forms.ChoiceField(required=False, choices=[("", "Any status"), *Status.choices])
    search = forms.CharField(
        required=False,
        max_length=255,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Run id, file name or VRS id"}),
    )
