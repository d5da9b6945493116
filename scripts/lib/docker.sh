# A Docker engine for tests, and what they make images, a registry and a remote engine from. Needs machine.sh, $venv.
#
# It ends well where there is no engine and none may be installed: the tests that need one say so themselves.

set_up_docker() {
    if may_install; then install_docker; fi
    if engine_answers || start_engine; then
        touch "$venv/set-up/docker"
    else
        say "without Docker, and without the tests that need it: $reason"
    fi
}

engine_answers() { docker version >/dev/null 2>&1; }

install_docker() {
    command -v dockerd >/dev/null || engine_answers || apt_install docker.io iptables ||
        say "docker.io could not be installed"
    missing=
    for pair in mmdebstrap:mmdebstrap docker-registry:docker-registry rootlesskit:rootlesskit \
        openssh-server:sshd openssh-client:ssh podman:podman catatonit:catatonit git-lfs:git-lfs; do
        command -v "${pair#*:}" >/dev/null || missing="$missing ${pair%:*}"
    done
    # In a shell of its own, whose end takes back what it changed.
    [ -z "$missing" ] || (install_without_starting $missing) || say "could not be installed:$missing"
}

# Tests start what they need by themselves, on ports of their own; nothing of it shall run on this machine for good.
install_without_starting() {
    policy=/usr/sbin/policy-rc.d # Debian's own way: what it refuses, no package starts
    if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy; fi
    trap '[ -z "$policy" ] || rm -f "$policy"' EXIT
    apt_install "$@" || return 1
    for package; do
        case $package in
        openssh-server) systemctl disable --quiet ssh 2>/dev/null || true ;;
        docker-registry) systemctl disable --quiet docker-registry 2>/dev/null || true ;;
        podman) systemctl disable --quiet podman.socket podman.service 2>/dev/null || true ;;
        esac
    done
}

# In the background, and for good: the next call finds it.
start_engine() {
    if [ -n "${DOCKER_HOST:-}" ]; then reason="no engine answers at DOCKER_HOST=$DOCKER_HOST." && return 1; fi
    if ! command -v dockerd >/dev/null; then reason="install it (\`sudo apt-get install docker.io\`)." && return 1; fi
    if [ "$(id -u)" != 0 ]; then
        reason="no engine answers, or you may not use it: \`sudo systemctl start docker\`, \`sudo usermod -aG docker \$USER\`."
        return 1
    fi
    if [ -d /run/systemd/system ]; then
        reason="\`systemctl start docker\` fails; \`journalctl -u docker\` says why."
        systemctl start docker && engine_answers && return 0
        return 1
    fi
    engine_log=${TMPDIR:-/tmp}/gpu-doc-dockerd.log
    say "starting dockerd; it writes to $engine_log"
    setsid dockerd </dev/null >"$engine_log" 2>&1 9<&- &
    engine=$!
    for _ in $(seq 120); do
        if engine_answers; then return 0; fi
        kill -0 $engine 2>/dev/null || break
        sleep 0.5
    done
    reason="dockerd does not start: $(tail -n 3 "$engine_log")"
    return 1
}
