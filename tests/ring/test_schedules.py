"""The command that runs the model's schedules says which seed failed, and how to see it again."""

from unittest import mock

from tests.ring import schedules
from tests.ring.model import StaleRead


def failing(*bad):
    """The model, were these seeds to read stale."""

    def run_many(seeds):
        for seed in seeds:
            if seed in bad:
                raise StaleRead(f"G2 seed {seed}")
        return 300 * len(seeds)

    return mock.patch("tests.ring.schedules.run_many", run_many)


def test_the_lowest_failing_seed_ends_a_batch():
    with failing(43, 44):
        reads, (seed, what) = schedules.run_batch(range(40, 50))
    assert (reads, seed) == (900, 43)
    assert "G2 seed 43" in what


def test_a_failing_seed_is_an_exit_code_and_a_command_that_replays_it(capsys):
    with failing(43):
        assert schedules.main(["--seed", "43"]) == 1
    assert "python -m tests.ring.schedules --seed 43" in capsys.readouterr().err


def test_a_piece_of_a_long_run_runs_its_own_seeds(capsys):
    assert schedules.main(["3", "--start", "70"]) == 0
    assert "3 schedules from seed 70" in capsys.readouterr().out
