"""The service under load: throughput and latency at some numbers of clients, and a soak.

python benchmarks/service_load.py RECORDING [--seconds 20] [--soak 20000] [--workers 2]

`--seconds 0` leaves out the load, and `--soak 0` the soak.

Needs `hey` (Debian's package of that name), which sends the requests from this machine. A line of
JSON for each kind of answer; its processor time is that of the service alone. `--stages` instead
tells the processor time of each stage of a request, and of the networks where items are batched.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from record import line, spread

PACKAGES = ("fastapi", "uvicorn", "onnxruntime", "av", "numpy")
CASES = {
    "sheet of 4 faces, PNG": ("/v1/faces", "image/png"),
    "4 faces, JSON": ("/v1/faces", "application/json"),
    "embedding": ("/v1/embedding", "application/json"),
}
CLIENTS = (1, 8, 64)


def started(workers: int) -> tuple[subprocess.Popen, str]:
    """Start the service on a free port; give its process and address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "voice2face", "serve", "--port", "0", "--workers", str(workers)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    port = json.loads(process.stderr.readline())["port"]
    # Its log is read on, into nothing.
    subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
    return process, f"http://127.0.0.1:{port}"


def processes(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += processes(int(child))
    return found


def resident_mib(pid: int) -> float:
    """Memory of a process and of all below it."""
    texts = [Path(f"/proc/{one}/status").read_text() for one in processes(pid)]
    return round(sum(int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) for text in texts) / 1024, 1)


def cpu_s(pid: int) -> float:
    """Processor time of a process and of all below it."""
    texts = [Path(f"/proc/{one}/stat").read_text() for one in processes(pid)]
    ticks = [text.rpartition(")")[2].split()[11:13] for text in texts]
    return sum(int(one) for pair in ticks for one in pair) / os.sysconf("SC_CLK_TCK")


def load(pid: int, url: str, recording: Path, accept: str, *how: str) -> dict[str, Any]:
    """Send requests with `hey`; give throughput, latencies and the count of each status."""
    before_s = cpu_s(pid)
    command = ["hey", *how, "-o", "csv", "-m", "POST", "-T", "audio/flac", "-A", accept]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "-t", "60", "-D", str(recording), url],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.perf_counter() - began
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    times_ms = 1000 * np.array([float(row["response-time"]) for row in rows])
    statuses = [row["status-code"] for row in rows]
    return {
        "requests": len(rows),
        "per_s": round(len(rows) / seconds, 1),
        "cpu_ms_each": round(1000 * (cpu_s(pid) - before_s) / len(rows), 1),
        "p50_ms": round(float(np.percentile(times_ms, 50)), 1),
        "p99_ms": round(float(np.percentile(times_ms, 99)), 1),
        "statuses": {status: statuses.count(status) for status in sorted(set(statuses))},
    }


def soak(url: str, recording: Path, n_requests: int, pid: int) -> dict[str, Any]:
    """Send many requests, and tell the memory of all processes on the way."""
    parts, memory, answered = 10, [], []
    where = (pid, f"{url}/v1/faces?samples=1", recording, "application/json")
    load(*where, "-n", "200", "-c", "8")
    memory.append(resident_mib(pid))
    for _ in range(parts):
        count = ("-n", str(n_requests // parts), "-c", "8")
        answered.append(load(*where, *count))
        memory.append(resident_mib(pid))
    return {
        "requests": sum(one["requests"] for one in answered),
        "not_200": sum(sum(one["statuses"].values()) - one["statuses"]["200"] for one in answered),
        "per_s": spread([one["per_s"] for one in answered], 1),
        "resident_mib": memory,
    }


def cpu_ms(work: Callable[[], object], repeats: int = 30) -> float:
    """Median processor time of this thread."""
    work()
    times = []
    for _ in range(repeats):
        began = time.thread_time()
        work()
        times.append(1000 * (time.thread_time() - began))
    return round(float(np.median(times)), 2)


def stages(recording: Path) -> dict[str, Any]:
    """Tell the processor time of each stage, and of the networks for batches, per item."""
    from voice2face.audio.decode import decode
    from voice2face.audio.front_end import extract
    from voice2face.images.sheet import save_png
    from voice2face.runtime.bundle import Bundle
    from voice2face.runtime.description import DEFAULT_MODEL, find_bundle
    from voice2face.runtime.pipeline import VoiceToFace

    bundle = Bundle(find_bundle(DEFAULT_MODEL))
    model, settings = VoiceToFace(bundle), bundle.description.front_end
    decoded = decode(recording, "recording", settings.sample_rate_hz)
    log_mel, faces = extract(decoded, settings).log_mel, model.generate(recording)
    picture, random = faces.image, np.random.default_rng(0)

    def drawn(n: int) -> float:
        noise = random.standard_normal((n, bundle.description.noise_dim)).astype(np.float32)
        embeddings = np.repeat(faces.embedding[None], n, axis=0)
        return round(cpu_ms(lambda: bundle.draw(embeddings, noise)) / n, 2)

    def embedded(n: int) -> float:
        mels = np.repeat(np.resize(log_mel, (1000, log_mel.shape[1]))[None], n, axis=0)
        return round(cpu_ms(lambda: bundle.embed(mels)) / n, 2)

    return {
        "recording_s": round(decoded.duration_s, 2),
        "decode_ms": cpu_ms(lambda: decode(recording, "recording", settings.sample_rate_hz)),
        "front_end_ms": cpu_ms(lambda: extract(decoded, settings)),
        "speech_ms": cpu_ms(lambda: bundle.speech_logit(log_mel)),
        "sheet_ms": cpu_ms(lambda: faces.image),
        "png_ms": cpu_ms(lambda: save_png(picture, io.BytesIO())),
        "embed_ms_each_in_batches_of": {n: embedded(n) for n in (1, 2, 4, 8, 16)},
        "draw_ms_each_in_batches_of": {n: drawn(n) for n in (1, 4, 8, 16, 32)},
    }


def main() -> None:
    """Measure, and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--soak", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--stages", action="store_true")
    options = parser.parse_args()
    if options.stages:
        print(line("service_stages", PACKAGES, **stages(options.recording)))
        return
    process, url = started(options.workers)
    about = {"workers": options.workers, "recording_bytes": options.recording.stat().st_size}
    try:
        for case, (path, accept) in CASES.items() if options.seconds else ():
            where = (process.pid, url + path, options.recording, accept)
            load(*where, "-n", "50", "-c", "8")
            for_s = f"{options.seconds}s"
            clients = {n: load(*where, "-z", for_s, "-c", str(n)) for n in CLIENTS}
            print(line("service_load", PACKAGES, case=case, **about, clients=clients), flush=True)
        if options.soak:
            told = soak(url, options.recording, options.soak, process.pid)
            print(line("service_soak", PACKAGES, **about, **told), flush=True)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
