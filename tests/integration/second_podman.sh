#!/bin/sh
# Usage: second_podman.sh FOLDER USR
#
# Podman's service at FOLDER/docker.sock, in a mount namespace of its own. USR: what it finds as /usr, where it is another
# version than this machine's; or nothing. Then it also has a network namespace of its own.
set -eu
folder=$1
usr=$2

if [ -n "$usr" ]; then
    mount --bind "$usr" /usr
    PATH=/usr/sbin:/usr/bin
    ip link set lo up
    mount -t tmpfs tmpfs /run # what netavark keeps there is about the network that it sees
fi
mkdir "$folder/data"
mount -t tmpfs tmpfs "$folder/data" # in memory: sooner written, and gone with us

# Podman raises these limits by itself, which root may not in every virtual machine.
cat >"$folder/containers.conf" <<END
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
END
# Podman 5 takes crun, which refuses a machine that has both versions of cgroups.
[ -z "$usr" ] || printf '[engine]\nruntime = "runc"\n' >>"$folder/containers.conf"
cat >"$folder/registries.conf" <<END
[[registry]]
location = "127.0.0.1:5000"
insecure = true
END
mkdir -p "$folder/.config/containers"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$folder/.config/containers/policy.json"
export CONTAINERS_CONF="$folder/containers.conf" CONTAINERS_REGISTRIES_CONF="$folder/registries.conf" HOME="$folder"
export PODMAN_IGNORE_CGROUPSV1_WARNING=1
exec podman --root "$folder/data/root" --runroot "$folder/data/run" --tmpdir "$folder/data/tmp" \
    system service --time=0 "unix://$folder/docker.sock"
