# The commands of the project. Each installs what it needs: Debian packages when it may, the rest into .venv
# from the hash-pinned installer/requirements.lock.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
APT_RUN := libegl1 libgl1 libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 \
  libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libxcb-xfixes0 libdbus-1-3 libfontconfig1 libglib2.0-0
APT_TEST := orthanc orthanc-dicomweb dcmtk dicom3tools poppler-utils openssl xvfb xauth x11-utils curl dbus softhsm2 libengine-gost-openssl
APT_PACKAGE := binutils
PO := resources/locale/ru/LC_MESSAGES/workstation.po
MO := $(PO:.po=.mo)
DIR ?= tour

.PHONY: help demo test test-long check bench screenshots package setup apt-run apt-test apt-package lock messages clean

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo          open the workstation on the embedded IRIS; without a display, run the main job into ./tour
demo: apt-run setup
	@if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ] || [ "$$(uname -s)" != Linux ]; then $(BIN)/iris-workstation demo; else $(BIN)/iris-workstation tour $(DIR); fi

## make test          every test but the long ones
test: apt-run apt-test setup
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -m "not long" -n 2 --dist loadfile

## make test-long     every test, fault tests with their full counts
test-long: apt-run apt-test setup
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -n 2 --dist loadfile

## make check         ruff, mypy, import-linter, sizes, translations, licences
check: apt-run setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python .ci/house_rules.py

## make bench         figures beside their peers, as a table and JSON
bench: apt-run apt-test setup
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m benchmarks

## make screenshots   the pictures of README and docs
screenshots: apt-run apt-test setup
	$(BIN)/python -m benchmarks.screenshots docs/pictures

## make package       a folder with the frozen application in dist/
package: apt-run apt-package setup
	$(BIN)/pyinstaller --noconfirm --distpath dist --workpath build installer/iris-workstation.spec
	QT_QPA_PLATFORM=offscreen dist/iris-workstation/iris-workstation self-test

## make lock          pin the dependencies of pyproject.toml anew
lock: $(STAMP)
	$(BIN)/python -m pip --quiet install uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --no-annotate --upgrade pyproject.toml -o installer/requirements.lock

## make messages      collect translatable texts into the Russian catalogue
messages: setup
	$(BIN)/pybabel --quiet extract -k _ -k N_ -k ngettext:1,2 -w 120 --no-location --sort-output --omit-header \
	  -o build-messages.pot workstation
	sed '/^$$/q' $(PO) > build-header.po
	$(BIN)/pybabel --quiet update --no-fuzzy-matching -w 120 --omit-header -D workstation -i build-messages.pot -d resources/locale -l ru
	# Babel would date a header and forget the plural forms without one: ours is put back
	{ cat build-header.po; cat $(PO); } > build-messages.po && mv build-messages.po $(PO)
	rm -f build-messages.pot build-header.po

setup: $(STAMP) $(MO)

$(STAMP): installer/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=" >&2; exit 1; }
	[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV) || { echo "the venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes -r installer/requirements.lock
	$(BIN)/python -m pip --quiet --disable-pip-version-check install --no-deps --no-build-isolation --editable .
	touch $@

$(MO): $(PO) $(STAMP)
	$(BIN)/pybabel --quiet compile -D workstation -d resources/locale

apt-run:
	@.ci/apt $(APT_RUN)

apt-test:
	@.ci/apt $(APT_TEST)

apt-package:
	@.ci/apt $(APT_PACKAGE)

clean:
	rm -rf $(VENV) build dist tour
