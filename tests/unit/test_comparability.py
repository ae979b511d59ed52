"""Only like is divided by like, and what differs is said."""

from dataclasses import replace

import pytest

from src.references import Measurement, by_id, judge, load, ratio

STORED = load()

# What a cell of ours must be to stand beside Infinity's CPU figure at 16 tokens, and what it may differ in.
LIKE_INFINITY = Measurement(
    scope="pipeline",
    architecture="MiniLM-L6-H384",
    sequence_length=16,
    batch_size=1,
    device="cpu",
    model="an embedded model",
    hardware="a laptop",
    threads=2,
    year=2026,
    thread_placement="one per physical core",
)


def test_like_is_divided_by_like_and_the_caveats_stay():
    reference = by_id("infinity-cpu-16")
    comparison = judge(reference, LIKE_INFINITY)
    assert comparison.comparable
    assert comparison.blocking == ()
    assert ratio(reference, 1.3, comparison) == pytest.approx(0.5)
    said = " ".join(comparison.caveats)
    for theirs, ours in [
        (reference.hardware, "a laptop"),
        (reference.model, "an embedded model"),
        ("0.5 s", "back to back"),
        ("2 threads", "one per physical core"),
        ("2021", "2026"),
    ]:
        assert theirs in said
        assert ours in said


def test_a_caveat_goes_where_the_difference_goes():
    reference = by_id("infinity-cpu-16")
    same = replace(
        LIKE_INFINITY, hardware=reference.hardware, model=reference.model, year=2021, pace_s=reference.pace_s
    )
    (only,) = judge(reference, same).caveats
    assert only.startswith("Thread placement")  # no published number says in full where its threads ran


def test_another_thread_count_is_a_caveat_that_names_both():
    (said,) = [
        text
        for text in judge(by_id("infinity-cpu-16"), replace(LIKE_INFINITY, threads=8)).caveats
        if text.startswith("Threads")
    ]
    assert "used 2" in said
    assert "measurement 8" in said


def test_what_the_measurement_does_not_know_is_said_not_guessed():
    bare = Measurement(
        scope="pipeline", architecture="MiniLM-L6-H384", sequence_length=16, batch_size=1, device="cpu"
    )
    comparison = judge(by_id("infinity-cpu-16"), bare)
    assert comparison.comparable
    assert len(comparison.caveats) == 5
    assert all("None" not in text for text in comparison.caveats)


@pytest.mark.parametrize(
    ("change", "theirs", "ours"),
    [
        ({"scope": "model"}, "pipeline", "model"),
        ({"architecture": "DistilBERT"}, "MiniLM-L6-H384", "DistilBERT"),
        ({"sequence_length": 128}, "16 tokens", "128 tokens"),
        ({"batch_size": 8}, "1", "8"),
        ({"device": "cuda"}, "cpu", "cuda"),
        ({"statistic": "p95"}, "stated", "p95"),
    ],
)
def test_each_difference_alone_blocks_and_names_both_sides(change, theirs, ours):
    reference = by_id("infinity-cpu-16")
    comparison = judge(reference, replace(LIKE_INFINITY, **change))
    (said,) = comparison.blocking
    assert theirs in said
    assert ours in said
    assert said.endswith(".")
    assert not comparison.comparable
    assert ratio(reference, 1.3, comparison) is None


@pytest.mark.parametrize(
    "unknown",
    [{"scope": ""}, {"architecture": ""}, {"sequence_length": None}, {"batch_size": None}, {"device": ""}],
)
def test_what_the_reference_does_not_say_blocks_too(unknown):
    comparison = judge(replace(by_id("infinity-cpu-16"), **unknown), LIKE_INFINITY)
    (said,) = comparison.blocking
    assert "of the reference is not known" in said
    assert "None" not in said


def test_what_neither_side_says_blocks_too():
    comparison = judge(
        replace(by_id("infinity-cpu-16"), architecture=""), replace(LIKE_INFINITY, architecture="")
    )
    assert not comparison.comparable


def test_a_bare_forward_pass_never_stands_beside_infinity():
    shown = [row for row in STORED if row.engine.startswith("Hugging Face Infinity")]
    assert len(shown) > 20
    for reference in shown:
        measured = replace(
            LIKE_INFINITY,
            scope="model",
            architecture=reference.architecture,
            sequence_length=reference.sequence_length,
            device=reference.device,
        )
        assert not judge(reference, measured).comparable, reference.id


def test_infinity_and_the_writeup_never_share_a_scope():
    ours = replace(LIKE_INFINITY, scope="model")
    writeup = by_id("writeup-onnxruntime-int8-cpu-16-mean")
    assert judge(writeup, ours).comparable
    assert not judge(writeup, LIKE_INFINITY).comparable


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_typical_values_are_one_family(statistic):
    ours = replace(LIKE_INFINITY, statistic=statistic)
    for id in ("infinity-cpu-16", "infinity-cpu-16-frames", "infinity-cpu-16-frames-mean"):
        assert judge(by_id(id), ours).comparable, id
    for id in ("infinity-cpu-16-frames-min", "infinity-cpu-16-frames-max"):
        assert not judge(by_id(id), ours).comparable, id


def test_a_percentile_stands_beside_the_same_percentile_only():
    ours = replace(LIKE_INFINITY, scope="model", statistic="p95")
    assert judge(by_id("writeup-onnxruntime-int8-cpu-16-p95"), ours).comparable
    assert not judge(by_id("writeup-onnxruntime-int8-cpu-16-p90"), ours).comparable
    assert not judge(by_id("writeup-onnxruntime-int8-cpu-16-mean"), ours).comparable


def test_what_is_not_a_latency_is_never_divided_by():
    for reference in (row for row in STORED if row.unit != "ms"):
        measured = replace(LIKE_INFINITY, architecture=reference.architecture or "MiniLM-L6-H384")
        comparison = judge(reference, measured)
        assert not comparison.comparable, reference.id
        assert ratio(reference, 1.0, comparison) is None, reference.id


def test_times_to_launch_work_on_a_gpu_are_never_divided_by():
    """The write-up's harness does not wait for the GPU when it times TorchScript."""
    rows = [row for row in STORED if row.id.startswith("writeup-torchscript") and row.device == "cuda"]
    assert len(rows) == 16
    for row in rows:
        ours = Measurement("model", row.architecture, row.sequence_length, 1, "cuda", row.statistic)
        assert not judge(row, ours).comparable
        assert "without waiting" in row.note


def test_a_paced_run_differs_from_a_source_that_mentions_no_pause():
    paced = replace(LIKE_INFINITY, scope="model", pace_s=0.5)
    said = " ".join(judge(by_id("writeup-onnxruntime-int8-cpu-16-mean"), paced).caveats)
    assert "Pacing" in said
    assert "mentions no pause" in said
    assert "0.5 s" in said
    back_to_back = judge(by_id("writeup-onnxruntime-int8-cpu-16-mean"), replace(paced, pace_s=0.0))
    assert "Pacing" not in " ".join(back_to_back.caveats)


@pytest.mark.parametrize("measurement_ms", [0.0, -1.0, float("nan"), float("inf")])
def test_a_latency_that_is_none_is_refused(measurement_ms):
    reference = by_id("infinity-cpu-16")
    with pytest.raises(ValueError, match="expected a finite number above 0"):
        ratio(reference, measurement_ms, judge(reference, LIKE_INFINITY))
