# add: /bin/busybox
/bin/busybox sh -c 'for i in 1 2 3; do echo $i; done | busybox sort -r; busybox seq 5 | busybox awk "{s+=\$1} END{print s}"; echo hi | busybox tr a-z A-Z; busybox uname -s; (exit 4); echo $?'
