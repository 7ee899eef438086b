#!/bin/bash
# Everything that needs a GPU, in one call on a bare machine without a network.
#
#   bash perf/accelerator.sh pack       here: wheels and shared libraries that the machine lacks, into .accelerator/
#   bash perf/accelerator.sh            there: all parts, within MOST_S seconds (540)
#   SIZE=small bash perf/accelerator.sh a trial on a CPU
#
# PARTS: numerics resume bench train. Results go to OUT (results/accelerator); COMMIT names the code that ran.
set -u
cd "$(dirname "$0")/.."
PARTS=${PARTS:-numerics resume bench train} SIZE=${SIZE:-full} MOST_S=${MOST_S:-540} OUT=${OUT:-results/accelerator}
END=$(($(date +%s) + MOST_S))
left() { echo $((END - $(date +%s))); }

pack() {
    local wheels=(cairocffi cffi pycparser cairosvg cssselect2 tinycss2 defusedxml webencodings ml_collections grain array_record
        portpicker google_crc32c)
    rm -rf .accelerator && mkdir -p .accelerator/lib
    "${PYTHON:-.venv/bin/python}" -m pip download -qq --no-deps --only-binary=:all: --python-version 3.12 \
        --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
        --platform manylinux_2_17_x86_64 --platform manylinux_2_27_x86_64 -d .accelerator "${wheels[@]}"
    local cairo
    cairo=$(ldconfig -p | awk '/libcairo\.so\.2/ {print $NF; exit}')
    { echo "$cairo"; ldd "$cairo" | awk '/=> \// {print $3}' | grep -vE '/lib(c|m|pthread|dl)\.so'; } \
        | xargs -I{} cp -L {} .accelerator/lib/
    du -sh .accelerator
}

if [ "${1:-}" = pack ]; then pack; exit; fi

mkdir -p "$OUT"
PY=${PYTHON:-python3}
if [ -d .accelerator ] && [ "$SIZE" = full ]; then
    site=$(mktemp -d)
    $PY -m pip install -q --no-index --no-deps --no-compile --target "$site" .accelerator/*.whl || exit 1
    # The machine's own packages come first: what was carried only fills the gaps.
    $PY - "$site" <<'P'
import importlib.metadata, pathlib, shutil, sys
site = pathlib.Path(sys.argv[1])
for info in sorted(site.glob("*.dist-info")):
    name = info.name.split("-")[0]
    try:
        print(name, "is here:", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        continue
    for file in importlib.metadata.PathDistribution(info).files or ():
        (site / file).unlink(missing_ok=True)
    shutil.rmtree(info, ignore_errors=True)
P
    export PYTHONPATH=$site:$PWD LD_LIBRARY_PATH=$PWD/.accelerator/lib:${LD_LIBRARY_PATH:-}
else
    export PYTHONPATH=$PWD
fi
export JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-/tmp/mmgeo_xla} PYTHONUNBUFFERED=1 TF_CPP_MIN_LOG_LEVEL=2

{
    echo "commit ${COMMIT:-unknown}"
    nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>/dev/null
    $PY -c 'import jax, flax, sys; print("python", sys.version.split()[0], "jax", jax.__version__, "flax", flax.__version__, jax.devices())'
    $PY -c 'import torch, transformers; print("torch", torch.__version__, "transformers", transformers.__version__)' 2>/dev/null
} | tee "$OUT/machine.txt"
# What is missing is found before anything is spent.
$PY -c 'import cairocffi, perf.bench, perf.numerics, mmgeo_jax.train.clip, mmgeo_jax.evals.clip, mmgeo_jax.report.clip, data_gen.build' \
    || exit 1

if [ "$SIZE" = small ]; then
    DATA=(--spec=configs/data_tiny.py --spec.families.train=64 --spec.families.val=16 --spec.families.test=16)
    SHAPES=${SHAPES:-quick_start} ROUNDS=1
    TRAIN="--config=configs/clip_tiny.py --config.train.eval_families=16 --config.tokenizer.train_families=64"
    RESUMED=30
    RATE=0.5 # steps a second, for the number of steps that fit into the minutes left
else
    DATA=(--spec=configs/data_composed.py --spec.families.train=24000 --spec.families.val=500 --spec.families.test=1000)
    SHAPES=${SHAPES:-b16_224,so400m_378,quick_start} ROUNDS=3
    TRAIN="--config=configs/clip_small.py --config.data.workers=8"
    RESUMED=300
    RATE=7
fi

part() { # part NAME SECONDS COMMAND...: runs a part, at most so long, and notes how it ended
    local name=$1 most=$2 began; shift 2
    began=$(date +%s)
    [ "$most" -gt "$(left)" ] && most=$(left)
    echo "== $name (at most $most s)"
    timeout -k 5 "$most" "$@" >"$OUT/$name.txt" 2>&1
    echo "$name: status $?, $(($(date +%s) - began)) s" | tee -a "$OUT/parts.txt"
    tail -n "${LINES_SHOWN:-25}" "$OUT/$name.txt" | cut -c1-220
}

# The data of the training: made on the cores while the GPU does the rest.
data=
case $PARTS in *train* | *resume*)
    # On half of the cores: XLA compiles on the others, and its time is most of a short measurement.
    nice $PY -m mmgeo_jax data "${DATA[@]}" --workers=$((($(nproc) + 1) / 2)) --out=data/accelerator >"$OUT/data.txt" 2>&1 &
    data=$!
esac

resume() { # a run killed at a third and resumed is the whole one, bit for bit
    local run=(--config=configs/clip_tiny.py --config.data.dir=data/resume --config.deterministic=True
        --config.train.steps=$RESUMED --config.train.log_every=5 --config.train.eval_every=$((RESUMED / 2))
        --config.train.checkpoint_every=$((RESUMED / 6))
        --config.train.eval_families=16 --config.tokenizer.train_families=64 --config.workdir=runs/resume)
    rm -rf runs/resume
    $PY -m mmgeo_jax data --spec=configs/data_tiny.py --spec.families.train=96 --spec.families.val=16 \
        --spec.families.test=16 --out=data/resume || return 1
    $PY -m mmgeo_jax train-clip "${run[@]}" --config.name=whole || return 1
    $PY -m mmgeo_jax train-clip "${run[@]}" --config.name=killed &
    local job=$!
    until [ -d runs/resume/killed/checkpoints/$((RESUMED / 3)) ] || ! kill -0 $job 2>/dev/null; do sleep 0.2; done
    kill -9 $job; wait $job
    echo "killed after: $(tail -n 1 runs/resume/killed/metrics.jsonl | cut -c1-60)"
    $PY -m mmgeo_jax train-clip "${run[@]}" --config.name=killed || return 1
    cmp runs/resume/whole/metrics.jsonl runs/resume/killed/metrics.jsonl && echo "resumed bit for bit"
}

train() { # the best small encoder, for the minutes left: evaluation and report need the last 60 s
    local steps
    steps=$(awk -v s="$(left)" -v r="$RATE" 'BEGIN {n = int((s - 90) * r); print (n > 20 ? n : 20)}')
    $PY -m mmgeo_jax train-clip $TRAIN --config.data.dir=data/accelerator --config.workdir=runs/accelerator \
        --config.name=small --config.train.steps="$steps"
    local status=$?
    cp runs/accelerator/small/{metrics.jsonl,timing.jsonl,eval.json,config.json,report.html} "$OUT/" 2>/dev/null
    return $status
}
export -f resume train left; export PY END RATE TRAIN RESUMED OUT

# Neither of these is timed, so they share the machine.
together=()
for name in $PARTS; do
    case $name in
    numerics) XLA_PYTHON_CLIENT_PREALLOCATE=false part numerics 150 $PY -m perf.numerics & together+=($!) ;;
    resume) XLA_PYTHON_CLIENT_PREALLOCATE=false part resume 150 bash -c resume & together+=($!) ;;
    bench | train) ;;
    *) echo "no part is called $name" >&2; exit 2 ;;
    esac
done
[ ${#together[@]} -gt 0 ] && wait "${together[@]}"
case $PARTS in *bench*) part bench "${BENCH_S:-250}" $PY -m perf.bench --shapes=$SHAPES --rounds=$ROUNDS --out="$OUT/bench.json" ;; esac
case $PARTS in *train*)
    [ -n "$data" ] && wait "$data"
    part train 540 bash -c train ;;
esac
[ -n "$data" ] && kill "$data" 2>/dev/null
cat "$OUT/parts.txt"
