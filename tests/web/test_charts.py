"""From a report to the geometry of its charts."""

from __future__ import annotations

import re

import pytest

from vcfjobs.templatetags.figures import WORDS, grouped, lasting, nth, percent, roughly
from vcfjobs.vrs.vcf.alleles import MISMATCH, POSITION
from vcfjobs.vrs.vcf.ingest import MALFORMED, NOT_ITS_OWN
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.web.charts import Charts, along_contigs, bars, charts_of, indel_lengths


def test_bars_are_sorted_and_measured_by_the_largest() -> None:
    drawn = bars({"snv": 25, "other": 0, "deletion": 75})
    assert [(bar.code, bar.width, bar.share) for bar in drawn] == [
        ("deletion", 100.0, 0.75),
        ("snv", 33.33, 0.25),
    ]


def test_what_was_not_found_is_not_drawn() -> None:
    charts = charts_of(Report().to_json())
    assert charts == Charts(alleles=[], failures=[], without_id=[], indels=None, positions=None)


def test_deletions_lie_left_of_insertions_and_long_ones_outermost() -> None:
    chart = indel_lengths({"1": 5, "1024": 1, "64": 2}, {"2": 9})
    assert chart is not None
    assert [(column.label, column.count) for column in chart.columns] == [
        ("deletion of over 50", 3),
        ("deletion of 1", 5),
        ("insertion of 2", 9),
    ]
    # 51 columns to either side, the shortest indels in the middle.
    assert [column.x for column in chart.columns] == [0, 50, 52]


def test_columns_stand_on_the_floor_and_the_highest_fills_the_box() -> None:
    chart = indel_lengths({"1": 9}, {"1": 99})
    assert chart is not None
    low, high = chart.columns
    assert (high.y, high.height, low.y + low.height) == (0.0, 100.0, 100.0)
    assert low.height == 50.0  # log 10 to log 100


def test_records_along_contigs_share_one_scale() -> None:
    chart = along_contigs({"chr1": {"0": 4, "2": 2}, "chr2": {"1": 1}}, bin_bases=1000)
    assert chart is not None
    assert (chart.width, chart.step, chart.left_out) == (3, 1000, 0)
    assert [strip.path for strip in chart.strips] == [
        "M0 100v-100h1v100zM2 100v-50h1v50z",
        "M1 100v-25h1v25z",
    ]


def test_many_bins_are_drawn_in_groups_and_lose_no_record() -> None:
    chart = along_contigs({"chr1": {str(number): 1 for number in range(4096)}}, bin_bases=10)
    assert chart is not None
    assert chart.width <= 200
    assert chart.step * chart.width >= 4096 * 10
    assert chart.strips[0].count == 4096


def test_contigs_beyond_the_first_are_counted() -> None:
    chart = along_contigs({f"c{number}": {"0": 1} for number in range(40)}, bin_bases=10)
    assert chart is not None
    assert (len(chart.strips), chart.left_out, chart.uncounted) == (25, 15, False)


def test_contigs_that_the_engine_counted_together_are_no_contig() -> None:
    report = Report()
    for number in range(300):
        report.count_positions(f"c{number}", [5])
    chart = along_contigs(report.to_json()["positions"], bin_bases=10)
    assert chart is not None
    assert (len(chart.strips), chart.left_out, chart.uncounted) == (25, 175, True)


def test_one_among_billions_is_still_seen() -> None:
    drawn = bars({"snv": 4_000_000_000, "mnv": 1})
    along = along_contigs({"chr1": {"0": 4_000_000_000, "1": 1}}, bin_bases=10)
    assert along is not None
    assert [bar.width for bar in drawn] == [100.0, 1.0]
    assert along.strips[0].path.endswith("M1 100v-1h1v1z")


def test_a_histogram_says_in_words_what_it_draws() -> None:
    chart = indel_lengths({"1": 5, "1024": 1_000}, {"2": 9})
    assert chart is not None
    assert chart.summary == "1,005 deletions to the left, 9 insertions to the right"


def test_every_name_of_the_engine_has_a_word() -> None:
    named = {MISMATCH, POSITION, NOT_ITS_OWN, MALFORMED, "star", "symbolic", "breakend", "other"}
    kinds = {"snv", "mnv", "delins", "insertion", "deletion", "reference"}
    assert set(WORDS) == named | kinds


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.42, "0.4 s"), (59.4, "59 s"), (75, "1 min 15 s"), (3725, "1 h 2 min"), (200_000, "2 d 7 h")],
)
def test_a_duration_has_two_units_at_most(seconds: float, shown: str) -> None:
    assert lasting(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "1 s"), (42.4, "42 s"), (59.6, "1 min"), (3540, "59 min"), (7810, "2 h 10 min")],
)
def test_a_guess_is_said_roughly(seconds: float, shown: str) -> None:
    assert roughly(seconds) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0, "0 %"), (0.001, "<1 %"), (0.29, "29 %"), (0.57, "57 %"), (0.999, "99 %"), (1, "100 %")],
)
def test_a_fraction_is_nothing_or_all_only_when_it_is(fraction: float, shown: str) -> None:
    assert percent(fraction) == shown


def test_digits_are_grouped_in_threes() -> None:
    assert grouped(1234567) == '1<span class="k">234</span><span class="k">567</span>'


@pytest.mark.parametrize(
    ("highest", "marks"), [(1, [1]), (450, [1, 10, 100]), (2_000_000, [1, 100, 10_000, 1_000_000])]
)
def test_the_axis_of_the_indels_has_a_few_powers_of_ten(highest: int, marks: list[int]) -> None:
    chart = indel_lengths({"1": highest}, {})
    assert chart is not None
    assert [count for count, _ in chart.marks] == marks
    assert all(0 <= y < 100 for _, y in chart.marks)


def test_the_bare_number_is_copied_from_a_page() -> None:
    assert re.sub(r"<.*?>", "", grouped(1234567)) == "1234567"


def test_places_are_counted_as_people_do() -> None:
    shown = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th", "1,002nd"]
    assert [nth(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 111, 1002)] == shown
