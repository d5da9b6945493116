#!/bin/sh
# Writes the root of a Debian with Python, and without ipykernel, as a tar archive to standard output.
# No documentation and no translations: a third less to write and to load.
exec mmdebstrap --quiet --variant=minbase --skip=output/dev --include=python3,python3-venv,ca-certificates \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' bookworm -
