#!/bin/sh
# Prints a Python that can run the project: $PYTHON, else the one of .venv, else the newest of 3.13, 3.12 and 3.11.
fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

if [ -n "$PYTHON" ]; then
    if fits "$PYTHON"; then echo "$PYTHON"; exit; fi
    echo "telemed: PYTHON=$PYTHON is not a Python 3.11, 3.12 or 3.13: name another one or unset PYTHON." >&2
    exit 1
fi
for python in .venv/bin/python python3.13 python3.12 python3.11 python3; do
    if fits "$python"; then echo "$python"; exit; fi
done
echo "telemed: Python 3.11, 3.12 or 3.13 was not found: install one (apt-get install python3 python3-venv) or set PYTHON." >&2
exit 1
