# The doors to the project. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run test lint format messages shell bench prove lock install install-tests install-browser
python := .venv/bin/python
compile := $(python) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml
browser := TELEMED_MODE=demo $(python) -m pytest -m browser tests/browser
failed := sed -n 's/^  "\(tests\/browser.*\)": true.*/  \1/p' .pytest_cache/v/cache/lastfailed | tee .local/second-try
export ONLY # make prove ONLY=…, make bench ONLY=…

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

run: install ## Start everything on http://localhost:8000 (another port: PORT=8123 make run); Ctrl-C stops it
	@exec $(python) -m telemed.run

test: install-browser lint ## Lint, tests on a fresh database (PG=/usr/lib/postgresql/15/bin: on that one), browser journeys
	@$(python) -m telemed.embedded --throwaway $(if $(PG),--pg $(PG)) -- $(python) -m pytest -n 2 -m "not browser"
	@$(browser) || { echo 'These failed and are tried once more:'; $(failed); $(browser) --last-failed && { echo 'GREEN ONLY ON THE SECOND TRY:'; cat .local/second-try; }; }

lint: install-tests ## Style, types, templates and the borders between the parts
	@$(python) -m ruff check
	@$(python) -m ruff format --check
	@$(python) -m djlint --quiet --lint templates
	@TELEMED_MODE=demo $(python) -m mypy .
	@$(python) .venv/bin/lint-imports

format: install-tests ## Put the code into shape
	@$(python) -m ruff check --fix
	@$(python) -m ruff format

messages: install ## Find the sentences of code and templates and merge them into the catalogues of all languages
	@TELEMED_MODE=demo $(python) manage.py messages

shell: install ## A Django shell on the running (or else a freshly started) database
	@$(python) -m telemed.embedded -- $(python) manage.py shell

bench: install-tests ## Measure (ONLY=… picks one)
	@$(python) -m tests.bench

prove: install-browser ## Show the promises under load and failure (ONLY=… picks one)
	@$(python) -m tests.prove

lock: install-tests ## Turn the lists in pyproject.toml into files with versions and hashes
	@$(compile) -o requirements.txt
	@$(compile) --extra aws -c requirements.txt -o deploy/requirements-aws.txt
	@$(compile) --extra test -c requirements.txt -o tests/requirements.txt

install-tests: wanted = --tests
install-browser: wanted = --tests --browser
install install-tests install-browser:
	@python=$$(sh telemed/embedded/python.sh) && "$$python" -m telemed.embedded.install $(wanted)
