# Every target works on a fresh clone with Python 3.11 or newer: it makes .venv and installs what it needs first.
PYTHON ?= python3
PORT ?= 8000
SCHEDULES ?= 20000
KILLS ?= 100
EXAMPLES ?= 1000
SEED ?= 1
JOBS ?= 1000000
PAIRS ?= 2000
WORKERS ?= 4
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS := .build/peers
PEERS_INSTALLED := $(PEERS)/.installed
# What changes or removes a stage takes none for granted.
NAMED_STAGE := $(STAGE)
STAGE ?= local
STAGES := local dev prod
export PORT
export JOBS
export PAIRS
export KILLS
export EXAMPLES
export SEED
# Compiled once for all the processes of a check, and never beside the source, which is what is packed and copied.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.build/pycache
# Which some machines set so that none is beside the source.
unexport PYTHONDONTWRITEBYTECODE

# All is pinned with hashes, which both check. Bytecode is left to what runs: for all of it together it takes longest.
# uv takes a tenth of pip's time. Of pip's configuration it reads nothing, so it is told of another registry.
UV_INSTALL = index="$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}"; \
  $(BIN)/uv pip install --no-deps --require-hashes $${index:+--default-index "$$index"}
WITH_UV = $(UV_INSTALL) --python $(BIN)/python -r requirements-dev.txt && touch $(VENV)/.all-there
WITH_PIP = { $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --no-compile --no-deps \
  --require-hashes -r requirements-dev.txt 2>&1 && touch $(VENV)/.all-there; } \
  | awk -v of=$$(grep -c == requirements-dev.txt) '$(PIP_PROGRESS)'

# pip's many lines as one that counts; its errors as they are.
PIP_PROGRESS = /^(Collecting|Processing)/ {printf "\r  package %d of about %d", ++n, of; fflush()} \
  /^Installing collected/ {print "; now unpacking them"; fflush()} /^ERROR/ {printf "\n%s\n", $$0; fflush()}

.DEFAULT_GOAL := help
.PHONY: help setup run demo emulator deploy destroy infra outputs logs smoke redrive keys admin test test-fast test-all \
  simulate mutants chaos bench model bench-scale bench-sign-in cost conformance fuzz screenshots lint format check package audit sbom \
  lock clean

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make .venv and install everything into it, if anything changed

$(INSTALLED): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "This project needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + ". Name another: make setup PYTHON=python3.12")'
	@PYTHONPYCACHEPREFIX= $(PYTHON) -m venv $(VENV) || { echo "On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing the development environment into $(VENV): once, about 150 MB to download"
	@awk '/^uv==/, !/\\$$/' requirements-dev.txt >$(VENV)/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes \
	  -r $(VENV)/uv.txt && $(WITH_UV) \
	  || { echo "uv could not, as it says above; trying pip"; $(WITH_PIP); }
	@rm $(VENV)/.all-there 2>/dev/null || { echo "pip failed, as it says above; run make again"; exit 1; }
	@$(BIN)/python -m pip check
	@touch $@

# What benchmarks compare with, and what draws: apart, so that no check waits for it.
$(PEERS_INSTALLED): benchmarks/requirements.txt $(INSTALLED)
	@PYTHONPYCACHEPREFIX= $(BIN)/python -m venv --clear --without-pip $(PEERS)
	@echo "Installing what the benchmarks need into $(PEERS): once, about 60 MB to download"
	@$(UV_INSTALL) --python $(PEERS)/bin/python -r benchmarks/requirements.txt
	@touch $@

run: $(INSTALLED) ## Run the product at http://localhost:8000 (PORT=8001 changes that)
	@$(BIN)/python -m localstack.run

demo: $(INSTALLED) ## Submit a job and watch it, on a running service (API=URL) or one of its own
	@$(BIN)/python -m localstack.demo

deploy: $(INSTALLED) ## Deploy a stage, or change it to what is here (STAGE=dev; YES=1 does not ask)
	@STAGE=$(NAMED_STAGE) $(BIN)/python -m deployment.deploy

destroy: $(INSTALLED) ## Remove a stage with all it has (STAGE=dev; DESTROY_DATA= where it keeps data)
	@STAGE=$(NAMED_STAGE) $(BIN)/python -m deployment.destroy

outputs: $(INSTALLED) ## Show the URL of a stage's API and the names of what it has (STAGE=dev)
	@STAGE=$(STAGE) $(BIN)/python -m deployment.outputs

logs: $(INSTALLED) ## Show the log lines of a stage (STAGE=dev FUNCTION=consume SINCE=10m FOLLOW=1)
	@STAGE=$(STAGE) $(BIN)/python -m deployment.logs

smoke: $(INSTALLED) ## Try a deployed API from outside (URL=https://...)
	@$(BIN)/python -m deployment.smoke

emulator: $(INSTALLED) ## Run an emulated AWS at 127.0.0.1:4566 to try deployments on (AWS_PORT=4567 changes that)
	@$(BIN)/python -m localstack.emulated_aws

infra: $(INSTALLED) ## Make a stage without its functions, for chalice deploy (STAGE=dev; YES=1 does not ask)
	@STAGE=$(NAMED_STAGE) $(BIN)/python -m deployment.infra

redrive: $(INSTALLED) ## Retry the dead jobs of a stage (STAGE=local)
	@STAGE=$(STAGE) $(BIN)/python -m deployment.redrive

keys: $(INSTALLED) ## Make or rotate the signing keys (STAGE=local); COMPROMISED=1 replaces them all at once
	@STAGE=$(STAGE) $(BIN)/python -m deployment.keys

# Desktops set USERNAME to the person's own; only one that was given to make counts.
admin: export USERNAME :=
admin: $(INSTALLED) ## Make a user an administrator (USERNAME=ada STAGE=local)
	@STAGE=$(STAGE) $(BIN)/python -m deployment.admin

test: $(INSTALLED) ## Run all tests, the unit tests with coverage; with Java and npm, on DynamoDB Local too
	@# Only the unit tests are measured: they must reach all of the core by themselves, and measuring doubles the time.
	@$(BIN)/python -m pytest --cov -n auto tests/unit
	@$(BIN)/coverage report --include='chalicelib/domain/*,chalicelib/services/*' --fail-under=100
	@$(BIN)/python -m pytest -n $(WORKERS) --ignore=tests/unit tests chalicelib

test-all: $(INSTALLED) ## Run all tests on each of Python 3.11, 3.12 and 3.13 that is here (TESTS="tests/unit" PYTHONS="python3.12")
	@PYTHONS="$(PYTHONS)" $(BIN)/python -m tests.pythons -n $(WORKERS) $(TESTS)

test-fast: $(INSTALLED) ## Run the quick tests: unit and API
	@$(BIN)/python -m pytest tests/unit tests/api

simulate: $(INSTALLED) ## Run the product under SCHEDULES=20000 fault schedules from SEED=1 on (TRACE=1 prints the first)
	@$(BIN)/python -m tests.simulation --schedules $(SCHEDULES) --seed $(SEED) $(if $(TRACE),--trace)

mutants: $(INSTALLED) ## Check that the simulator finds every protocol mistake, and rewrite docs/mutants.md
	@$(BIN)/python -m tests.simulation.mutation

chaos: $(INSTALLED) ## Kill consumers on an emulated AWS and see that no job is lost (KILLS=100 SEED=1)
	@$(BIN)/python -m tests.chaos

bench: $(PEERS_INSTALLED) ## Measure the product beside what one would use instead, and rewrite docs/benchmarks.md (needs redis and postgresql)
	@$(BIN)/python -m benchmarks

model: $(PEERS_INSTALLED) ## Simulate the deployed service at internet scale, and rewrite docs/model.md and its plots
	@$(BIN)/python -m benchmarks.model

bench-scale: $(INSTALLED) ## Show that a list page, a claim and a limit cost the same at JOBS=1000000 jobs as at 1,000
	@$(BIN)/python -m benchmarks.scale

bench-sign-in: $(INSTALLED) ## Show that the time of a refused sign-in does not tell if there is such a user (PAIRS=2000)
	@$(BIN)/python -m benchmarks.sign_in_timing

# A variable of that name is nobody's wish to pay: only one that was given to make counts.
conformance: AWS :=
conformance: $(INSTALLED) ## Ask the stand-ins for AWS for all that the product relies on; AWS=1 asks your account too (cents)
	@$(BIN)/python -m pytest -q tests/contract/test_conformance_of_*.py
	$(if $(filter 1,$(AWS)),@$(BIN)/python -m tests.contract.conformance_on_aws)

cost: $(INSTALLED) ## Compute what jobs and an idle month cost on AWS, and rewrite docs/cost.md and the README's table
	@$(BIN)/python -m benchmarks.cost --write

fuzz: $(INSTALLED) ## Try the API against its own description, at API=URL or on a stack of its own (EXAMPLES=1000 SEED=1)
	@$(BIN)/python -m tests.fuzz

screenshots: $(INSTALLED) ## Write the pictures in docs/ anew; needs chromium
	@$(BIN)/python -m tests.browser

lint: $(INSTALLED) ## Check style, types, layers and the templates
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo
	@for stage in $(STAGES); do $(BIN)/python -m deployment.packaging $$stage || exit; done
	@$(BIN)/cfn-lint $(STAGES:%=.build/%/sam.json)

format: $(INSTALLED) ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

check: $(INSTALLED) ## All that CI runs
	@$(MAKE) --no-print-directory --jobs=2 linted-and-tested simulated

# The simulator takes what the linters, which use one core, and the tests, which wait for things, leave idle.
.PHONY: linted-and-tested simulated
linted-and-tested: lint
	@$(MAKE) --no-print-directory test

simulated: simulate
	@$(BIN)/python -m tests.simulation.mutation --check

package: $(INSTALLED) ## Build the Lambda zip and the CloudFormation template into .build/ (STAGE=local)
	@$(BIN)/python -m deployment.packaging $(STAGE)

audit: $(INSTALLED) ## Look up every pinned package among the known vulnerabilities (asks OSV; exit 2 if it cannot)
	@$(BIN)/python -m deployment.audit

sbom: $(INSTALLED) ## Write what is deployed into .build/sbom.json, as CycloneDX 1.6
	@$(BIN)/python -m deployment.sbom

PIN = $(BIN)/uv pip compile -q --upgrade --generate-hashes --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock"

lock: $(INSTALLED) ## Pin anew what pyproject.toml asks for
	@$(PIN) --group lambda -o requirements.txt
	@$(PIN) --group dev -o requirements-dev.txt
	@$(PIN) --group bench -o benchmarks/requirements.txt

clean: ## Remove everything that was built or installed
	rm -rf $(VENV) .build vendor .chalice/deployments .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
