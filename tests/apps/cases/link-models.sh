# add: /bin/bash
for p in hello-nonpie hello-static hello-musl; do $p $p; echo "status $?"; done
(hello-nonpie 1; hello-nonpie 2) | wc -l
