# GNU make 4.3. `make` alone lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # prerequisites run in the order written: setup before what needs it
MAKEFLAGS += --no-print-directory

# The virtual environment's programs first: its Go is there only when the system has none that is new enough.
export PATH := $(CURDIR)/.venv/bin:$(PATH):/usr/local/go/bin

OBJECT := otelchan/bpf/otelchan.$(shell uname -m).bpf.o
BPF := $(wildcard bpf/*.c bpf/*.h)
BENCH_OBJECTS := $(patsubst benchmarks/bpf/%.c,build/benchmarks/%.o,$(wildcard benchmarks/bpf/*.bpf.c))
CLANG ?= clang
BPF_FLAGS := -O2 -g -target bpf -I/usr/include/$(shell uname -m)-linux-gnu -Wall -Werror
PYTEST := .venv/bin/python -m pytest
GENERATED := otelchan/gobinary/*.json docs/metrics.md docs/metadata.yaml docs/configuration.md docs/config.schema.json docs/findings.md docs/troubleshooting.md docs/cli.md docs/images/*.svg dashboards/alerts/*.yaml dashboards/alerts/tests/*.yaml dashboards/*.json deploy/helm/otelchan/values.schema.json deploy/kubernetes/*.yaml tests/deploy/golden/chart/*.yaml

.PHONY: help setup setup-run setup-unit setup-deploy setup-test build dist demo stack unit binaries replay kernel e2e check-collector-config test lint offsets docs site chart manifests package-chart check-deploy alerts check-alerts dashboards check-dashboards bench bench-objects bench-census bench-estimates bench-names bench-analysis bench-apps bench-collectors bench-export bench-growth soak fuzz matrix findings golden check-generated clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
		printf '  %-16s %s\n' "$$name" "$$text"; done

setup: setup-run $(OBJECT) ## make .venv/bin/otelchan work: Debian packages (as root), .venv, Go, the BPF object

setup-run:
	@scripts/setup.sh

setup-unit:
	@scripts/setup.sh --unit

setup-deploy:
	@scripts/setup.sh --deploy

setup-test:
	@scripts/setup.sh --test

build: setup-run $(OBJECT) ## compile the BPF object, which the wheel carries, with its source for BCC

$(OBJECT): $(BPF) scripts/compile_bpf.py
	@mkdir -p $(@D)
	@cp $(BPF) $(@D)/
	CLANG=$(CLANG) python3 scripts/compile_bpf.py $(shell uname -m) $@

dist: setup-unit ## write the source archive and the wheel of it to dist/; needs the compiler that `make setup` installs
	@rm -rf dist
	@.venv/bin/python -m build --no-isolation --outdir dist .

demo: setup ## watch a Go program that leaks goroutines and say what is wrong, on a fresh machine, as root
	@scripts/demo.sh

stack: setup-unit ## build the real Collector, Prometheus, Jaeger and Helm into the cache (minutes, once)
	@.venv/bin/python scripts/stack.py

unit: setup-unit ## unit tests: no root, under a minute
	@$(PYTEST) -n auto tests/unit

binaries: setup-test ## tests of what is found in real Go executables: no root
	@$(PYTEST) -n auto tests/binaries

replay: setup-unit ## tests on recorded programs: no root
	@$(PYTEST) tests/replay

kernel: setup-test build ## tests that attach probes: root and a kernel with uprobes
	@$(PYTEST) tests/kernel

e2e: setup-test build stack ## tests through the real Collector, Prometheus and trace store: as kernel
	@$(PYTEST) tests/e2e

check-collector-config: setup-test build stack ## collector-config/: its text, the Collector's own check, and runs with the real otelchan: root
	@$(PYTEST) tests/unit/test_collector_config.py tests/unit/test_gateway_policies.py tests/e2e/test_collector_configs.py \
		tests/e2e/test_stack.py tests/e2e/test_gateway*.py tests/e2e/test_exemplars.py

test: setup-test build stack ## everything: unit, binaries, replay, kernel, end-to-end and deployment tests, in this order
	@$(PYTEST) -n auto tests/unit tests/binaries
	@$(PYTEST) tests/replay tests/kernel tests/e2e tests/deploy

lint: setup-unit ## ruff, ruff format and mypy, without changing anything
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy otelchan scripts tests benchmarks dashboards hatch_build.py

offsets: setup-unit ## write the layout tables again from the DWARF of freshly built programs
	@.venv/bin/python -m otelchan.gobinary.offsets

docs: setup-unit ## write docs/metrics.md, docs/metadata.yaml, docs/configuration.md, its schema, docs/findings.md, docs/troubleshooting.md, docs/cli.md and the drawings again from what is in the code
	@.venv/bin/python -m otelchan.telemetry.catalogue >docs/metrics.md
	@.venv/bin/python -m otelchan.telemetry.metadata >docs/metadata.yaml
	@.venv/bin/python -m otelchan.config >docs/configuration.md
	@.venv/bin/otelchan config schema >docs/config.schema.json
	@.venv/bin/python -m otelchan.findings.reference >docs/findings.md
	@.venv/bin/python -m otelchan.troubleshooting.reference >docs/troubleshooting.md
	@.venv/bin/python -m otelchan.commands.reference >docs/cli.md
	@.venv/bin/python -m scripts.figures

site: setup-unit ## write the documentation site to build/site, strictly; open build/site/index.html
	@.venv/bin/python -m scripts.docsite

chart: setup-unit ## write deploy/helm/otelchan/values.schema.json again from values.yaml and docs/config.schema.json
	@.venv/bin/python scripts/chart.py schema

manifests: setup-unit stack chart ## write deploy/kubernetes and the golden files of the chart again, by Helm
	@.venv/bin/python scripts/chart.py manifests
	@.venv/bin/python scripts/chart.py golden

package-chart: setup-unit stack ## write the chart as dist/otelchan-VERSION.tgz
	@.venv/bin/python scripts/chart.py package

check-deploy: setup-deploy build stack ## wheel, image, containers, chart and manifests, systemd unit, site, old state: root
	@$(PYTEST) tests/unit/deploy tests/unit/test_compose.py tests/deploy

alerts: setup-unit ## write dashboards/alerts again from dashboards/generator and the catalogues
	@.venv/bin/python -m dashboards.generator.alerts

dashboards: setup-unit ## write dashboards/*.json again from dashboards/generator
	@.venv/bin/python -m dashboards.generator.boards

check-dashboards: setup-test build stack ## dashboards/*.json: drift, lint, types, TraceQL, and every query on data of a real run: root
	@$(PYTEST) tests/unit/dashboards tests/unit/test_boards.py tests/unit/test_dashboards_page.py tests/unit/test_compose.py \
		tests/binaries/test_*_queries.py tests/e2e/test_dashboards.py

check-alerts: setup-test build stack ## dashboards/alerts/: its text, promtool's checks and cases, and a real leak that fires one: root
	@$(PYTEST) tests/unit/test_alerts.py tests/binaries/test_alert_rules.py tests/e2e/test_alerts.py

bench: setup-test $(OBJECT) bench-objects ## measure what watching costs, beside bpftrace, delve and Go's own tracer, and write docs/overhead.*: seven minutes; QUICK=1: one, writes nothing
	@PYTHONPATH=. .venv/bin/python benchmarks/overhead.py $(if $(QUICK),--quick)

bench-objects: $(BENCH_OBJECTS)

build/benchmarks/%.bpf.o: benchmarks/bpf/%.bpf.c
	@mkdir -p $(@D)
	$(CLANG) $(BPF_FLAGS) -c $< -o $@.new
	@mv $@.new $@

bench-census: setup-test ## measure how long a look at 100,000 blocked goroutines takes, and a round of the agent
	@PYTHONPATH=. .venv/bin/python benchmarks/census.py

bench-estimates: setup-test $(OBJECT) ## compare estimates from time slices with what real programs did, 40 runs: docs/estimates.md; eight minutes, root
	@PYTHONPATH=. .venv/bin/python benchmarks/estimates.py $(if $(QUICK),--quick)

bench-names: setup-test $(OBJECT) stack ## measure how many channels of real servers are named, and how truly: docs/names.md
	@PYTHONPATH=. .venv/bin/python benchmarks/names.py

bench-analysis: setup-test $(OBJECT) stack ## measure how long first data takes of executables of 100 MB, new and known
	@PYTHONPATH=. .venv/bin/python benchmarks/analysis.py

bench-apps: setup-test $(OBJECT) bench-objects ## measure what applications and a real HTTP server notice, and write their part of docs/overhead.*; QUICK=1: writes nothing; root
	@PYTHONPATH=. .venv/bin/python benchmarks/applications.py $(if $(QUICK),--quick)

bench-export: setup-test stack ## measure what exporting 10,000 series and 500 spans a second costs the agent; fails over 5 % of a core
	@PYTHONPATH=. .venv/bin/python benchmarks/export.py

bench-collectors: setup-test stack ## measure what a Collector with each file of collector-config/ costs: seven minutes, root
	@PYTHONPATH=. .venv/bin/python benchmarks/collectors.py

bench-growth: setup-test $(OBJECT) ## watch a million goroutines and 100,000 channels: memory, time and counts; 5 GB, five minutes
	@PYTHONPATH=. .venv/bin/python benchmarks/growth.py

soak: setup-test $(OBJECT) stack ## a minute without a Collector under load; 200 times killed; an objective with its real windows: root, 25 minutes
	@PYTHONPATH=. .venv/bin/python -m tests.soak.outage
	@PYTHONPATH=. .venv/bin/python -m tests.soak.kills
	@PYTHONPATH=. .venv/bin/python -m tests.soak.objectives

fuzz: setup-test ## change bytes of real executables, many more than in every run; SEED=n repeats one, EXAMPLES=n says how many
	@seed=$${SEED:-$$RANDOM}; echo "SEED=$$seed"; \
	OTELCHAN_FUZZ_EXAMPLES=$${EXAMPLES:-1000} $(PYTEST) -n auto tests/binaries/test_fuzz.py --hypothesis-seed=$$seed

matrix: setup-test build ## try every version of Go with every kind of executable and write docs/support-matrix.md, 20 minutes
	@.venv/bin/python -m tests.support.matrix_page

findings: setup-test build ## run every program that is wrong and its twin, and write the table in docs/findings.md, three minutes
	@.venv/bin/python -m tests.support.findings_page
	@$(MAKE) docs

golden: setup-test $(OBJECT) ## record the runs that tests/replay plays back
	@.venv/bin/python -m tests.replay.capture

check-generated: offsets docs chart manifests alerts dashboards ## fail when a generated file differs from what its generator writes
	@git diff --exit-code -- $(GENERATED) || { echo "commit what 'make offsets docs chart manifests alerts dashboards' wrote" >&2; exit 1; }

clean: ## remove what was built in this clone; .venv and the cache stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache $(dir $(OBJECT))
	find otelchan tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
