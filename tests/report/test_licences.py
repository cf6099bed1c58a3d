"""What licences allow: those of the built-in models, and those that users' models may have."""

import pytest

from posemark.models import all_models
from posemark.report.licences import classify, of_row
from report_rows import row


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("MIT", "permissive"),
        ("MIT License", "permissive"),
        ("Apache-2.0 (upstream PaddleDetection)", "permissive"),
        ("BSD-3-Clause", "permissive"),
        ("0BSD", "permissive"),
        ("ISC", "permissive"),
        ("CC BY 4.0", "permissive"),
        ("CC-BY-4.0", "permissive"),
        ("CC0-1.0", "permissive"),
        ("CMU non-commercial", "non-commercial"),
        ("CC-BY-NC-4.0", "non-commercial"),
        ("CC BY-NC-SA 4.0", "non-commercial"),
        ("PolyForm Noncommercial 1.0.0", "non-commercial"),
        ("for academic use", "non-commercial"),
        ("MIT, for research purposes only", "non-commercial"),
        ("Apache-2.0 with Commons Clause", "non-commercial"),
        ("GPL-3.0-only", "copyleft"),
        ("AGPL-3.0", "copyleft"),
        ("LGPL-2.1-or-later", "copyleft"),
        ("GNU General Public License v3", "copyleft"),
        ("MPL-2.0", "copyleft"),
        ("CC-BY-SA-4.0", "copyleft"),
        ("CC-BY-ND-4.0", "unknown"),
        ("custom", "unknown"),
        ("permitted", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        ("GPL-2.0-only OR MIT", "permissive"),
        ("GPL-2.0-only AND MIT", "copyleft"),
        ("MIT AND custom", "unknown"),
        ("CC-BY-NC-4.0 OR GPL-3.0", "copyleft"),
    ],
)
def test_kinds_of_licences(text, kind):
    assert classify(text) == kind


def test_every_model_has_code_under_a_known_licence():
    kinds = {spec.name: classify(spec.licence) for spec in all_models().values()}
    assert "unknown" not in kinds.values()
    not_free = {name for name, kind in kinds.items() if kind != "permissive"}
    assert not_free == {name for name in kinds if name.startswith("openpose")}


def licence(code, weights, weights_name="official"):
    found = of_row(row(licence=code, weights=weights_name, weights_licence=weights))
    return found.kind, found.why


def test_the_less_free_of_code_and_weights_decides_and_is_named():
    assert licence("MIT", "Apache-2.0") == (
        "permissive",
        "code licence MIT, weights licence Apache-2.0",
    )
    assert licence("MIT", "CC-BY-NC-4.0") == (
        "non-commercial",
        "weights licence CC-BY-NC-4.0 forbids commercial use",
    )
    assert licence("GPL-3.0", "MIT") == (
        "copyleft",
        "code licence GPL-3.0 is copyleft: commercial use comes with obligations",
    )
    assert licence("GPL-3.0", "CC-BY-NC-4.0")[1].startswith("weights licence CC-BY-NC-4.0")
    assert licence("MIT", None) == ("unknown", "weights licence unknown: ask its authors")
    assert licence("", "MIT") == ("unknown", "code licence unknown: ask its authors")
    assert licence("MIT", "house rules") == (
        "unknown",
        "weights licence house rules is not one this program knows: read it",
    )


def test_weights_by_formula_have_no_licence_of_their_own():
    assert licence("MIT", None, "none") == (
        "permissive",
        "code licence MIT; weights to be chosen: check their licence",
    )
    assert licence("CMU non-commercial", None, "none") == (
        "non-commercial",
        "code licence CMU non-commercial forbids commercial use",
    )
