"""What can be converted, and what is refused."""

import pytest

from qrmiddleware.distill.exporting.architectures import FAMILIES, REFUSED, family_of, what_can
from qrmiddleware.errors import ConfigError


def test_a_family_is_found_by_its_model_type():
    assert family_of("xlm-roberta", kind="cross_encoder").loader == "XLMRobertaConfig"


@pytest.mark.parametrize("model_type", ["modernbert", "deberta-v2", "electra", "mpnet"])
def test_what_has_no_loader_is_refused_with_what_can_be_converted(model_type):
    with pytest.raises(ConfigError, match="no loader") as refused:
        family_of(model_type)

    assert all(name in str(refused.value) for name in FAMILIES)


def test_what_nobody_knows_is_refused():
    with pytest.raises(ConfigError, match="'mamba' cannot be made a student: it is not known here"):
        family_of("mamba")


def test_a_kind_that_a_family_does_not_have_is_refused_with_those_that_have_it():
    with pytest.raises(ConfigError, match="'qwen3' cannot be made a cross_encoder") as refused:
        family_of("qwen3", kind="cross_encoder")

    assert "bert, roberta, xlm-roberta, camembert, distilbert" in str(refused.value)


def test_the_table_is_whole():
    assert not FAMILIES.keys() & REFUSED.keys()
    assert all(
        (family.head is None) == (family.kinds == ("generator",)) for family in FAMILIES.values()
    )
    assert "gpt2" in what_can("generator")
    assert "gpt2" not in what_can("bi_encoder")
