def test_every_kind_of_teacher_has_a_command(qrm):
    ran = qrm("label", "--help")

    assert ran.code == 0
    for name in ("llm", "classifier", "student", "judgments"):
        assert name in ran.out


def test_help_shows_examples(qrm):
    ran = qrm("label", "llm", "--help")

    assert "qrm label llm pairs.jsonl --endpoint http://localhost:8000/v1" in ran.out
