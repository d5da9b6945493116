# A copy of the quickstart, with one parameter changed: what does `gpu-doc plan` say?
set -eu
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R examples/quickstart/. "$copy"
cd "$copy"
prompt() { printf '\033[1;32m$\033[0m %s\n' "$1"; }
prompt "sed -i 's/learning_rate: 0.05}/learning_rate: 0.07}/' gpu-doc.yml"
sed -i 's/learning_rate: 0.05}/learning_rate: 0.07}/' gpu-doc.yml
prompt "gpu-doc plan"
gpu-doc plan
