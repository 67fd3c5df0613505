# make demo    set everything up, annotate the demo file over HTTP, show the result
# make serve   web and worker in the foreground until Ctrl-C
# make install  install what the service needs into .venv/, and compile the kernel; demo and serve do so too
# make test    install what the tests need; run all that need no injected fault, in minutes
# make test-all  these, then the injected faults, every page in the browser, the clients and the image
# make faults  only the tests that inject faults, in every combination, named after the guarantees they show
# make soak    four of these tests in their long form: chaos for 30 minutes, 5,000 runs, a queue of 10,000, a file of 1 GB
# make image-test  build the image and run compose.yaml with podman, as root
# make screenshots  take the pictures of the README and the docs
# make fuzz    ten minutes of mutated files through the engine
# make lock    pin the newest releases that requirements.txt allows, with hashes, for the image
# make lint    style, types, direction of imports
# make bench   measure beside the peers, in one run
# make bench-scale   one large file over several workers and hosts, growth with size, many small runs
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DJANGO_SETTINGS_MODULE := anyvar_site.settings

.PHONY: demo serve test test-all faults image-test soak screenshots fuzz lock lint bench bench-scale install install-dev migrate clean

demo: install
	$(BIN)/python demo/run.py

serve: install migrate
	$(BIN)/python demo/load.py
	@echo "Serving on http://127.0.0.1:$${PORT:-8000}/ - stop with Ctrl-C"
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/honcho start --port $${PORT:-8000}

migrate: install
	$(BIN)/python manage.py migrate --verbosity 0

test: install-dev
	$(BIN)/python -m tests

test-all: test
	$(BIN)/python -m tests --rest

faults: install-dev
	FAULTS_ALL=1 $(BIN)/python -m tests --rest tests/faults

image-test: install-dev
	$(BIN)/python -m pytest tests/images

soak: install-dev
	FAULTS_ALL=1 FAULTS_CHAOS_SECONDS=1800 FAULTS_QUEUED_RUNS=10000 FAULTS_MEMORY_MB=1000 FAULTS_ENDURANCE_RUNS=5000 \
		$(BIN)/python -m tests --rest tests/faults/test_p15_memory.py tests/faults/test_p19_long_queue.py \
		tests/faults/test_p25_chaos.py tests/faults/test_p33_endurance.py

screenshots: install-dev
	$(BIN)/python -m tests.browser.screenshots

fuzz: install-dev
	$(BIN)/python -m tests.vrs.fuzz -max_total_time=600 -artifact_prefix=tests/vrs/corpus/ tests/vrs/corpus

# One file for every platform and every Python from 3.11 on.
lock: install-dev
	$(BIN)/uv pip compile --quiet --no-config --upgrade --universal --python-version 3.11 --no-strip-extras \
		--generate-hashes --custom-compile-command "make lock" --output-file requirements.lock requirements.txt

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --severity-level medium --skip B608 --recursive vcfjobs anyvar_site clients
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/miniwdl check --strict workflows/vrs_annotate.wdl
	$(BIN)/python manage.py makemigrations --check --dry-run
	ANYVAR_HTTPS=true ALLOWED_HOSTS=vrs.example.org $(BIN)/python manage.py check --deploy --fail-level WARNING

bench: install-dev
	$(BIN)/python -m benchmarks

bench-scale: install-dev
	$(BIN)/python -m benchmarks scale growth

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m vcfjobs.vrs.kernel
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/python -m vcfjobs.vrs.kernel
	@touch $@ $(VENV)/.installed

clean:
	rm -rf var $(VENV)
