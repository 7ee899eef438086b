# mmgeo-jax: everything a user types. `make` alone lists the targets.

# A user's values are text. Here make stops expanding the dollars in them; `quote` and `split` make shell words of them.
$(foreach each,$(.VARIABLES),$(if $(filter line override,$(lastword $(origin $(each)))),\
	$(eval override $(each) := $$(value $(each)))))

# awk: shell words for the text of an argument. How: `whole` is one word; `stem` is data/x for a spec y/data_x.py; `split`
# cuts at blanks, save within a pair of quotes, which it takes away. No other sign means anything, a backslash neither.
# $(shell) makes one line of several: statements end in semicolons, and \001 stands for the end of a line.
define TO_WORDS
function word(text,   i, c, out) {
	if (text ~ /^[A-Za-z0-9_.,:=\/+@%-]+$$/) return text;
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1);
		out = out (c == "\047" ? "\047\\\047\047" : c == "\001" ? "\047\"$$NEWLINE\"\047" : c);
	}
	return "\047" out "\047";
}
function stem(text) {
	gsub(/.*\//, "", text); sub(/[.][^.]*$$/, "", text); sub(/^data_/, "", text);
	return word("data/" text);
}
function cut(text,   i, c, mark, begun, now, out) {
	for (i = 1; i <= length(text) + 1; i++) {
		c = substr(text, i, 1);
		if (mark == "" && (c == "" || index(" \t\r\001", c))) {
			if (begun) out = out " " word(now);
			begun = 0; now = "";
			continue;
		}
		begun = 1;
		if (c == mark) mark = "";
		else if (mark == "" && (c == "\"" || c == "\047") && index(substr(text, i + 1), c)) mark = c;
		else now = now c;
	}
	return substr(out, 2);
}
BEGIN { how = ARGV[1]; text = ARGV[2]; printf "%s", how == "split" ? cut(text) : how == "stem" ? stem(text) : word(text); }
endef
define NEWLINE


endef
export NEWLINE
END_OF_LINE := $(shell printf '\001')
to_words = $(shell LC_ALL=C awk '$(TO_WORDS)' $1 '$(subst $(NEWLINE),$(END_OF_LINE),$(subst ','\'',$($2)))')
quote = $(call to_words,whole,$1)
split = $(if $($1),$(call to_words,split,$1))
# `--option=VALUE` for a variable that is not empty.
option = $(if $($2),--$1=$(call quote,$2))

SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
JAX_SERVES = from importlib.metadata import version; import sys; \
	sys.exit(not (0, 10) <= tuple(map(int, version("jax").split(".")[:2])) < (0, 13))

VENV = .venv
PYTHON = $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
# Which JAX to install: cpu, gpu (NVIDIA), tpu (known by its numbers on the PCI bus), or colab, whose own is kept.
SYSTEM =
TPU = v00001AE0d000000(27|5E|62|63|6F|76)
system := $(call quote,SYSTEM)
MACHINE := $(shell if [ "$$COLAB_RELEASE_TAG" ] && $(call quote,PYTHON) -c '$(JAX_SERVES)' 2>/dev/null; then echo colab; \
	elif [ "$$TPU_ACCELERATOR_TYPE" ] || grep -qsE '$(TPU)' $(system)/sys/bus/pci/devices/*/modalias; \
	then echo tpu; \
	elif ls $(system)/dev/nvidia0 $(system)/dev/nvidiactl $(system)/dev/dxg 2>/dev/null | grep -q .; then echo gpu; \
	else echo cpu; fi)
SPEC = configs/data_tiny.py
OUT =
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
# Large pages for the memory that XLA takes and gives back at every step: a fifth off a training step on a CPU.
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

# Names of targets, and parts of rules: here a blank or a dollar cannot be.
$(foreach each,VENV MACHINE,$(if $(findstring ',$(call quote,$(each))),\
	$(error $(each) may hold letters of ASCII, digits and _.,:=/+@%- alone, and no blank: give another)))
COLAB := $(filter colab,$(MACHINE))
EXTRAS := $(filter gpu tpu,$(MACHINE))
python := $(call quote,PYTHON)
PY := $(if $(COLAB),$(python),$(VENV)/bin/python)
MMGEO := $(PY) -m mmgeo_jax
PIP := $(PY) -m pip install --disable-pip-version-check
PINS := $(if $(COLAB),$$($(PY) -m pip list --format=freeze | grep -E '^jax(lib)?=='),-c requirements.lock)
REAL_OUT := data/formalgeo7k
REAL_ARGS = $(if $(REAL),--config.data.real_dir=$(REAL_OUT))
FROM_REAL = $(MMGEO) data --spec=configs/data_formalgeo.py --spec.root=$(call quote,REAL) --out=$(REAL_OUT)
to = $(if $(OUT),$(call quote,OUT),$(call to_words,stem,$1))
more = $(call split,ARGS)
build = $(if $($1),$(MMGEO) data --spec=$(call quote,$1) --out=$(call to,$1))
LMM_SPEC = $(if $(filter file,$(origin SPEC)),configs/data_problems_tiny.py,$(SPEC))
# Without SPEC, or with an empty one, the configuration says which data to read.
DATA_ARGS = $(if $(and $(SPEC),$(OUT)$(filter-out file,$(origin SPEC))),--config.data.dir=$(call to,SPEC))
LMM_ARGS = $(if $(and $(LMM_SPEC),$(OUT)$(filter-out file,$(origin SPEC))),--config.data.dir=$(call to,LMM_SPEC))
INSTALLED := $(VENV)/.installed-$(MACHINE)
INSTALLED_DEV := $(VENV)/.installed-dev
SUDO = $(shell [ "$$(id -u)" = 0 ] || echo 'sudo ')

.PHONY: help setup cairo data hardset retrieval gallery verify test-beam test-stock test-reference test-harness test-gcs train-clip train-lmm solve benchmark compile-report eval export report test lint lock
.DEFAULT_GOAL := help

help: ## this list | make
	@echo "targets and examples (variables and their defaults are at the top of the Makefile):"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\) | \(.*\)/\1|\2|\3/p' Makefile \
	| awk -F'|' '{ printf "  %-14s %-72s e.g. %s\n", $$1, $$2, $$3 }'

setup: $(INSTALLED) ## .venv with the locked packages and the JAX for this machine, if not there yet | make setup

# The stamp is written last: an interrupted installation is not taken for a whole one.
$(INSTALLED): pyproject.toml requirements.txt requirements.lock
	@$(python) -c '$(SUPPORTED)' || { echo "error: "$(python)" is $$($(python) --version 2>&1 | head -n 1)," \
		"but Python 3.11, 3.12 or 3.13 is needed; type: $(SUDO)apt-get install python3.11 python3.11-venv" \
		"(or: uv python install 3.12), then make setup again" >&2; exit 1; }
	@echo "machine: $(MACHINE) (another: make setup MACHINE=cpu, gpu or tpu)"
ifeq ($(COLAB),)
	@$(python) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: "$(python)" has no venv module;" \
		"type: $(SUDO)apt-get install $$(basename $(python))-venv" >&2; exit 1; }
	$(python) -m venv $(VENV)
endif
	$(PIP) -e '.$(EXTRAS:%=[%])' $(PINS)
	@mkdir -p $(VENV) && touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(PIP) -e '.[dev]' $(PINS)
	@touch $@

cairo: setup ## libcairo2, the one system package: installs it as root with apt | make cairo
	@why=$$($(PY) -c 'import cairocffi' 2>&1) || case "$$why" in \
	''|*'no library called "cairo'*) \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
			&& ( set -x; apt-get update && apt-get install -y --no-install-recommends libcairo2 ); } \
		|| { echo "error: libcairo2 is missing; type: $(SUDO)apt-get install libcairo2 (macOS: brew install cairo)" >&2; exit 1; };; \
	*) echo "error: cairocffi does not load ($$(printf '%s' "$$why" | tail -n 1)); type: make -B setup" >&2; exit 1;; \
	esac

data: cairo ## diagrams as TFRecords in data/; skips what is done | make data SPEC=configs/data_tiny.py
	$(call build,SPEC)
	$(if $(REAL),$(FROM_REAL))

hardset: cairo ## the frozen benchmark in data/hardset, and its version | make hardset
	$(MMGEO) data --spec=configs/data_hardset.py --out=data/hardset
	$(MMGEO) hardset --data=data/hardset
ifneq ($(REAL),)
	$(MMGEO) data --spec=configs/data_redrawn.py --out=data/hardset_redrawn --spec.root=$(call quote,REAL) \
		--spec.seed=7000003 --spec.families.train=0 --spec.families.val=500
	$(MMGEO) hardset --data=data/hardset_redrawn
endif

retrieval: cairo ## similar captions that are false of a picture, as negatives | make retrieval DIR=data/tiny
	$(MMGEO) retrieval --data=$(call quote,DIR) $(more)

gallery: cairo ## a page to leaf through the families of a data set | make gallery DIR=data/tiny
	$(MMGEO) gallery --data=$(call quote,DIR) $(more)

verify: cairo ## a data set against its programs; doubles, leaks | make verify DIR=data/tiny
	$(MMGEO) verify $(call quote,DIR) $(more)

train-clip: data ## data, training, evaluation, report in runs/ | make train-clip ARGS="--config.seed=1"
	$(MMGEO) train-clip --config=$(call quote,CONFIG) $(DATA_ARGS) $(REAL_ARGS) $(call option,config.name,NAME) $(more)

eval: $(if $(CHECKPOINT),,need-RUN) cairo ## scores of a run, or of any CHECKPOINT on DIR and REAL | make eval CHECKPOINT=siglip DIR=data/hardset
	$(if $(and $(CHECKPOINT),$(REAL)),$(FROM_REAL))
	$(MMGEO) eval $(if $(CHECKPOINT),--checkpoint=$(call quote,CHECKPOINT) --data $(call quote,DIR) \
		$(if $(REAL),$(REAL_OUT)),--run=$(call quote,RUN)) $(more)

export: need-RUN setup ## a run for transformers, or as big_vision's .npz (FORMAT=npz) | make export RUN=runs/clip_b16 OUT=siglip_b16
	$(MMGEO) export --run=$(call quote,RUN) --format=$(call quote,FORMAT) $(call option,out,OUT) $(more)

# Both stages, or that of CONFIG alone; with NAME the first is NAME_align, and ARGS are for both.
train-lmm: cairo ## a multimodal model that solves problems, from runs/clip_tiny | make train-lmm ARGS="--config.seed=1" NAME=lmm_s1
	$(call build,LMM_SPEC)
ifeq ($(origin CONFIG),file)
	$(MMGEO) train-lmm --config=configs/lmm_align.py $(if $(NAME),--config.name=$(call quote,NAME)_align) $(LMM_ARGS) $(more)
	$(MMGEO) train-lmm --config=configs/lmm_tiny.py $(call option,config.name,NAME) \
		$(if $(NAME),--config.init_from=runs/$(call quote,NAME)_align) $(LMM_ARGS) $(more)
else
	$(MMGEO) train-lmm --config=$(call quote,CONFIG) $(call option,config.name,NAME) $(LMM_ARGS) $(more)
endif

solve: need-RUN need-IMAGE setup ## the answer of a run of train-lmm to a QUESTION about an IMAGE | make solve RUN=runs/lmm_tiny IMAGE=a.png QUESTION="Find x."
	@$(MMGEO) solve --run=$(call quote,RUN) --image=$(call quote,IMAGE) --question=$(call quote,QUESTION) $(more)

benchmark: need-RUN need-ROOT setup ## scores of a run of train-lmm on a public benchmark | make benchmark RUN=runs/lmm_tiny NAME=wemath ROOT=We-Math/data
	$(MMGEO) benchmark --name=$(call quote,NAME) --root=$(call quote,ROOT) --run=$(call quote,RUN) $(more)

compile-report: setup ## bytes per device and FLOPs of a configuration, without the hardware | make compile-report CONFIG=configs/clip_tiny.py DEVICES=8
	$(MMGEO) compile-report --config=$(call quote,CONFIG) --devices=$(call quote,DEVICES) $(more)

report: need-RUN setup ## report.html of a run, again | make report RUN=runs/clip_tiny
	$(MMGEO) report --run=$(call quote,RUN) $(more)

test: $(INSTALLED_DEV) cairo ## the tests | make test ARGS="-k records"
	$(PY) -m pytest -q -n auto --maxprocesses=8 --dist loadfile --no-loadscope-reorder $(more)

test-beam: .venv-beam/.installed ## the same shards from Apache Beam, in an environment of its own | make test-beam
	.venv-beam/bin/python -m pytest -q tests/data_gen/build/test_beam.py $(more)

test-stock: .venv-stock/.installed ## our shards by TensorFlow's readers, in an environment of its own | make test-stock
	.venv-stock/bin/python -m pytest -q tests/data_gen/records/test_stock_readers.py $(more)

test-reference: .venv-reference/.installed ## published weights and tokenizers against transformers, in an environment of its own | make test-reference
	.venv-reference/bin/python -m pytest -q tests/mmgeo_jax/checkpoints/test_export.py tests/mmgeo_jax/checkpoints/test_weights.py tests/mmgeo_jax/checkpoints/test_gemma_weights.py tests/mmgeo_jax/data/test_tokenizer_files.py $(more)

test-gcs: .venv-fake-gcs/.installed ## gs:// paths against a local stand-in server, in an environment of its own | make test-gcs
	.venv-fake-gcs/bin/python -m pytest -q tests/data_gen/build/test_gcs.py $(more)

test-harness: .venv-harness/.installed ## lmms-eval's own command on a run of train-lmm, in an environment of its own | make test-harness
	.venv-harness/bin/python -m pytest -q tests/mmgeo_jax/evals/harnesses/test_lmms_eval.py $(more)

OWN := beam stock reference fake-gcs harness
.venv-harness/.installed: LATER = lmms-eval==0.7.3
$(OWN:%=.venv-%/.installed): .venv-%/.installed: pyproject.toml requirements.txt
	$(python) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --disable-pip-version-check -e '.[$*,test]'
	$(if $(LATER),.venv-$*/bin/python -m pip install --disable-pip-version-check --no-deps '$(LATER)')
	@touch $@

lint: $(INSTALLED_DEV) ## ruff and mypy | make lint
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

lock: setup ## requirements.lock anew, for Python 3.11 to 3.13 | make lock
	$(PIP) 'uv>=0.5,<1'
	$(PY) -m uv pip compile --universal --python-version 3.11 --upgrade --no-emit-index-url \
		--custom-compile-command 'make lock' --extra dev --output-file requirements.lock pyproject.toml

.PHONY: need-RUN need-IMAGE need-ROOT
need-RUN need-IMAGE need-ROOT: need-%:
	@$(if $($*),:,echo "error: $* is not set; type: make "$(call quote,MAKECMDGOALS)" $*=..., as in make help" >&2; exit 1)
