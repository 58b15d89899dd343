# `make run` and `make test` need Python >= 3.11, make and a package index, nothing else. All paths are relative, so the
# project may lie in a folder with spaces in its name.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
CHARTS := .charts/bin/python
CHARTS_READY := .charts/.ready
LOCAL_AWS := .ministack/bin/ministack
LOCAL_AWS_READY := .ministack/.ready
ARCH ?= x86_64
PYTHON_VERSION ?= 3.13
LOCUST_READY := .locust/.ready
URL ?= http://127.0.0.1:8080
USERS ?= 20
SECONDS ?= 60
UPLOADS ?= 2000
KILLS ?= 2000
RESTARTS ?= 200

.PHONY: help setup run test load bench chaos check format package clean

help:
	@echo "make run     start a local AWS, the service (port 8080) and a worker; Ctrl-C ends all"
	@echo "make test    run all tests"
	@echo "make load    uses a running service as USERS=20 people for SECONDS=60 or UPLOADS=2000, and checks every answer;"
	@echo "             URL=http://127.0.0.1:8080; elsewhere than on this machine with ANYWHERE=1; KEEP=1 deletes nothing"
	@echo "make check   lint, types, the floors of the house, and the template"
	@echo "make format  put the code into its standard form"
	@echo "make package builds the zips of the two Lambda functions; ARCH=arm64 and PYTHON_VERSION=3.14 for others"
	@echo "make bench   measures all goals of speed and memory, within ten minutes, into build/bench; ONLY=cpu,memory for some of"
	@echo "             cpu bytes refusals memory worker ready list processes; OUT=… for another folder. Leave the machine alone"
	@echo "make chaos   kills service and worker KILLS=2000 times, within SECONDS=7200, and compares what is left with what clients"
	@echo "             were told; RESTARTS=200 in order, too; CHAOS_SEED=… repeats the choices of a run"
	@echo "make clean   remove what was installed; .local, which holds what was stored, stays"

setup: $(READY) $(LOCAL_AWS_READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with make PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# An environment of its own: ministack pins another botocore than aioboto3 does.
$(LOCAL_AWS_READY): tests/local-aws.txt
	$(PYTHON) -m venv .ministack
	.ministack/bin/python -m pip install --quiet --disable-pip-version-check -r tests/local-aws.txt
	@touch $@

run: setup
	@LOCAL_AWS=$(LOCAL_AWS) exec $(BIN)/python -m service.cli dev

# A file of tests goes to one of four processes, each with a local AWS of its own: most of the time is spent waiting.
test: setup
	$(BIN)/python -m pytest -n 4 --dist loadfile

# Locust has an environment of its own, too: it brings gevent and a web server.
$(LOCUST_READY): tests/load/locust.txt
	$(PYTHON) -m venv .locust
	.locust/bin/python -m pip install --quiet --disable-pip-version-check -r tests/load/locust.txt
	@touch $@

load: $(LOCUST_READY)
	@UPLOADS='$(UPLOADS)' .locust/bin/locust -f tests/load/locustfile.py --headless --only-summary --host '$(URL)' \
		--users '$(USERS)' --spawn-rate '$(USERS)' --run-time '$(SECONDS)s'

check: setup
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint deploy/template.yaml

format: setup
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

package: $(READY)
	$(BIN)/python deploy/package.py --architecture '$(ARCH)' --python-version '$(PYTHON_VERSION)'

bench: setup $(CHARTS_READY)
	$(BIN)/python -m tests.load.bench --only '$(ONLY)' --out '$(or $(OUT),build/bench)' --charts $(CHARTS)

chaos: SECONDS = 7200
chaos: setup
	KILLS='$(KILLS)' RESTARTS='$(RESTARTS)' CHAOS_SECONDS='$(SECONDS)' $(BIN)/python -m pytest -q -s tests/chaos

# An environment of its own: it brings NumPy, with which a dependency of the worker behaves in another way.
$(CHARTS_READY): tests/load/charts.txt
	$(PYTHON) -m venv .charts
	$(CHARTS) -m pip install --quiet --disable-pip-version-check -r tests/load/charts.txt
	@touch $@

clean:
	rm -rf .venv .ministack .locust .charts build tests/load/peers/node_modules *.egg-info \
	    .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
