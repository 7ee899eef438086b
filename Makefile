# mmgeo-jax: everything a user types. `make` alone lists the targets.

SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
JAX_SERVES = from importlib.metadata import version; import sys; \
	sys.exit(not (0, 10) <= tuple(map(int, version("jax").split(".")[:2])) < (0, 13))

VENV = .venv
PYTHON = $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
# Which JAX to install: cpu, gpu (NVIDIA), tpu (known by its numbers on the PCI bus), or colab, whose own is kept.
SYSTEM =
TPU = v00001AE0d000000(27|5E|62|63|6F|76)
MACHINE := $(shell if [ "$$COLAB_RELEASE_TAG" ] && $(PYTHON) -c '$(JAX_SERVES)' 2>/dev/null; then echo colab; \
	elif [ "$$TPU_ACCELERATOR_TYPE" ] || grep -qsE '$(TPU)' $(SYSTEM)/sys/bus/pci/devices/*/modalias; then echo tpu; \
	elif ls $(SYSTEM)/dev/nvidia0 $(SYSTEM)/dev/nvidiactl $(SYSTEM)/dev/dxg 2>/dev/null | grep -q .; then echo gpu; \
	else echo cpu; fi)
SPEC = configs/data_tiny.py
OUT = data/$(patsubst data_%,%,$(basename $(notdir $(SPEC))))
CONFIG = configs/clip_tiny.py
DIR = data/tiny
REAL =
NAME =
DEVICES = 8
RUN =
CHECKPOINT =
FORMAT = hf
IMAGE =
QUESTION =
ROOT =
ARGS =

COLAB := $(filter colab,$(MACHINE))
EXTRAS := $(filter gpu tpu,$(MACHINE))
PY := $(if $(COLAB),$(PYTHON),$(VENV)/bin/python)
PIP := $(PY) -m pip install --disable-pip-version-check
PINS := $(if $(COLAB),$$($(PY) -m pip list --format=freeze | grep -E '^jax(lib)?=='),-c requirements.lock)
REAL_OUT := data/formalgeo7k
# Without SPEC the configuration says which data to read.
TRAIN_ARGS = $(strip $(if $(filter file,$(origin SPEC)),,--config.data.dir=$(OUT)) \
	$(if $(REAL),--config.data.real_dir=$(REAL_OUT)) $(if $(NAME),--config.name=$(NAME)) $(ARGS))
LMM_SPEC = $(if $(filter file,$(origin SPEC)),configs/data_problems_tiny.py,$(SPEC))
LMM_OUT = data/$(patsubst data_%,%,$(basename $(notdir $(LMM_SPEC))))
LMM_ARGS = $(if $(filter file,$(origin SPEC)),,--config.data.dir=$(LMM_OUT)) $(ARGS)
INSTALLED := $(VENV)/.installed-$(MACHINE)
INSTALLED_DEV := $(VENV)/.installed-dev
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo 'sudo ')

.PHONY: help setup cairo data hardset retrieval gallery verify test-beam test-stock test-reference test-gcs train-clip train-lmm solve benchmark compile-report eval export report test lint lock
.DEFAULT_GOAL := help

help: ## this list | make
	@echo "targets and examples (variables and their defaults are at the top of the Makefile):"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\) | \(.*\)/\1|\2|\3/p' $(MAKEFILE_LIST) \
	| awk -F'|' '{ printf "  %-14s %-72s e.g. %s\n", $$1, $$2, $$3 }'

setup: $(INSTALLED) ## .venv with the locked packages and the JAX for this machine, if not there yet | make setup

# The stamp is written last: an interrupted installation is not taken for a whole one.
$(INSTALLED): pyproject.toml requirements.txt requirements.lock
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1)," \
		"but Python 3.11, 3.12 or 3.13 is needed; type: $(SUDO)apt-get install python3.11 python3.11-venv" \
		"(or: uv python install 3.12), then make setup again" >&2; exit 1; }
	@echo "machine: $(MACHINE) (another: make setup MACHINE=cpu, gpu or tpu)"
ifeq ($(COLAB),)
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: $(PYTHON) has no venv module;" \
		"type: $(SUDO)apt-get install $(notdir $(PYTHON))-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
endif
	$(PIP) -e '.$(EXTRAS:%=[%])' $(PINS)
	@mkdir -p $(VENV) && touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(PIP) -e '.[dev]' $(PINS)
	@touch $@

cairo: setup ## libcairo2, the one system package: installs it as root with apt | make cairo
	@$(PY) -c 'import cairocffi' 2>/dev/null \
	|| if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		set -x; apt-get update && apt-get install -y --no-install-recommends libcairo2; \
	else false; fi \
	|| { echo "error: libcairo2 is missing; type: $(SUDO)apt-get install libcairo2" \
		"(macOS: brew install cairo)" >&2; exit 1; }

data: cairo ## diagrams as TFRecords in data/; skips what is done | make data SPEC=configs/data_tiny.py
	$(PY) -m mmgeo_jax data --spec=$(SPEC) --out=$(OUT)
ifneq ($(REAL),)
	$(PY) -m mmgeo_jax data --spec=configs/data_formalgeo.py --spec.root=$(REAL) --out=$(REAL_OUT)
endif

hardset: cairo ## the frozen benchmark in data/hardset, and its version | make hardset
	$(PY) -m mmgeo_jax data --spec=configs/data_hardset.py --out=data/hardset
	$(PY) -m mmgeo_jax hardset --data=data/hardset
ifneq ($(REAL),)
	$(PY) -m mmgeo_jax data --spec=configs/data_redrawn.py --out=data/hardset_redrawn --spec.root=$(REAL) \
		--spec.seed=7000003 --spec.families.train=0 --spec.families.val=500
	$(PY) -m mmgeo_jax hardset --data=data/hardset_redrawn
endif

retrieval: cairo ## similar captions that are false of a picture, as negatives | make retrieval DIR=data/tiny
	$(PY) -m mmgeo_jax retrieval --data=$(DIR) $(ARGS)

gallery: cairo ## a page to leaf through the families of a data set | make gallery DIR=data/tiny
	$(PY) -m mmgeo_jax gallery --data=$(DIR) $(ARGS)

verify: cairo ## a data set against its programs; doubles, leaks | make verify DIR=data/tiny
	$(PY) -m mmgeo_jax verify $(DIR) $(ARGS)

train-clip: data ## data, training, evaluation, report in runs/ | make train-clip ARGS="--config.seed=1"
	$(PY) -m mmgeo_jax train-clip --config=$(CONFIG) $(TRAIN_ARGS)

eval: $(if $(CHECKPOINT),,need-RUN) cairo ## scores of a run, or of any CHECKPOINT on DIR and REAL | make eval CHECKPOINT=siglip DIR=data/hardset
ifneq ($(and $(CHECKPOINT),$(REAL)),)
	$(PY) -m mmgeo_jax data --spec=configs/data_formalgeo.py --spec.root=$(REAL) --out=$(REAL_OUT)
endif
	$(PY) -m mmgeo_jax eval $(if $(CHECKPOINT),--checkpoint=$(CHECKPOINT) --data $(DIR) \
		$(if $(REAL),$(REAL_OUT)),--run=$(RUN)) $(ARGS)

export: need-RUN setup ## a run for transformers, or as big_vision's .npz (FORMAT=npz) | make export RUN=runs/clip_b16 OUT=siglip_b16
	$(PY) -m mmgeo_jax export --run=$(RUN) --format=$(FORMAT) $(if $(filter file,$(origin OUT)),,--out=$(OUT)) $(ARGS)

# Both stages, or that of CONFIG alone; with NAME the first is NAME_align, and ARGS are for both.
train-lmm: cairo ## a multimodal model that solves problems, from runs/clip_tiny | make train-lmm ARGS="--config.seed=1" NAME=lmm_s1
	$(PY) -m mmgeo_jax data --spec=$(LMM_SPEC) --out=$(LMM_OUT)
ifeq ($(origin CONFIG),file)
	$(PY) -m mmgeo_jax train-lmm --config=configs/lmm_align.py $(if $(NAME),--config.name=$(NAME)_align) $(LMM_ARGS)
	$(PY) -m mmgeo_jax train-lmm --config=configs/lmm_tiny.py \
		$(if $(NAME),--config.name=$(NAME) --config.init_from=runs/$(NAME)_align) $(LMM_ARGS)
else
	$(PY) -m mmgeo_jax train-lmm --config=$(CONFIG) $(if $(NAME),--config.name=$(NAME)) $(LMM_ARGS)
endif

solve: need-RUN need-IMAGE setup ## the answer of a run of train-lmm to a QUESTION about an IMAGE | make solve RUN=runs/lmm_tiny IMAGE=a.png QUESTION="Find x."
	@$(PY) -m mmgeo_jax solve --run='$(RUN)' --image='$(IMAGE)' --question='$(subst ','\'',$(QUESTION))' $(ARGS)

benchmark: need-RUN need-ROOT setup ## scores of a run of train-lmm on a public benchmark | make benchmark RUN=runs/lmm_tiny NAME=wemath ROOT=We-Math/data
	$(PY) -m mmgeo_jax benchmark --name=$(NAME) --root=$(ROOT) --run=$(RUN) $(ARGS)

compile-report: setup ## bytes per device and FLOPs of a configuration, without the hardware | make compile-report CONFIG=configs/clip_tiny.py DEVICES=8
	$(PY) -m mmgeo_jax compile-report --config=$(CONFIG) --devices=$(DEVICES) $(ARGS)

report: need-RUN setup ## report.html of a run, again | make report RUN=runs/clip_tiny
	$(PY) -m mmgeo_jax report --run=$(RUN) $(ARGS)

test: $(INSTALLED_DEV) cairo ## the tests | make test ARGS="-k records"
	$(PY) -m pytest -q $(ARGS)

test-beam: .venv-beam/.installed ## the same shards from Apache Beam, in an environment of its own | make test-beam
	.venv-beam/bin/python -m pytest -q tests/data_gen/build/test_beam.py $(ARGS)

test-stock: .venv-stock/.installed ## our shards by TensorFlow's readers, in an environment of its own | make test-stock
	.venv-stock/bin/python -m pytest -q tests/data_gen/records/test_stock_readers.py $(ARGS)

test-reference: .venv-reference/.installed ## published weights and tokenizers against transformers, in an environment of its own | make test-reference
	.venv-reference/bin/python -m pytest -q tests/mmgeo_jax/checkpoints/test_export.py tests/mmgeo_jax/checkpoints/test_weights.py tests/mmgeo_jax/checkpoints/test_gemma_weights.py tests/mmgeo_jax/data/test_tokenizer_files.py $(ARGS)

test-gcs: .venv-fake-gcs/.installed ## gs:// paths against a local stand-in server, in an environment of its own | make test-gcs
	.venv-fake-gcs/bin/python -m pytest -q tests/data_gen/build/test_gcs.py $(ARGS)

.venv-%/.installed: pyproject.toml requirements.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --disable-pip-version-check -e '.[$*,test]'
	@touch $@

lint: $(INSTALLED_DEV) ## ruff and mypy | make lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

lock: setup ## requirements.lock anew, for Python 3.11 to 3.13 | make lock
	$(PIP) 'uv>=0.5,<1'
	$(PY) -m uv pip compile --universal --python-version 3.11 --upgrade --no-emit-index-url \
		--custom-compile-command 'make lock' --extra dev --output-file requirements.lock pyproject.toml

need-%:
	@[ -n '$($*)' ] || { echo "error: $* is not set; type: make $(MAKECMDGOALS) $*=..., as in $(MAKE) help" >&2; exit 1; }
