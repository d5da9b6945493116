#!/bin/sh
# Writes a root with a shell and without Python as a tar archive to standard output.
exec mmdebstrap --quiet --variant=extract --skip=output/dev --include=busybox-static \
    --extract-hook='ln -s busybox "$1/bin/sh"' bookworm -
