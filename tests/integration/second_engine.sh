#!/bin/sh
# Usage: second_engine.sh FOLDER HIDDEN OWNER USR DOCKERD-ARGUMENT...
#
# A Docker engine that shares nothing with the one of this machine: in mount and network namespaces of its own, so that
# its /run (with containerd's sockets), its bridge and its rules are its own, and its mounts go with it. HIDDEN: folders,
# separated by colons, that it sees empty, as another machine would. FOLDER must not lie in one of them. OWNER: the
# number of the user that it runs as; not 0 is rootless. USR: what it finds as /usr, where it is another version than
# this machine's; or nothing.
set -eu
folder=$1
hidden=$2
owner=$3
usr=$4
shift 4

if [ -n "$usr" ]; then
    mount --bind "$usr" /usr
    PATH=/usr/sbin:/usr/bin
    ip link set lo up
fi
mount -t tmpfs tmpfs /run
mkdir -m 755 /run/sshd # where an sshd, started in the same namespace, puts itself
IFS=:
for place in $hidden; do mount -t tmpfs -o mode=1777 tmpfs "$place"; done
unset IFS
mkdir "$folder/data"
mount -t tmpfs -o mode=711 tmpfs "$folder/data" # in memory: sooner written, and gone with us

set -- dockerd -H "unix://$folder/docker.sock" --pidfile "$folder/pid" --data-root "$folder/data" \
    --exec-root "$folder/exec" --shutdown-timeout 1 "$@"
[ "$owner" != 0 ] || exec "$@" -H unix:///run/docker.sock

# What Docker's own dockerd-rootless.sh does, less the network: only root may make a bridge here.
printf 'rootless:x:%s:%s::%s:/bin/sh\n' "$owner" "$owner" "$folder" | cat /etc/passwd - >"$folder/passwd"
echo rootless:200000:65536 >"$folder/subids"
mount --bind "$folder/passwd" /etc/passwd
for file in /etc/subuid /etc/subgid; do mount --bind "$folder/subids" $file; done
chown "$owner:$owner" "$folder" "$folder/data"
export HOME="$folder" XDG_RUNTIME_DIR="$folder"
exec setpriv --reuid "$owner" --regid "$owner" --clear-groups --pdeathsig TERM \
    rootlesskit --net=host --copy-up=/etc --copy-up=/run --propagation=rslave \
    "$@" --rootless --bridge none --iptables=false
