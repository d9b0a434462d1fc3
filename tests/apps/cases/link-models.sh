# add: /bin/bash /lib/ld-musl-x86_64.so.1
for p in hello-nonpie hello-static hello-musl hello-musl-dynamic; do $p $p; echo "status $?"; done
(hello-nonpie 1; hello-nonpie 2) | wc -l
