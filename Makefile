# `make run` and `make test` need Python >= 3.11, make and a package index, nothing else. All paths are relative, so the
# project may lie in a folder with spaces in its name.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
# The pip that comes with Python may take three times as long to choose from an index. Environments without a pip of
# their own are filled by that of .venv.
PIP := $(shell grep '^pip==' deploy/tools.txt)
INSTALL := install -qq --disable-pip-version-check
CHARTS := .charts/bin/python
CHARTS_READY := .charts/.ready
LOCAL_AWS := .ministack/bin/ministack
LOCAL_AWS_READY := .ministack/.ready
ARCH ?= x86_64
PYTHON_VERSION ?= 3.13
LOCUST_READY := .locust/.ready
TOOLS := .tools/bin
TOOLS_READY := .tools/.ready
FUZZ := .fuzz/bin
FUZZ_READY := .fuzz/.ready
URL ?= http://127.0.0.1:8080
USERS ?= 20
SECONDS ?= 60
UPLOADS ?= 2000
IMAGES ?= 10000
KILLS ?= 2000
RESTARTS ?= 200

.PHONY: help setup run test soak load faults bench chaos crowd screenshots check audit lock format package fuzz contract openapi dashboard clean

help:
	@echo "make run     start a local AWS, the service (port 8080) and a worker; Ctrl-C ends all"
	@echo "make test    run all tests"
	@echo "make setup   only install what these two need; PYTHON=python3.12 names another Python than python3"
	@echo "make soak    sends a worker IMAGES=10000 and tells how its memory grows"
	@echo "make load    uses a running service as USERS=20 people for SECONDS=60 or UPLOADS=2000, and checks every answer;"
	@echo "             URL=http://127.0.0.1:8080; elsewhere than on this machine with ANYWHERE=1; KEEP=1 deletes nothing"
	@echo "make faults  breaks each call to AWS in each way, then lets AWS fail at random for SECONDS=60; compares what is left"
	@echo "make check   lint, types, the import rules, the template of Lambda, and known vulnerabilities of what is installed"
	@echo "make audit   only the last of these; fails also when nobody can be asked"
	@echo "make lock    writes the hashed requirements in deploy/requirements anew, after a change of dependencies"
	@echo "make format  put the code into its standard form"
	@echo "make package builds the zips of the two Lambda functions; ARCH=arm64 and PYTHON_VERSION=3.14 for others"
	@echo "make bench   measures all goals of speed and memory, within ten minutes, into build/bench; ONLY=cpu,memory for some of"
	@echo "             cpu bytes refusals memory worker ready list processes; OUT=… for another folder. Leave the machine alone"
	@echo "make crowd   shows what thousands of idle, slow and pipelining clients cost; needs a hard limit of 20,000 open files;"
	@echo "             CROWD_IDLE=6000 CROWD_HEADERS=2000 CROWD_BODIES=500 CROWD_PIPELINED=10000 for other numbers"
	@echo "make fuzz    makes up inputs for SECONDS=60 a target (ONLY=png,form for some) and adds to them what reaches further;"
	@echo "             what breaks a promise lies in build/fuzz/broken. KEEP=1 makes tests/fuzz/corpus anew from all of them"
	@echo "make contract  asks a service of its own whatever fits openapi.yaml, and what does not, for SECONDS=60"
	@echo "make screenshots  takes the photographs of the page in docs/images anew"
	@echo "make openapi converts openapi.yaml into what the service hands out"
	@echo "make dashboard  writes what Grafana shows anew, from the table in deploy/dashboard.py"
	@echo "make chaos   kills service, worker and sweep KILLS=2000 times, each kind within SECONDS=7200, and compares what is left"
	@echo "             with what clients were told; RESTARTS=200 in order, too; CHAOS_SEED=… repeats the choices of a run"
	@echo "make clean   remove what was installed; .local, which holds what was stored, stays"

setup: $(READY) $(LOCAL_AWS_READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with make PYTHON=…"; exit 1; }
	@echo "Installing into .venv, once; this takes a minute or several."
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip $(INSTALL) '$(PIP)'
	$(BIN)/python -m pip $(INSTALL) -c constraints.txt -e '.[dev]'
	@touch $@

# An environment of its own: ministack pins another botocore than aioboto3 does.
$(LOCAL_AWS_READY): tests/local-aws.txt | $(READY)
	$(PYTHON) -m venv --without-pip .ministack
	$(BIN)/python -m pip --python .ministack $(INSTALL) -r tests/local-aws.txt
	@touch $@

run: setup
	@LOCAL_AWS=$(LOCAL_AWS) exec $(BIN)/python -m service.cli dev

# A file of tests goes to one of five processes, each with a local AWS of its own: most of the time is spent waiting.
# In the order of tests/conftest.py, which is not that of their numbers of tests.
test: setup
	$(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder

soak: setup
	@$(BIN)/python -m tests.cage.soak '$(IMAGES)'

# Locust has an environment of its own, too: it brings gevent and a web server.
$(LOCUST_READY): tests/load/locust.txt | $(READY)
	$(PYTHON) -m venv --without-pip .locust
	$(BIN)/python -m pip --python .locust $(INSTALL) -r tests/load/locust.txt
	@touch $@

load: $(LOCUST_READY)
	@UPLOADS='$(UPLOADS)' .locust/bin/locust -f tests/load/locustfile.py --headless --only-summary --host '$(URL)' \
		--users '$(USERS)' --spawn-rate '$(USERS)' --run-time '$(SECONDS)s'

faults: setup
	EVERY_FAULT=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/faults/test_each_call.py tests/faults/test_each_call_of_the_worker.py
	$(BIN)/python -m tests.faults.mix '$(SECONDS)'

check: setup $(TOOLS_READY)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint deploy/template.yaml
	$(BIN)/python -m deploy.audit $(TOOLS)/pip-audit

audit: setup $(TOOLS_READY)
	$(BIN)/python -m deploy.audit $(TOOLS)/pip-audit --strict

lock: setup $(TOOLS_READY)
	$(BIN)/python -m deploy.lock $(TOOLS)/uv

# An environment of its own: what looks at the dependencies is not one of them.
$(TOOLS_READY): deploy/tools.txt | $(READY)
	$(PYTHON) -m venv --without-pip .tools
	$(BIN)/python -m pip --python .tools $(INSTALL) -r deploy/tools.txt
	@touch $@

format: setup
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

package: $(READY)
	$(BIN)/python deploy/package.py --architecture '$(ARCH)' --python-version '$(PYTHON_VERSION)'

bench: setup $(CHARTS_READY)
	$(BIN)/python -m tests.load.bench --only '$(ONLY)' --out '$(or $(OUT),build/bench)' --charts $(CHARTS)

crowd: export CROWD_IDLE ?= 6000
crowd: export CROWD_HEADERS ?= 2000
crowd: export CROWD_BODIES ?= 500
crowd: export CROWD_PIPELINED ?= 10000
crowd: setup
	$(BIN)/python -m pytest -s tests/api/test_crowds.py

chaos: SECONDS = 7200
chaos: setup
	KILLS='$(KILLS)' RESTARTS='$(RESTARTS)' CHAOS_SECONDS='$(SECONDS)' $(BIN)/python -m pytest -q -s tests/chaos

# An environment of its own: it brings NumPy, with which a dependency of the worker behaves in another way.
$(CHARTS_READY): tests/load/charts.txt | $(READY)
	$(PYTHON) -m venv --without-pip .charts
	$(BIN)/python -m pip --python .charts $(INSTALL) -r tests/load/charts.txt
	@touch $@

# An environment of its own for Schemathesis and atheris, which is there for few versions of Python; see PYTHON.
$(FUZZ_READY): tests/fuzz/requirements.txt pyproject.toml constraints.txt | $(READY)
	$(PYTHON) -m venv --without-pip .fuzz
	$(BIN)/python -m pip --python .fuzz $(INSTALL) -c constraints.txt -r tests/fuzz/requirements.txt -e .
	@touch $@

fuzz: $(FUZZ_READY)
	$(FUZZ)/python -m tests.fuzz.run --seconds '$(SECONDS)' --only '$(ONLY)' $(if $(KEEP),--keep)

contract: setup $(FUZZ_READY)
	$(BIN)/python -m tests.contract.run --schemathesis $(FUZZ)/schemathesis --seconds '$(SECONDS)' $(if $(SEED),--seed '$(SEED)')

screenshots: setup
	SCREENSHOTS=1 BROWSER_REQUIRED=1 $(BIN)/python -m pytest -q tests/browser/test_screenshots.py

dashboard: $(READY)
	$(BIN)/python -m deploy.dashboard

openapi: $(READY)
	$(BIN)/python -m deploy.openapi

clean:
	rm -rf .venv .ministack .locust .charts .tools .fuzz .schemathesis build tests/load/peers/node_modules tests/browser/axe/node_modules *.egg-info \
	    .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
