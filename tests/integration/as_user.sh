#!/bin/sh
# Usage: as_user.sh UID GROUPS PASSWD CLOSED PROGRAM...
#
# Runs a program as a user of that number with PASSWD as the list of users, in a mount namespace of its own. CLOSED:
# folders, separated by colons, that only root may enter and that Python or the checkout lie in; here everybody may.
set -eu
user=$1
groups=$2
closed=$4
mount --bind "$3" /etc/passwd
shift 4

IFS=:
for folder in $closed; do
    # A layer over the folder: opening it changes nothing beneath.
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/upper /mnt/work
    mount -t overlay -o "lowerdir=$folder,upperdir=/mnt/upper,workdir=/mnt/work" overlay "$folder"
    umount --lazy /mnt
    chmod a+x "$folder"
done
unset IFS
cd "$PWD" # through the layer

exec setpriv --reuid "$user" --regid "$user" --groups "$groups" "$@"
