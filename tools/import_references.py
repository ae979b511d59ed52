"""Turn a shared folder's reference_numbers.csv into data/references.csv, one row a published number.

    python -m tools.import_references SHARED_FOLDER

SHARED_FOLDER holds references/reference_numbers.csv (or is that references folder). The same input gives
the same bytes. Whatever this script has no words for (a new source, engine, machine, metric) stops it: add a
row to the table that the message names. The result is read back with the project's own loader at the end.
"""

import argparse
import csv
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

from src.references import COLUMNS, DEFAULT, load

Row = dict[str, str]

# source_id: (how its ids begin, what its timer encloses where it gives latencies)
SOURCES = {
    "writeup_demo": ("infinity", "pipeline"),
    "demo_screens_cpu16": ("infinity", "pipeline"),
    "demo_screens_cpu128": ("infinity", "pipeline"),
    "demo_screens_gpu16": ("infinity", "pipeline"),
    "demo_screens_gpu128": ("infinity", "pipeline"),
    "elsrd_demo_claim": ("infinity", "pipeline"),
    "hf_infinity_blog": ("hf-blog", ""),
    "writeup_repo_detail": ("writeup", "model"),
    "elsrd_triton_t4": ("elsrd-2021", "client"),
    "elsrd_engine_t4_2021": ("elsrd-2021", "model"),
    "elsrd_bench_t4_16": ("elsrd-2022", "model"),
    "elsrd_demo_t4_128": ("elsrd-2022", "model"),
    "inc_2021-12-30": ("inc-2021-12", ""),
    "inc_2022-04-30": ("inc-2022-04", ""),
    "inc_2024-03-18": ("inc-2024-03", ""),
    "phil_st_minilm": ("schmid-sentence", "pipeline"),
    "phil_optimum_distil": ("schmid-distilbert", "pipeline"),
    "setfit_intel": ("setfit", "model"),
    "setfit_t4": ("setfit", "pipeline"),
    "sbert_cpu": ("sbert", ""),
    "aws_price_2026-07-20": ("aws", ""),
    "elsrd_price": ("infinity", ""),
    "writeup_price": ("infinity", ""),
}

# The write-up's printed tables repeat the mean of a detailed row (writeup_repo_detail), or misprint it.
TABLES = ("writeup_table_cpu", "writeup_table_gpu")

# engine: (the name shown, its part of an id)
ENGINES = {
    "": ("", ""),
    "HF Infinity (demo, container v1.0rc0-cascade)": (
        "Hugging Face Infinity 1.0rc0 (launch demo)",
        "infinity",
    ),
    "HF Infinity (demo)": ("Hugging Face Infinity (launch demo)", "infinity"),
    "HF Infinity": ("Hugging Face Infinity", "infinity"),
    "HF Infinity vs transformers": ("Hugging Face Infinity", "infinity"),
    "transformers (vanilla)": ("Transformers (PyTorch)", "transformers"),
    "transformers (PyTorch)": ("Transformers (PyTorch)", "transformers"),
    "ONNX Runtime 1.10.0 CPUExecutionProvider": ("ONNX Runtime 1.10.0", "onnxruntime"),
    "ONNX Runtime 1.10.0 CUDAExecutionProvider": ("ONNX Runtime 1.10.0", "onnxruntime"),
    "PyTorch TorchScript 1.9.0+cpu": ("TorchScript 1.9.0", "torchscript-1.9"),
    "PyTorch TorchScript 1.11.0.dev20211003+cpu": ("TorchScript 1.11.0.dev20211003", "torchscript-1.11-dev"),
    "PyTorch TorchScript 1.11.0.dev20211003+cu111": (
        "TorchScript 1.11.0.dev20211003",
        "torchscript-1.11-dev",
    ),
    "ONNX Runtime 1.10.0 (write-up table)": ("ONNX Runtime 1.10.0", "onnxruntime"),
    "ONNX (write-up table)": ("ONNX Runtime 1.10.0", "onnxruntime"),
    "Intel 1.9.0 Torchscript (write-up table)": ("TorchScript 1.9.0", "torchscript-1.9"),
    "1.11-dev Torchscript (write-up table)": ("TorchScript 1.11.0.dev20211003", "torchscript-1.11-dev"),
    "1.11.0.dev20211003+cu111 Torchscript (write-up table)": (
        "TorchScript 1.11.0.dev20211003",
        "torchscript-1.11-dev",
    ),
    "NVIDIA Triton 21.10 (Python tokenizer + ONNX Runtime CUDA, optimized fp16)": (
        "NVIDIA Triton 21.10",
        "triton",
    ),
    "ONNX Runtime TensorrtExecutionProvider": ("ONNX Runtime (TensorRT provider)", "onnxruntime-tensorrt"),
    "ONNX Runtime CUDAExecutionProvider": ("ONNX Runtime", "onnxruntime"),
    "ONNX Runtime CUDAExecutionProvider (optimized)": ("ONNX Runtime (optimised)", "onnxruntime-optimised"),
    "TensorRT": ("TensorRT", "tensorrt"),
    "ONNX Runtime (vanilla)": ("ONNX Runtime", "onnxruntime"),
    "ONNX Runtime (optimized)": ("ONNX Runtime (optimised)", "onnxruntime-optimised"),
    "PyTorch": ("PyTorch", "pytorch"),
    "INC Engine": ("Intel Neural Compressor engine", "inc-engine"),
    "ONNX Runtime qlinearops (static)": ("ONNX Runtime", "onnxruntime"),
    "ONNX Runtime integerops (dynamic)": ("ONNX Runtime", "onnxruntime"),
    "Optimum + ONNX Runtime": ("Optimum, ONNX Runtime", "onnxruntime"),
    "SetFit (PyTorch)": ("SetFit (PyTorch)", "pytorch"),
    "IPEX TorchScript": ("IPEX TorchScript", "ipex"),
    "Optimum Intel + IPEX (INC)": ("Optimum Intel, IPEX", "ipex"),
    "Optimum ONNX Runtime CUDA (O4)": ("Optimum, ONNX Runtime (O4)", "onnxruntime-o4"),
    "ONNX fp32": ("ONNX Runtime", "onnxruntime"),
    "ONNX O1": ("ONNX Runtime (O1)", "onnxruntime-o1"),
    "ONNX O2": ("ONNX Runtime (O2)", "onnxruntime-o2"),
    "ONNX O3": ("ONNX Runtime (O3)", "onnxruntime-o3"),
    "ONNX int8": ("ONNX Runtime", "onnxruntime"),
    "ONNX int8 (avx512_vnni)": ("ONNX Runtime", "onnxruntime"),
    "OpenVINO": ("OpenVINO", "openvino"),
    "OpenVINO int8 static": ("OpenVINO", "openvino"),
}

PRECISIONS = {
    "": "",
    "unknown": "",
    "fp32": "fp32",
    "fp32 (not stated)": "fp32",
    "fp16": "fp16",
    "fp16/mixed": "fp16",
    "bf16": "bf16",
    "int8": "int8",
    "int8 (writeup: QNNX quantized)": "int8",
    "int8 static": "int8 static",
    "int8 static (qlinearops)": "int8 static",
    "int8 dynamic (integerops)": "int8 dynamic",
    "int8 dynamic (avx512_vnni)": "int8 dynamic",
}

# model: (the name shown, the shape of its network)
MODELS = {
    "": ("", ""),
    "philschmid/MiniLM-L6-H384-uncased-sst2": ("philschmid/MiniLM-L6-H384-uncased-sst2", "MiniLM-L6-H384"),
    "sentence-transformers/all-MiniLM-L6-v2": ("sentence-transformers/all-MiniLM-L6-v2", "MiniLM-L6-H384"),
    "DistilBERT": ("DistilBERT", "DistilBERT"),
    "DistilBERT sequence classification": ("DistilBERT", "DistilBERT"),
    "DistilBERT sequence classification (bhadresh-savani/distilbert-base-uncased-emotion hosted demo)": (
        "DistilBERT",
        "DistilBERT",
    ),
    "optimum/distilbert-base-uncased-finetuned-banking77": (
        "optimum/distilbert-base-uncased-finetuned-banking77",
        "DistilBERT",
    ),
    "dkorat/bge-small-en-v1.5_setfit-sst2-english": (
        "dkorat/bge-small-en-v1.5_setfit-sst2-english",
        "BERT-L12-H384",
    ),
    "average of 4 models (incl. all-MiniLM-L6-v2)": ("average of 4 models, all-MiniLM-L6-v2 among them", ""),
    "average of 4 models": ("average of 4 models, all-MiniLM-L6-v2 among them", ""),
}

DEMO_CPU = "AWS EC2 VM, container -cascade; OMP_NUM_THREADS=2, KMP_HW_SUBSET=2c,1t"
DEMO_T4 = (
    "AWS EC2 (g4dn.xlarge per ELS-RD; frame shows 4 cores), Tesla T4; OMP_NUM_THREADS=4, KMP_HW_SUBSET=4c,1t"
)

# hardware: (the name shown, threads where the source states them; cores are not threads)
HARDWARE = {
    "": ("", ""),
    "dual-core Cascade Lake VM": ("Cascade Lake VM, 2 cores", "2"),
    "quad-core Cascade Lake VM + NVIDIA T4": ("Cascade Lake VM, 4 cores, NVIDIA T4", "4"),
    DEMO_CPU: ("AWS EC2 VM, 2 cores, one thread a core", "2"),
    DEMO_T4: ("AWS EC2 VM, 4 cores, one thread a core, NVIDIA T4", "4"),
    "AWS g4dn.xlarge (ELS-RD), T4": ("AWS g4dn.xlarge, NVIDIA T4", "4"),
    "Google Cloud Cascade Lake VM (output.txt header; CPU model not named)": (
        "Google Cloud Cascade Lake VM",
        "2",
    ),
    "NVIDIA A100 (README: 'A100 *NOT* T4')": ("NVIDIA A100", "2"),
    "AWS g4dn (T4)": ("AWS g4dn, NVIDIA T4", ""),
    "Tesla T4 (AWS g4dn)": ("AWS g4dn, NVIDIA T4", ""),
    "Tesla T4": ("NVIDIA T4", ""),
    "Tesla T4 (Google Colab)": ("Google Colab, NVIDIA T4", ""),
    "Intel Xeon Platinum 8380 (Ice Lake)": (
        "Intel Xeon Platinum 8380 (Ice Lake), 10 instances of 4 cores",
        "",
    ),
    "Intel Xeon Platinum 8480+ (Sapphire Rapids)": (
        "Intel Xeon Platinum 8480+ (Sapphire Rapids), 14 instances of 4 cores",
        "",
    ),
    "AWS c6i.xlarge (Ice Lake)": ("AWS c6i.xlarge (Ice Lake), 4 vCPU", ""),
    "Intel Xeon 8580 (5th gen)": ("Intel Xeon 8580 (Emerald Rapids), 60 cores", ""),
    "'i7-17300K' CPU (sic)": ("Intel “i7-17300K” (sic)", ""),
}

# metric: (statistic, what tells its id from a like one)
METRICS = {
    "latency_stated": ("stated", ""),
    "latency_mean": ("mean", ""),
    "latency_median": ("median", ""),
    "latency_min": ("min", ""),
    "latency_max": ("max", ""),
    "latency_p90": ("p90", ""),
    "latency_p95": ("p95", ""),
    "latency_p99": ("p99", ""),
    "throughput": ("throughput", ""),
    "throughput_all_instances": ("throughput", "sum"),
    "improvement_as_printed": ("speedup", ""),
    "speedup_vs_torch_fp32_all": ("speedup", ""),
    "speedup_vs_torch_fp32_stsb_short": ("speedup", "short"),
    "max_gain_vs_cascade_lake_claim": ("claim", "vs-cascade-lake"),
    "max_gain_vs_vanilla_claim": ("claim", "vs-transformers"),
    "experiments": ("count", "experiments"),
    "accuracy_sst2_validation": ("accuracy", ""),
    "accuracy_sst2": ("accuracy", ""),
    "quality_retained": ("quality", ""),
    "price_on_demand_linux": ("price", ""),
    "license_price_floor": ("price", ""),
    "license_price": ("price", ""),
}

# unit: (the project's unit, factor)
UNITS = {
    "ms": ("ms", None),
    "req/s": ("1/s", None),
    "samples/s": ("1/s", None),
    "x": ("ratio", None),
    "%": ("fraction", Decimal("0.01")),
    "count": ("count", None),
    "USD/hour": ("USD/h", None),
    "USD/year": ("USD/year", None),
    "USD/cpu/year": ("USD/cpu/year", None),
}

LENGTHS = {
    "16 (sentence text)": "16",
    "128 (optimal of --seq-len 16 128 128)": "128",
    "unknown": "",
    "mixed": "",
    "8-512": "",
    "~39 characters": "",
    "short (one 12-word sentence)": "",
}
# What must be known beside a number, by source or by (source, metric), where a constant says it.
NOTES: dict[str | tuple[str, str], str] = {
    ("hf_infinity_blog", "throughput"): (
        "Requests a second, end to end (tokenise, predict, post-process); the latencies are only in an "
        "image. Instance size not stated."
    ),
    ("hf_infinity_blog", "max_gain_vs_cascade_lake_claim"): (
        "Claimed: up to this much better than Cascade Lake, over all 192 set-ups."
    ),
    ("hf_infinity_blog", "max_gain_vs_vanilla_claim"): (
        "Claimed: up to this much against plain Transformers; the printed table ends at 506 %, "
        "itself a ratio."
    ),
    ("hf_infinity_blog", "experiments"): (
        "Set-ups measured: 4 core counts, 8 lengths, 6 batch sizes. Few of them are in the text."
    ),
    "elsrd_triton_t4": (
        "A whole HTTP request on the same machine, timed by the client, tokenizer included; 10,000 warm-up "
        "and 100 timed requests back to back. First described as optimised ONNX Runtime; a later edition "
        "calls the same log TensorRT."
    ),
    "elsrd_engine_t4_2021": "The engine alone, without tokenizer, on a text of 16 tokens.",
    "elsrd_bench_t4_16": "The engine alone, without tokenizer; 1000 timed calls by default.",
    "elsrd_demo_t4_128": (
        "The engine alone, without tokenizer; 128 tokens is inferred from the code's default."
    ),
    "inc_2021-12-30": "Length from the table's header.",
    "inc_2022-04-30": "Length as in the earlier table, not restated.",
    "inc_2024-03-18": "Length not stated.",
    "phil_st_minilm": (
        "Tokenizer, model and pooling; 10 warm-up and 300 timed calls. Taken from the notebook's text: the "
        "output of the cell is not kept."
    ),
    "phil_optimum_distil": "Transformers pipeline, text in and label out.",
    ("setfit_intel", "latency_mean"): (
        "Random token ids at full length through encoder, pooling and head; no tokenizer."
    ),
    ("setfit_intel", "accuracy_sst2"): "On SST-2's validation set, as the notebook splits it.",
    "setfit_t4": (
        "One sentence of 12 words, text in and label out; 10 warm-up and 100 timed calls. Token count not "
        "stated."
    ),
    ("sbert_cpu", "speedup_vs_torch_fp32_all"): (
        "Against PyTorch fp32, read off a chart; batches of 2 to 256, several data sets; measured between "
        "2024-10-10 and 2024-11-01."
    ),
    ("sbert_cpu", "speedup_vs_torch_fp32_stsb_short"): (
        "Against PyTorch fp32, from a chart and text; short texts of about 39 characters, batches of 2 to "
        "256; measured between 2024-10-10 and 2024-11-01."
    ),
    ("sbert_cpu", "quality_retained"): (
        "Share of PyTorch fp32's score; measured between 2024-10-10 and 2024-11-01."
    ),
    "aws_price_2026-07-20": (
        "On-demand Linux in us-east-1 on the date the table was generated. The vCPU count follows from the "
        "instance's name; on Intel a .large is one physical core, two cores need an .xlarge."
    ),
    "elsrd_price": (
        "At least this much for one model on one machine, as told by who presented the demo; second-hand. "
        "Infinity was discontinued by December 2022."
    ),
    "writeup_price": (
        "Per CPU, in the write-up only; ELS-RD says one model on one machine. No price page was found."
    ),
}

DEMO_PACE_S = "0.5"  # the demo's client slept half a second between requests


def table(name: str, rows: dict, key: str):
    """Return rows[key], or stop and say which table of this script lacks the key."""
    if key not in rows:
        raise SystemExit(f"No row for “{key}” in {name} of {Path(__file__).name}; add one and run again.")
    return rows[key]


def is_demo(source: Row) -> bool:
    return source["source_id"].startswith(("writeup_demo", "demo_screens", "elsrd_demo_claim"))


def timed_launch_only(source: Row) -> bool:
    """The write-up's harness does not wait for the GPU when it times TorchScript."""
    return source["source_id"] == "writeup_repo_detail" and "without torch.cuda.synchronize" in source["note"]


def same_cell(source: Row) -> tuple[str, ...]:
    """What a printed table cell and the detailed row behind it have in common."""
    engine = table("ENGINES", ENGINES, source["engine"])[1]
    return engine, source["precision"], source["device"], source["seq_len"]


def base_id(source: Row) -> str:
    """Return the row's id before a counter tells equal ones apart."""
    begin = table("SOURCES", SOURCES, source["source_id"])[0]
    statistic, variant = table("METRICS", METRICS, source["metric"])
    length = LENGTHS.get(source["seq_len"], source["seq_len"])
    if is_demo(source):
        kind = {"writeup_demo": "", "elsrd_demo_claim": "elsrd"}.get(source["source_id"], "frames")
        last = statistic if kind == "frames" and statistic != "median" else ""
        parts = [begin, {"cpu": "cpu", "cuda": "t4"}[source["device"]], length, kind, last]
    elif source["source_id"] in ("elsrd_price", "writeup_price"):
        parts = [begin, "price", "per-year" if source["unit"] == "USD/year" else "per-cpu-year"]
    elif source["metric"] == "price_on_demand_linux":
        parts = [begin, source["hardware"].replace(".", "-"), "price"]
    else:
        engine = table("ENGINES", ENGINES, source["engine"])[1]
        precision = table("PRECISIONS", PRECISIONS, source["precision"]).replace(" ", "-")
        parts = [begin, engine, precision, source["device"], length, variant, statistic]
    return "-".join(filter(None, parts))


def value_and_unit(source: Row) -> tuple[str, str]:
    """Return the number as printed (or scaled exactly) and its unit in the project's words."""
    unit, factor = table("UNITS", UNITS, source["unit"])
    if source["metric"] == "improvement_as_printed":
        unit = "ratio"  # "+506 %" is 248 / 49 = 5.06, a ratio
    if factor is None:
        return source["value"], unit
    return format((Decimal(source["value"]) * factor).normalize(), "f"), unit


def hardware_and_threads(source: Row) -> tuple[str, str]:
    if source["metric"] == "price_on_demand_linux":
        return f"AWS {source['hardware']}, {source['cores_or_threads']}", ""
    if source["source_id"] == "hf_infinity_blog":
        return f"AWS EC2 C6i (Ice Lake), {source['cores_or_threads']}", ""
    return table("HARDWARE", HARDWARE, source["hardware"])


def frames(sources: list[Row], device: str, length: str) -> tuple[str, str]:
    """Return (median in ms, number of readings) of the demo's video frames."""
    for source in sources:
        wanted = source["source_id"].startswith("demo_screens") and source["metric"] == "latency_median"
        if wanted and source["device"] == device and source["seq_len"] == length:
            return source["value"], readings(source)
    raise SystemExit(f"No frame readings for {device} at {length} tokens.")


def readings(source: Row) -> str:
    found = re.search(r"computed from (\d+) ", source["note"])
    if not found:
        raise SystemExit(f"The note of {source['source_id']} no longer says how many readings it has.")
    return found[1]


def demo_note(source: Row, sources: list[Row]) -> str:
    if source["source_id"].startswith("demo_screens"):
        statistic = METRICS[source["metric"]][0].capitalize()
        return (
            f"{statistic} of {readings(source)} server-side times (response header x-compute-time) read off "
            "frames of the launch video; computed from those readings, not published. One warm-up, then one "
            "request each half second. That the header covers tokenising rests on Hugging Face's 2022 post "
            "about the header of that name."
        )
    if source["source_id"] == "elsrd_demo_claim":
        more = " Their text says 2.5 ms, an earlier draft 2.7, their own labelled frame 2.6."
        return "ELS-RD's reading of the launch demo." + (more if source["seq_len"] == "128" else "")
    median, count = frames(sources, source["device"], source["seq_len"])
    verdict = "reads lower" if Decimal(median) < Decimal(source["value"]) - Decimal("0.05") else "agrees"
    quantised = " The write-up calls the model quantised." if source["precision"].startswith("int8") else ""
    return (
        "As the write-up states it, from the launch demo of 2021-09-28: the server's own time for the whole "
        f"pipeline, one request each half second. The video {verdict}: median {median} ms of {count} "
        f"readings.{quantised}"
    )


def writeup_note(source: Row, printed: Row | None) -> str:
    """`printed`: the cell of the write-up's table that shows this very row, if any."""
    run = re.search(r"run 2021-10-04 (\d\d:\d\d):\d\d; test_times=(\d+)", source["note"])
    if not run:
        raise SystemExit("A note of writeup_repo_detail no longer names its run.")
    engine = ENGINES[source["engine"]][1]
    said = [
        f"Run of {run[1]}, {run[2]} calls back to back.",
        "Bare forward pass: random token ids only, no attention mask, no classifier, no tokenizer.",
    ]
    if source["device"] == "cpu":
        said.append("The CPU's name, and whether a thread had a whole core, are not stated.")
    if engine == "torchscript-1.9":
        said.append("The write-up's column “Intel 1.9.0 Torchscript”; its harness never imports IPEX,")
        said.append("so this is torch 1.9.0+cpu's own TorchScript.")
    if engine == "onnxruntime":
        said.append("I/O binding, fused graph.")
    if engine == "onnxruntime" and source["device"] == "cpu":
        said.append("The harness asks for the plain CPU provider, so oneDNN probably did not run.")
    if timed_launch_only(source):
        said.append("Timed without waiting for the GPU, so it is the time to launch the work:")
        said.append("the scope is left unknown.")
    if printed is not None and Decimal(printed["value"]) == Decimal(source["value"]):
        said.append("Printed in the write-up's table.")
    elif printed is not None:
        said.append(f"The write-up's table has two cells swapped and prints {printed['value']} here;")
        said.append("its result.csv, whose value this is, is right.")
    return " ".join(said)


def inc_note(source: Row) -> str:
    if source["metric"] == "accuracy_sst2_validation":
        exact = " 786 of 872 sentences; the model's own accuracy." if source["precision"] == "fp32" else ""
        return f"On SST-2's validation set.{exact}"
    beside = ""
    if source["precision"] == "fp32" and source["engine"].startswith("ONNX Runtime"):
        kind = "static" if "static" in source["engine"] else "dynamic"
        beside = f" The fp32 row beside {kind} quantisation."
    length = table("NOTES", NOTES, source["source_id"])
    return f"Summed over all instances of one socket, so not a latency turned round. {length}{beside}"


def note(source: Row, sources: list[Row], printed: Row | None) -> str:
    """Return what must be known beside the number, in the project's own words."""
    origin, metric = source["source_id"], source["metric"]
    if is_demo(source):
        return demo_note(source, sources)
    if origin == "writeup_repo_detail":
        return writeup_note(source, printed)
    if origin.startswith("inc_"):
        return inc_note(source)
    if metric == "improvement_as_printed":
        return (
            f"Printed as +{source['value']} %, but it is Infinity's throughput divided by that of plain "
            "Transformers."
        )
    return NOTES.get((origin, metric)) or table("NOTES", NOTES, origin)


def remark(source: Row) -> str:
    """Return what sets this row apart from the others of its source, if anything."""
    if source["precision"] == "fp16/mixed":
        return "Mixed precision."
    if source["precision"] == "fp32 (not stated)":
        return "Precision not stated; fp32 is the default."
    if source["source_id"] == "hf_infinity_blog" and source["metric"] == "throughput":
        return "The public test endpoint served bhadresh-savani/distilbert-base-uncased-emotion."
    if source["source_id"] == "elsrd_triton_t4":
        long = "The text is not the demo's."
        return "The text differs from the demo's by hyphens." if source["seq_len"] == "16" else long
    if source["source_id"] == "phil_optimum_distil" and source["precision"].startswith("int8"):
        return "Keeps 99.72 % of the fp32 accuracy."
    return ""


def reference(source: Row, sources: list[Row], printed: Row | None) -> Row:
    """Return one row of data/references.csv; its id is still without a counter."""
    value, unit = value_and_unit(source)
    hardware, threads = hardware_and_threads(source)
    model, architecture = table("MODELS", MODELS, source["model"])
    scope = table("SOURCES", SOURCES, source["source_id"])[1]
    if unit != "ms" or timed_launch_only(source):
        scope = ""
    if scope and (scope == "model") != (source["includes_tokenization"] == "no"):
        raise SystemExit(f"{source['source_id']}: scope {scope}, but it says otherwise of tokenization.")
    return {
        "id": base_id(source),
        "source": source["source_title"],
        "url": source["source_url"],
        "published": source["published"].split(" to ")[-1],
        "engine": table("ENGINES", ENGINES, source["engine"])[0],
        "precision": table("PRECISIONS", PRECISIONS, source["precision"]),
        "model": model,
        "architecture": architecture,
        "hardware": hardware,
        "threads": threads,
        "device": source["device"],
        "batch_size": source["batch"] if source["batch"].isdigit() else "",
        "sequence_length": LENGTHS.get(source["seq_len"], source["seq_len"]),
        "scope": scope,
        "statistic": table("METRICS", METRICS, source["metric"])[0],
        "value": value,
        "unit": unit,
        "pace_s": DEMO_PACE_S if is_demo(source) else "",
        "derived": "yes" if source["source_id"].startswith("demo_screens") else "no",
        "note": " ".join(filter(None, (note(source, sources, printed), remark(source)))),
    }


def convert(sources: list[Row]) -> tuple[list[Row], Counter[str]]:
    """Return the kept rows in the source's order, and how many were skipped for which reason."""
    cells = {same_cell(source): source for source in sources if source["source_id"] in TABLES}
    rows: list[Row] = []
    skipped: Counter[str] = Counter()
    used: Counter[str] = Counter()
    means: dict[tuple[str, ...], str] = {}
    for source in sources:
        if source["source_id"] in TABLES:
            continue
        printed: Row | None = None
        if source["source_id"] == "writeup_repo_detail" and source["metric"] == "latency_mean":
            cell = same_cell(source)
            if cell not in means:  # the tables show the first run of each engine, not its repeat
                means[cell] = source["value"]
                printed = cells.get(cell)
        row = reference(source, sources, printed)
        used[row["id"]] += 1
        if used[row["id"]] > 1:
            row["id"] += f"-{used[row['id']]}"
        rows.append(row)
    for cell, source in cells.items():
        if cell not in means:
            raise SystemExit(f"The printed table cell {cell} has no detailed row behind it.")
        same = Decimal(means[cell]) == Decimal(source["value"])
        skipped[
            "printed table repeats a detailed row" if same else "printed table misprints a detailed row"
        ] += 1
    return rows, skipped


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="SHARED_FOLDER")
    folder = parser.parse_args().folder
    inner = folder / "references"
    with ((inner if inner.is_dir() else folder) / "reference_numbers.csv").open(
        encoding="utf-8", newline=""
    ) as file:
        sources = list(csv.DictReader(file))
    rows, skipped = convert(sources)
    with DEFAULT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"read {len(sources)}, kept {len(load())}, skipped {sum(skipped.values())}")
    for reason, count in sorted(skipped.items()):
        print(f"  {count:3} {reason}")


if __name__ == "__main__":
    main()
