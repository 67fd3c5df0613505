"""The canonical refget accessions of the primary contigs of the human assemblies, from public tables."""

from __future__ import annotations

# assembly -> contig -> (length, accession): sha512t24u of the upper-case sequence, GA4GH refget 2.0
CANONICAL: dict[str, dict[str, tuple[int, str]]] = {
    "GRCh38": {
        "1": (248_956_422, "SQ.Ya6Rs7DHhDeg7YaOSg1EoNi3U_nQ9SvO"),
        "2": (242_193_529, "SQ.pnAqCRBrTsUoBghSD1yp_jXWSmlbdh4g"),
        "3": (198_295_559, "SQ.Zu7h9AggXxhTaGVsy7h_EZSChSZGcmgX"),
        "4": (190_214_555, "SQ.HxuclGHh0XCDuF8x6yQrpHUBL7ZntAHc"),
        "5": (181_538_259, "SQ.aUiQCzCPZ2d0csHbMSbh2NzInhonSXwI"),
        "6": (170_805_979, "SQ.0iKlIQk2oZLoeOG9P1riRU6hvL5Ux8TV"),
        "7": (159_345_973, "SQ.F-LrLMe1SRpfUZHkQmvkVKFEGaoDeHul"),
        "8": (145_138_636, "SQ.209Z7zJ-mFypBEWLk4rNC6S_OxY5p7bs"),
        "9": (138_394_717, "SQ.KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI"),
        "10": (133_797_422, "SQ.ss8r_wB0-b9r44TQTMmVTI92884QvBiB"),
        "11": (135_086_622, "SQ.2NkFm8HK88MqeNkCgj78KidCAXgnsfV1"),
        "12": (133_275_309, "SQ.6wlJpONE3oNb4D69ULmEXhqyDZ4vwNfl"),
        "13": (114_364_328, "SQ._0wi-qoDrvram155UmcSC-zA5ZK4fpLT"),
        "14": (107_043_718, "SQ.eK4D2MosgK_ivBkgi6FVPg5UXs1bYESm"),
        "15": (101_991_189, "SQ.AsXvWL1-2i5U_buw6_niVIxD6zTbAuS6"),
        "16": (90_338_345, "SQ.yC_0RBj3fgBlvgyAuycbzdubtLxq-rE0"),
        "17": (83_257_441, "SQ.dLZ15tNO1Ur0IcGjwc3Sdi_0A6Yf4zm7"),
        "18": (80_373_285, "SQ.vWwFhJ5lQDMhh-czg06YtlWqu0lvFAZV"),
        "19": (58_617_616, "SQ.IIB53T8CNeJJdUqzn9V_JnRtQadwWCbl"),
        "20": (64_444_167, "SQ.-A1QmD_MatoqxvgVxBLZTONHz9-c7nQo"),
        "21": (46_709_983, "SQ.5ZUqxCmDDgN4xTRbaSjN8LwgZironmB8"),
        "22": (50_818_468, "SQ.7B7SHsmchAR0dFcDCuSFjJAo7tX87krQ"),
        "X": (156_040_895, "SQ.w0WZEvgJF0zf_P4yyTzjjv9oW1z61HHP"),
        "Y": (57_227_415, "SQ.8_liLu1aycC0tPQPFmUaGXJLDs5SbPZ5"),
        "MT": (16_569, "SQ.k3grVkjY-hoWcCUojHw6VU6GE3MZ8Sct"),
    },
    "GRCh37": {
        "1": (249_250_621, "SQ.S_KjnFVz-FE7M0W6yoaUDgYxLPc1jyWU"),
        "2": (243_199_373, "SQ.9KdcA9ZpY1Cpvxvg8bMSLYDUpsX6GDLO"),
        "3": (198_022_430, "SQ.VNBualIltAyi2AI_uXcKU7M9XUOuA7MS"),
        "4": (191_154_276, "SQ.iy7Zfceb5_VGtTQzJ-v5JpPbpeifHD_V"),
        "5": (180_915_260, "SQ.vbjOdMfHJvTjK_nqvFvpaSKhZillW0SX"),
        "6": (171_115_067, "SQ.KqaUhJMW3CDjhoVtBetdEKT1n6hM-7Ek"),
        "7": (159_138_663, "SQ.IW78mgV5Cqf6M24hy52hPjyyo5tCCd86"),
        "8": (146_364_022, "SQ.tTm7wmhz0G4lpt8wPspcNkAD_qiminj6"),
        "9": (141_213_431, "SQ.HBckYGQ4wYG9APHLpjoQ9UUe9v7NxExt"),
        "10": (135_534_747, "SQ.-BOZ8Esn8J88qDwNiSEwUr5425UXdiGX"),
        "11": (135_006_516, "SQ.XXi2_O1ly-CCOi3HP5TypAw7LtC6niFG"),
        "12": (133_851_895, "SQ.105bBysLoDFQHhajooTAUyUkNiZ8LJEH"),
        "13": (115_169_878, "SQ.Ewb9qlgTqN6e_XQiRVYpoUfZJHXeiUfH"),
        "14": (107_349_540, "SQ.5Ji6FGEKfejK1U6BMScqrdKJK8GqmIGf"),
        "15": (102_531_392, "SQ.zIMZb3Ft7RdWa5XYq0PxIlezLY2ccCgt"),
        "16": (90_354_753, "SQ.W6wLoIFOn4G7cjopxPxYNk2lcEqhLQFb"),
        "17": (81_195_210, "SQ.AjWXsI7AkTK35XW9pgd3UbjpC3MAevlz"),
        "18": (78_077_248, "SQ.BTj4BDaaHYoPhD3oY2GdwC_l0uqZ92UD"),
        "19": (59_128_983, "SQ.ItRDD47aMoioDCNW_occY5fWKZBKlxCX"),
        "20": (63_025_520, "SQ.iy_UbUrvECxFRX5LPTH_KPojdlT7BKsf"),
        "21": (48_129_895, "SQ.LpTaNW-hwuY_yARP0rtarCnpCQLkgVCg"),
        "22": (51_304_566, "SQ.XOgHwwR3Upfp5sZYk6ZKzvV25a4RBVu8"),
        "X": (155_270_560, "SQ.v7noePfnNpK8ghYXEqZ9NukMXW7YeNsm"),
        "Y": (59_373_566, "SQ.BT7QyW5iXaX_1PSX-msSGYsqRdMKqkj-"),
        "MT": (16_569, "SQ.k3grVkjY-hoWcCUojHw6VU6GE3MZ8Sct"),
    },
}

_MITOCHONDRION = frozenset(("M", "MT"))


def published(assembly: str, name: str) -> tuple[int, str] | None:
    """Length and accession of a contig, in either naming style; None if the table does not have it."""
    bare = name.removeprefix("chr")
    return CANONICAL.get(assembly, {}).get("MT" if bare in _MITOCHONDRION else bare)


def canonical(assembly: str, name: str, length: int) -> str | None:
    """The accession of a contig, in either naming style; None if the table has none of that length."""
    known = published(assembly, name)
    return known[1] if known is not None and known[0] == length else None
