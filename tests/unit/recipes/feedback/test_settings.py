import pickle
from dataclasses import replace

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.feedback.judges import JudgingStudent, JudgmentsOf, Nobody
from qrmiddleware.recipes.feedback.settings import SystemSettings
from qrmiddleware.testing.shop import write_shop
from qrmiddleware.testing.students import make_student

SETTINGS = SystemSettings(url="http://localhost:9200", index="shop", fields=("title",))


def test_judgments_or_a_student_judge_and_never_both(tmp_path):
    shop, student = write_shop(tmp_path / "shop"), make_student(tmp_path / "student")

    with replace(SETTINGS, judgments=shop).open() as system:
        assert isinstance(system.judge, JudgmentsOf)
        assert system.judge.knows("kettle")
    with replace(SETTINGS, student=student, text_fields=("name", "title")).open() as system:
        assert isinstance(system.judge, JudgingStudent)
        assert system.judge.text_fields == ("name", "title")
    for both in ({"judgments": shop, "student": student}, {}):
        with (
            pytest.raises(ConfigError, match="either --judgments or --student"),
            replace(SETTINGS, **both).open(),
        ):
            pass


def test_where_no_judge_is_needed_nobody_may_judge():
    with replace(SETTINGS, needs_judge=False).open() as system:
        assert isinstance(system.judge, Nobody)


def test_what_users_got_is_read_by_the_judgments_queries(tmp_path):
    shop = write_shop(tmp_path / "shop")
    (tmp_path / "reached.tsv").write_text("query_id\tdoc_id\nq0\tk1\n")
    settings = replace(SETTINGS, judgments=shop, reached=tmp_path / "reached.tsv")

    with settings.open() as system:
        assert system.reached == {"kettle": {"k1"}}


def test_another_process_opens_the_same_system(tmp_path):
    settings = replace(SETTINGS, student=make_student(tmp_path / "student"))

    with settings.open() as here, pickle.loads(pickle.dumps(settings)).open() as there:  # noqa: S301
        assert there.by("engine") == here.by("engine")
