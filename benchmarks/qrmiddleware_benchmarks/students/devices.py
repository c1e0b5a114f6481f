"""Where to measure."""

from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.libraries import library

DEVICES = ("auto", "cpu", "cuda")


def choose_device(wanted: str) -> str:
    """Return ``cpu`` or ``cuda``; ``auto`` takes a GPU where CTranslate2 and torch see one.

    Raises:
        StudentsError: If there is no such device, or no GPU and one was wanted.
    """
    if wanted not in DEVICES:
        message = f"--device {wanted}: one of {', '.join(DEVICES)}"
        raise StudentsError(message)
    if wanted == "cpu":
        return "cpu"
    seen = {
        "CTranslate2": library("ctranslate2").get_cuda_device_count() > 0,
        "torch": bool(library("torch").cuda.is_available()),
    }
    if all(seen.values()):
        return "cuda"
    if wanted == "cuda":
        blind = " and ".join(name for name, sees in seen.items() if not sees)
        message = f"--device cuda: {blind} found no GPU"
        raise StudentsError(message)
    return "cpu"
