#!/bin/sh
# Usage: second_engine.sh FOLDER HIDDEN DOCKERD-ARGUMENT...
#
# A Docker engine that shares nothing with the one of this machine: in mount and network namespaces of its own, so that
# its /run (with containerd's sockets), its bridge and its rules are its own, and its mounts go with it. HIDDEN: folders,
# separated by colons, that it sees empty, as another machine would. FOLDER must not lie in one of them.
set -eu
folder=$1
hidden=$2
shift 2

mount -t tmpfs tmpfs /run
mkdir -m 755 /run/sshd # where an sshd, started in the same namespace, puts itself
IFS=:
for place in $hidden; do mount -t tmpfs -o mode=1777 tmpfs "$place"; done
unset IFS
mkdir "$folder/data"
mount -t tmpfs -o mode=711 tmpfs "$folder/data" # in memory: sooner written, and gone with us

exec dockerd -H unix:///run/docker.sock -H "unix://$folder/docker.sock" --pidfile "$folder/pid" \
    --data-root "$folder/data" --exec-root "$folder/exec" --shutdown-timeout 1 "$@"
